"""An app of three functions that want to be called in order, in one session, as those for videos and 3D often do.

Each function notes its run in ``SPACE_LOG``. The state tells the later ones that the first one ran in their session.
"""

import json
import os
import tempfile
import time
from pathlib import Path

import gradio as gr
from PIL import Image, ImageOps


def note(what, session, **more):
    with Path(os.environ["SPACE_LOG"]).open("a", encoding="utf-8") as log:
        log.write(json.dumps({"text": what, "session": session, **more}) + "\n")


def preprocess(picture, request: gr.Request):
    note("preprocess", request.session_hash)
    return ImageOps.invert(picture.convert("RGB")), {"size": picture.size}, "ready"


def generate(prepared, prompt, seconds, state, progress=gr.Progress()):
    if not state:
        raise gr.Error("call /preprocess first")
    for step in range(10):
        progress((step, 10))
        time.sleep(float(seconds) / 10)
    runs = state.get("runs", 0) + 1
    note("generate", prompt, runs=runs)
    picture = prepared.resize((32, 32))
    return [(picture, prompt), (ImageOps.mirror(picture), "mirrored")], {**state, "runs": runs}


def extract(pictures, detail, state, request: gr.Request):
    if not state or not state.get("runs"):
        raise gr.Error("call /generate first")
    note("extract", request.session_hash, runs=state["runs"])
    with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
        json.dump({"size": state["size"], "runs": state["runs"], "detail": detail}, file)
    first = pictures[0][0]
    return first if isinstance(first, Image.Image) else Image.open(first), json.dumps({"runs": state["runs"]})


def retouch(editor, words, more_words, pictures):
    return f"{editor['background'].size} {words} {more_words} {pictures[0][0].size}"


with gr.Blocks() as demo:
    state = gr.State()
    picture = gr.Image(type="pil", label="picture")
    prepared = gr.Image(type="pil", label="prepared")
    ready = gr.Textbox(label="ready")
    prompt = gr.Textbox(label="prompt")
    seconds = gr.Number(0, label="seconds")
    pictures = gr.Gallery(type="pil", label="pictures")
    detail = gr.Radio(["coarse", "fine"], value="coarse", label="detail")
    result = gr.Image(label="result")
    facts = gr.Textbox(label="facts")
    gr.Button().click(preprocess, [picture], [prepared, state, ready], api_name="preprocess")
    gr.Button().click(generate, [prepared, prompt, seconds, state], [pictures, state], api_name="generate")
    gr.Button().click(extract, [pictures, detail, state], [result, facts], api_name="extract")
    editor, album = gr.ImageEditor(type="pil", label="editor"), gr.Gallery(type="pil", label="pictures")
    words, more_words, told = gr.Textbox(label="words"), gr.Textbox(label="more words"), gr.Textbox(label="told")
    gr.Button().click(retouch, [editor, words, more_words, album], [told], api_name="retouch")

if __name__ == "__main__":
    demo.queue().launch()
