"""An app that does not tell its parameters' names. MODE=hidden: the function is left out of /info; MODE=broken: /info fails.

It prints what it was given, as JSON.
"""

import json
import os

import gradio as gr
from PIL import Image

MODE = os.environ.get("MODE", "hidden")


def infer(prompt, negative_prompt, seed, width, height, steps):
    print(json.dumps([prompt, negative_prompt, seed, width, height, steps]), flush=True)
    return Image.new("RGB", (int(width), int(height)), "teal"), seed


with gr.Blocks() as demo:
    boxes = [
        gr.Textbox(label="prompt"),
        gr.Textbox("ugly", label="negative prompt"),
        gr.Number(0, label="seed"),
        gr.Number(512, label="width"),
        gr.Number(512, label="height"),
        gr.Number(4, label="steps"),
    ]
    left_out = {"api_visibility": "undocumented"} if gr.__version__ >= "6" else {"show_api": False}
    gr.Button().click(
        infer, boxes, [gr.Image(), gr.Number()], api_name="infer", **(left_out if MODE == "hidden" else {})
    )


def break_info():
    """Some versions of the libraries below Gradio cannot describe an app's types: then /info is 500 and all else works."""
    import gradio_client.utils

    def fail(*_, **__):
        raise TypeError("a schema that is no object")

    gradio_client.utils.json_schema_to_python_type = fail
    demo.app.api_info = demo.app.all_app_info = None


if __name__ == "__main__":
    demo.queue().launch(prevent_thread_lock=True)
    if MODE == "broken":
        break_info()
    demo.block_thread()
