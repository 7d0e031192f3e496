"""A Gradio app with one function per thing that an app can do; runs on Gradio 4.8 to 6.

Settings come by environment: ``SPACE_MAX_SIZE`` (places in the queue),
``SPACE_LOGIN`` (``name:password``), ``SPACE_LOG`` (a file that gets one line
of JSON for each start, step and end of a function).
"""

import asyncio
import json
import os
import tempfile
import time
from pathlib import Path

import gradio as gr
from PIL import Image
from tqdm import tqdm


def note(function, what, text):
    path = os.environ.get("SPACE_LOG")
    if path:
        with Path(path).open("a", encoding="utf-8") as log:
            log.write(json.dumps({"function": function, "what": what, "text": text}) + "\n")


def picture(step, side=48):
    return Image.new("RGB", (side, side), (step * 40 % 256, 90, 160))


def quick(text):
    note("quick", "start", text)
    return f"quick: {text}"


def slow(text, seconds=1.0):
    note("slow", "start", text)
    time.sleep(seconds)
    note("slow", "end", text)
    return f"slow: {text}"


def generate(text, steps=3, delay=0.2):
    note("generate", "start", text)
    for step in range(int(steps)):
        time.sleep(delay)
        note("generate", f"step {step}", text)
        yield picture(step), step
    note("generate", "end", text)


def bars(steps=3):
    progress = gr.Progress()
    progress(0, desc="warming up")
    for _ in progress.tqdm(range(int(steps)), desc="painting", unit="steps"):
        time.sleep(0.15)
    return "done"


def tracked(steps=3, progress=gr.Progress(track_tqdm=True)):
    for _ in tqdm(range(int(steps)), desc="denoising"):
        time.sleep(0.15)
    return "done"


def logs(text):
    gr.Info(f"info <b>{text}</b>")
    gr.Warning(f"warning {text}")
    return "done"


def fail(text):
    raise gr.Error(text)


def used_up(text):
    raise gr.Error("You have exceeded your GPU quota (60s requested vs. 0s left). Try again in 0:09:48")


def crash(text):
    raise RuntimeError(f"secret inside: {text}")


def count(text, calls):
    calls = (calls or 0) + 1
    return f"{text} {calls}", calls


def gallery(pictures=3):
    return [picture(number) for number in range(int(pictures))]


def echo_image(image):
    return image


def save(text):
    path = Path(tempfile.mkdtemp()) / "a file, 100% ü.txt"
    path.write_text(text, encoding="utf-8")
    return str(path)


def defaults(text, number=7, ticked=True, choice="b"):  # noqa: FBT002 - a tick box is one
    return json.dumps([text, number, ticked, choice])


async def together(text, seconds=1.0):
    note("together", "start", text)
    await asyncio.sleep(seconds)
    return f"together: {text}"


with gr.Blocks() as demo:
    text = gr.Textbox(label="text")
    number = gr.Number(value=7, label="number")
    seconds = gr.Number(value=1.0, label="seconds")
    steps = gr.Slider(minimum=1, maximum=100, step=1, value=3, label="steps")
    ticked = gr.Checkbox(value=True, label="ticked")
    choice = gr.Dropdown(choices=["a", "b"], value="b", label="choice")
    image_in, image = gr.Image(type="pil"), gr.Image(type="pil")
    pictures, file, out, seed = gr.Gallery(), gr.File(), gr.Textbox(), gr.Number()
    calls = gr.State(0)

    def function(run, inputs, outputs, **options):
        gr.Button(run.__name__).click(run, inputs, outputs, **{"api_name": run.__name__, **options})

    function(quick, [text], [out])
    function(slow, [text, seconds], [out])
    function(generate, [text, steps, seconds], [image, seed])
    function(bars, [steps], [out])
    function(tracked, [steps], [out])
    function(logs, [text], [out])
    function(fail, [text], [out])
    function(crash, [text], [out])
    function(count, [text, calls], [out, calls])
    function(gallery, [steps], [pictures])
    function(echo_image, [image_in], [image])
    function(save, [text], [file])
    function(defaults, [text, number, ticked, choice], [out])
    function(together, [text, seconds], [out], concurrency_limit=None)
    function(quick, [text], [out], api_name=False)
    function(used_up, [text], [out])

places = os.environ.get("SPACE_MAX_SIZE")
login = os.environ.get("SPACE_LOGIN")
demo.queue(max_size=int(places) if places else None)

if __name__ == "__main__":
    # Gradio runs at most this many functions at once, asynchronous ones too, whatever their own limits say.
    threads = int(os.environ.get("SPACE_MAX_THREADS", "40"))
    demo.launch(auth=tuple(login.split(":", 1)) if login else None, max_threads=threads)
