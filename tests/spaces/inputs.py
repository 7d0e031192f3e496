"""Inputs of the kinds that people's apps have; each function answers in JSON what it was given."""

import json
from pathlib import Path

import gradio as gr
import numpy as np
from PIL import Image


def shape(value):
    if isinstance(value, np.ndarray):
        return list(value.shape)
    if isinstance(value, Image.Image):
        return [value.mode, *value.size]
    if isinstance(value, dict):
        return {k: shape(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [shape(v) for v in value]
    if isinstance(value, str) and value and Path(value).is_file():
        return "a file"
    return value


def said(**values):
    return json.dumps({k: shape(v) for k, v in values.items()})


def inpaint(prompt, editor, strength=0.8):
    return said(prompt=prompt, editor=editor, strength=strength)


def ask(message, temperature=0.5):
    return said(message=message, temperature=temperature)


def styled(prompt, styles, extras):
    return said(prompt=prompt, styles=styles, extras=extras)


def sized(prompt, factor):
    return said(prompt=prompt, factor=factor)


def negative(prompt, negative_prompt):
    return said(prompt=prompt, negative_prompt=negative_prompt)


def optional(prompt, audio, document, picture):
    return said(prompt=prompt, audio=audio, document=document, picture=picture)


with gr.Blocks() as demo:
    prompt = gr.Textbox(label="prompt")
    strength = gr.Slider(0, 1, 0.8, label="strength")
    out = gr.Textbox()

    def function(run, inputs):
        gr.Button(run.__name__).click(run, inputs, [out], api_name=run.__name__)

    function(inpaint, [prompt, gr.ImageEditor(type="pil"), strength])
    function(ask, [gr.MultimodalTextbox(), strength])
    function(
        styled,
        [
            prompt,
            gr.CheckboxGroup(["photo", "anime", "oil"], value=["photo"]),
            gr.Dropdown(["a", "b", "c"], multiselect=True, value=[]),
        ],
    )
    function(sized, [prompt, gr.Radio([2, 4, 8], value=2)])
    function(negative, [prompt, gr.Textbox(label="negative prompt")])
    function(optional, [prompt, gr.Audio(type="filepath"), gr.File(), gr.Image(type="filepath")])

if __name__ == "__main__":
    demo.queue().launch()
