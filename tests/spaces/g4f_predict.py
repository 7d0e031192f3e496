"""System 6's blocking endpoint: function 3 of the app, answered by ``/run/predict``."""

import time

import gradio as gr
from painter import MAX_SEED, STEP, choose_seed, note, paint


def predict(prompt, seed, width, height, randomize_seed, num_inference_steps, request: gr.Request = None):
    note(
        "predict",
        request,
        prompt=prompt,
        seed=seed,
        width=width,
        height=height,
        randomize_seed=randomize_seed,
        num_inference_steps=num_inference_steps,
    )
    if prompt.startswith("quota"):
        raise gr.Error("You have exceeded your GPU quota (60s requested vs. 0s left). Try again in 0:09:48")
    time.sleep(STEP * 30)
    seed = choose_seed(seed, randomize_seed)
    return paint(prompt, seed, width, height), seed


with gr.Blocks() as demo:
    prompt = gr.Text(label="Prompt")
    seed = gr.Slider(label="Seed", minimum=0, maximum=MAX_SEED, step=1, value=0)
    width = gr.Slider(label="Width", minimum=32, maximum=2048, step=8, value=1024)
    height = gr.Slider(label="Height", minimum=32, maximum=2048, step=8, value=1024)
    randomize_seed = gr.Checkbox(label="Randomize seed", value=True)
    num_inference_steps = gr.Slider(label="Steps", minimum=1, maximum=50, step=1, value=1)
    result = gr.Image(label="Result")
    run = gr.Button("Run")
    for other in ("first", "second", "third"):
        result.change(lambda: None, None, None, api_name=other)
    # Functions outside the queue answer a direct POST also where the app is a Space.
    run.click(
        predict,
        inputs=[prompt, seed, width, height, randomize_seed, num_inference_steps],
        outputs=[result, seed],
        api_name="predict",
        queue=False,
    )

if __name__ == "__main__":
    demo.launch()
