"""An app that writes, films and speaks: a text that comes word by word, a video, a sound."""

import os
import runpy
import tempfile
import time
from io import BytesIO
from pathlib import Path

import gradio as gr
from painter import STEP, note, paint

FOLDER = Path(tempfile.mkdtemp(dir=os.environ.get("TMPDIR")))
#: Films and sounds that can be played, made without a codec.
samples = runpy.run_path(str(Path(__file__).parents[2] / "providers" / "echo" / "samples.py"))


def written(name, data):
    path = FOLDER / f"{time.time_ns()}-{name}"
    path.write_bytes(data)
    return str(path)


def refuse(text):
    if text.startswith("crash"):
        raise ValueError("hidden")


def write(prompt, request: gr.Request = None):
    note("write", request, prompt=prompt)
    refuse(prompt)
    words = f"You said {prompt.splitlines()[0]} and I wrote this.".split(" ")
    for count in range(len(words)):
        time.sleep(STEP)
        yield " ".join(words[: count + 1])


def film(prompt, duration, width, height, image, request: gr.Request = None):
    first = None if image is None else list(image.size)
    note("film", request, prompt=prompt, duration=duration, width=width, height=height, image=first)
    refuse(prompt)
    frames = []
    for number in range(2):
        buffer = BytesIO()
        paint(prompt, number, width, height).save(buffer, "PNG")
        frames.append(buffer.getvalue())
    return written("film.webm", samples["film"](frames))


def speak(text, voice, speed, request: gr.Request = None):
    note("speak", request, text=text, voice=voice, speed=speed)
    refuse(text)
    return written("speech.wav", samples["sound"](0.1 * speed))


with gr.Blocks() as demo:
    text, voice = gr.Textbox(label="Text"), gr.Textbox("ada", label="Voice")
    duration, speed = gr.Number(2, label="Duration"), gr.Number(1, label="Speed")
    width, height = gr.Number(64, label="Width", precision=0), gr.Number(64, label="Height", precision=0)
    image = gr.Image(type="pil", label="First picture")
    run = gr.Button("Run")
    run.click(write, [text], gr.Textbox(), api_name="write")
    run.click(film, [text, duration, width, height, image], gr.Video(), api_name="film")
    run.click(speak, [text, voice, speed], gr.Audio(type="filepath"), api_name="speak")

if __name__ == "__main__":
    demo.launch()
