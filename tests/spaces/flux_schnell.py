"""Systems 1 and 3: ``/infer`` with the signature of black-forest-labs/FLUX.1-schnell."""

import os

import gradio as gr
from painter import MAX_IMAGE_SIZE, MAX_SEED, choose_seed, note, paint, refusal, steps


def infer(
    prompt,
    seed=0,
    randomize_seed=True,  # noqa: FBT002 - the real signature
    width=768,
    height=768,
    num_inference_steps=2,
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
        num_inference_steps=num_inference_steps,
    )
    refused = refusal()
    if refused:
        raise gr.Error(refused)
    if prompt.startswith("quota"):
        raise gr.Error("You have exceeded your GPU quota (60s requested vs. 0s left). Try again in 0:09:48")
    if prompt.startswith("crash"):
        raise ValueError("hidden")
    seed = choose_seed(seed, randomize_seed)
    for _ in steps(num_inference_steps, progress):
        pass
    return paint(prompt, seed, width, height), seed


def renamed(
    text,
    seed=0,
    randomize_seed=True,  # noqa: FBT002 - as above
    width=768,
    height=768,
    num_inference_steps=2,
    request: gr.Request = None,
    progress=gr.Progress(),
):
    """The same after its author has found a better name for the prompt."""
    return infer(text, seed, randomize_seed, width, height, num_inference_steps, request, progress)


with gr.Blocks() as demo:
    prompt = gr.Text(label="Prompt")
    run = gr.Button("Run")
    result = gr.Image(label="Result")
    seed = gr.Slider(label="Seed", minimum=0, maximum=MAX_SEED, step=1, value=0)
    randomize_seed = gr.Checkbox(label="Randomize seed", value=True)
    width = gr.Slider(label="Width", minimum=32, maximum=MAX_IMAGE_SIZE, step=8, value=1024)
    height = gr.Slider(label="Height", minimum=32, maximum=MAX_IMAGE_SIZE, step=8, value=1024)
    num_inference_steps = gr.Slider(label="Number of inference steps", minimum=1, maximum=50, step=1, value=4)
    gr.on(
        triggers=[run.click, prompt.submit],
        fn=renamed if os.environ.get("SPACE_RENAMED") else infer,
        inputs=[prompt, seed, randomize_seed, width, height, num_inference_steps],
        outputs=[result, seed],
        api_name="infer",  # Gradio 4.8 gives it no name by itself
    )

if __name__ == "__main__":
    demo.launch()
