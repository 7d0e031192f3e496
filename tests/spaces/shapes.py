"""Shapes in which apps hand over their results, one function each; runs on Gradio 4.44 to 6."""

import base64
import io
import math
import os
import struct
import tempfile
import time
import wave
import zipfile
from pathlib import Path

import gradio as gr
import numpy as np
from gradio.components.plot import PlotData
from PIL import Image

FOLDER = Path(tempfile.mkdtemp(dir=os.environ.get("TMPDIR")))


def paint(colour="teal", side=64, mode="RGB"):
    return Image.new(mode, (side, side), colour)


def saved(name, image, **options):
    path = FOLDER / f"{time.time_ns()}-{name}"
    image.save(path, **options)
    return str(path)


def written(name, data):
    path = FOLDER / f"{time.time_ns()}-{name}"
    path.write_bytes(data)
    return str(path)


def inline():
    buffer = io.BytesIO()
    paint("orange").save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


# ---- the value stands inside an update of the component


def update_image(prompt):
    return gr.Image(value=paint(), visible=True)


def update_steps(prompt):
    for shade in ("red", "green", "blue"):
        time.sleep(0.8)
        yield gr.Image(value=paint(shade), visible=True)


def update_text(prompt):
    return gr.Textbox(value=f"an answer to {prompt}", visible=True)


def update_only(prompt):
    return paint(), gr.update(visible=False)


# ---- something beside the result


def picture_and_zip(prompt):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as pack:
        pack.writestr("readme.txt", "hello")
    return paint(), written("all.zip", buffer.getvalue())


def picture_and_facts(prompt):
    return paint(), {"path": "models/base", "steps": 4}


def no_picture(prompt):
    return None, 42, "Our machines are all taken; come back in ten minutes"


def no_picture_html(prompt):
    return None, "<p>Sign in before you paint</p>"


def seconds_then_seed(prompt, seed=0, randomize_seed=True):  # noqa: FBT002 - a tick box is one
    used = 424242 if randomize_seed else int(seed)
    return paint(((used // 7) % 256, 80, 120)), 3, used


def seed_then_picture(prompt):
    return 424242, paint()


def number_beside(prompt):
    return paint(), 7


def captioned(prompt):
    return [(paint("red"), "seed 11"), (paint("blue"), "seed 12")]


def annotated(prompt):
    mask = np.zeros((64, 64))
    mask[16:48, 16:48] = 1
    return paint(), [(mask, "cat"), ((4, 4, 20, 20), "dog")]


# ---- answers that are no plain text


def as_json(prompt):
    return {"tags": ["cat", "outdoors"], "nsfw": False}


def table(prompt):
    return [["cat", 0.9], ["dog", 0.1]]


def marked(prompt):
    return [("Ada", "person"), (" met ", None), ("Grace", "person")]


def talk(prompt):
    return [{"role": "user", "content": prompt}, {"role": "assistant", "content": f"You said {prompt}"}]


def talk_in_pairs(prompt):
    return [(prompt, f"You said {prompt}")]


def typed(prompt: str, top: int = 3) -> dict:
    return {"prompt": prompt, "top": top}


def nothing_to_read(prompt):
    return ""


# ---- pictures that are no plain PNG, JPEG or WebP


def plotted(prompt):
    return PlotData(type="matplotlib", plot=inline())


def html_picture(prompt):
    return f'<div><img src="{inline()}"></div>'


def animated_webp(prompt):
    return saved("a.webp", paint("red"), save_all=True, append_images=[paint("blue")], duration=100)


def still_gif(prompt):
    return saved("still.gif", paint())


def avif(prompt):
    return saved("a.avif", paint())


def svg(prompt):
    return written(
        "a.svg", b'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><rect width="64" height="64"/></svg>'
    )


def upscaled(prompt):
    return saved("big.png", paint("navy", 5000))


def turned(prompt):
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved("t.jpg", Image.new("RGB", (64, 32), "teal"), exif=exif)


def cut_out_steps(prompt):
    image = paint((255, 0, 0, 0), mode="RGBA")
    image.paste((0, 128, 0, 255), (16, 16, 48, 48))
    for _ in range(3):
        time.sleep(0.8)
        yield saved("cut.png", image)


def freed_at_last(prompt):
    """The last step says nothing of the picture and the text: the page goes on showing them."""
    for shade in ("red", "green"):
        yield paint(shade), f"{prompt} in {shade}"
        time.sleep(0.2)
    yield gr.update(visible=True), gr.update()


def streamed(prompt):
    """A sound that comes in pieces."""
    for pitch in (300, 400, 500):
        piece = io.BytesIO()
        with wave.open(piece, "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(8000)
            turns = [math.sin(2 * math.pi * pitch * n / 8000) for n in range(4000)]
            sound.writeframes(b"".join(struct.pack("<h", int(8000 * turn)) for turn in turns))
        yield piece.getvalue()
        time.sleep(0.2)


def chat(message, history):
    return f"an answer to {message}"


def video(prompt):
    return written("v.mp4", b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + b"\0" * 64)


with gr.Blocks() as demo:
    prompt = gr.Textbox(label="prompt")

    def function(run, *outputs, inputs=()):
        gr.Button(run.__name__).click(run, [prompt, *inputs], list(outputs), api_name=run.__name__)

    for run in (update_image, update_steps, animated_webp, still_gif, avif, svg, upscaled, turned, cut_out_steps):
        function(run, gr.Image(type="filepath", format="png"))
    function(update_text, gr.Textbox())
    function(picture_and_zip, gr.Image(), gr.File())
    function(picture_and_facts, gr.Image(), gr.JSON())
    function(no_picture, gr.Image(), gr.Number(label="seed"), gr.Textbox(label="info"))
    function(no_picture_html, gr.Image(), gr.HTML())
    function(
        seconds_then_seed,
        gr.Image(),
        gr.Number(label="seconds"),
        gr.Number(label="seed"),
        inputs=[gr.Number(0, label="seed"), gr.Checkbox(True, label="randomize")],
    )
    function(seed_then_picture, gr.Number(label="seed"), gr.Image())
    function(captioned, gr.Gallery())
    function(annotated, gr.AnnotatedImage())
    function(as_json, gr.JSON())
    function(table, gr.Dataframe())
    function(marked, gr.HighlightedText())
    function(talk, gr.Chatbot(**({} if gr.__version__ >= "6" else {"type": "messages"})))
    if gr.__version__ < "6":
        function(talk_in_pairs, gr.Chatbot(type="tuples"))
    function(number_beside, gr.Image(), gr.Number(label="seconds"))
    function(freed_at_last, gr.Image(format="png"), gr.Textbox())
    function(streamed, gr.Audio(streaming=True))
    # Its function is /chat.
    gr.ChatInterface(chat, **({} if gr.__version__ < "5" or gr.__version__ >= "6" else {"type": "messages"}))
    function(update_only, gr.Image(), gr.Textbox())
    function(nothing_to_read, gr.Textbox())
    function(plotted, gr.Plot())
    function(html_picture, gr.HTML())
    function(video, gr.Video())
    if hasattr(gr, "api"):  # from 5.5 on
        gr.api(typed, api_name="typed")

if __name__ == "__main__":
    demo.queue(default_concurrency_limit=4).launch()
