"""Apps that a declared provider may meet: pictures in and out, texts, and parameters with other names than ours."""

import gradio as gr
from painter import note, paint


def invert(picture, strength=1.0, request: gr.Request = None):
    note("invert", request, picture=list(picture.shape), strength=strength)
    return 255 - picture, int(strength * 10)


def describe(question, style="plain", request: gr.Request = None):
    note("describe", request, question=question, style=style)
    return f"{style}: {question}"


def series(prompt, count=2):
    return [(paint(prompt, number, 64, 64), f"number {number}") for number in range(int(count))]


with gr.Blocks() as demo:
    picture = gr.Image()
    strength = gr.Slider(minimum=0, maximum=2, step=0.1, value=1.0)
    question = gr.Textbox()
    style = gr.Dropdown(["plain", "fancy"], value="plain")
    count = gr.Number(value=2, precision=0)
    inverted = gr.Image()
    number = gr.Number()
    answer = gr.Textbox()
    gallery = gr.Gallery()
    run = gr.Button("Run")
    run.click(invert, [picture, strength], [inverted, number], api_name="invert")
    run.click(describe, [question, style], answer, api_name="describe")
    run.click(series, [question, count], gallery, api_name="series")

if __name__ == "__main__":
    demo.launch()
