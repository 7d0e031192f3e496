"""Systems 2 and 5: ``/infer`` with the signature of black-forest-labs/FLUX.1-dev, with previews."""

import gradio as gr
from painter import MAX_IMAGE_SIZE, MAX_SEED, choose_seed, note, paint, steps


def infer(
    prompt,
    seed=42,
    randomize_seed=False,  # noqa: FBT002 - the real signature
    width=1024,
    height=1024,
    guidance_scale=3.5,
    num_inference_steps=28,
    request: gr.Request = None,
    progress=gr.Progress(),
):
    note(
        "infer",
        request,
        prompt=prompt,
        seed=seed,
        randomize_seed=randomize_seed,
        width=width,
        height=height,
        guidance_scale=guidance_scale,
        num_inference_steps=num_inference_steps,
    )
    gr.Info("Waiting for a GPU to become available")
    seed = choose_seed(seed, randomize_seed)
    for step in steps(num_inference_steps, progress):
        yield paint(prompt, seed, width, height, (step + 1) / (num_inference_steps + 1)), seed
    yield paint(prompt, seed, width, height), seed


with gr.Blocks() as demo:
    # The order of the functions and components is no part of the API: the Space's own is /infer, function 2.
    prompt = gr.Text(label="Prompt")
    run = gr.Button("Run")
    result = gr.Image(label="Result")
    seed = gr.Slider(label="Seed", minimum=0, maximum=MAX_SEED, step=1, value=0)
    randomize_seed = gr.Checkbox(label="Randomize seed", value=True)
    width = gr.Slider(label="Width", minimum=32, maximum=MAX_IMAGE_SIZE, step=8, value=1024)
    height = gr.Slider(label="Height", minimum=32, maximum=MAX_IMAGE_SIZE, step=8, value=1024)
    guidance_scale = gr.Slider(label="Guidance Scale", minimum=1, maximum=15, step=0.1, value=3.5)
    num_inference_steps = gr.Slider(label="Number of inference steps", minimum=1, maximum=50, step=1, value=28)
    result.change(lambda: None, None, None, api_name="first")
    result.clear(lambda: None, None, None, api_name="second")
    gr.on(
        triggers=[run.click, prompt.submit],
        fn=infer,
        inputs=[prompt, seed, randomize_seed, width, height, guidance_scale, num_inference_steps],
        outputs=[result, seed],
        api_name="infer",
    )

if __name__ == "__main__":
    demo.launch()
