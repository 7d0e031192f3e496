"""An app whose second release has its two functions in the other order. RELEASE=1 or 2, same port."""

import os

import gradio as gr
from PIL import Image


def infer(prompt, seed=0):
    print("infer", prompt, flush=True)
    return Image.new("RGB", (64, 64), "green"), seed


def grid(prompt, seed=0):
    print("grid", prompt, flush=True)
    return Image.new("RGB", (16, 16), "red"), seed


with gr.Blocks() as demo:
    boxes, outputs = [gr.Textbox(label="prompt"), gr.Number(0, label="seed")], [gr.Image(), gr.Number()]
    for run in [infer, grid] if os.environ.get("RELEASE", "1") == "1" else [grid, infer]:
        gr.Button(run.__name__).click(run, boxes, outputs, api_name=run.__name__)

if __name__ == "__main__":
    demo.queue().launch()
