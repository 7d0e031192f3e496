"""A Gradio app with the signature of FLUX.1-dev that paints on the CPU: the upstream of ``darkroom demo``.

Usage: ``python app.py PORT FOLDER``; it keeps its files in FOLDER. Run by a Python that has Gradio 6, not by
Darkroom's own.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Iterator

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
if len(sys.argv) > 2:  # Gradio's own default is one folder for all users of the machine
    os.environ["GRADIO_TEMP_DIR"] = sys.argv[2]

import gradio as gr
from develop import Tray
from picture import paint
from PIL import Image

MAX_SEED = 2**31 - 1
MAX_SIDE = 2048
#: Seconds that all steps take together; a picture that comes at once cannot be watched.
DEVELOPING_SECONDS = 3.5


def infer(
    prompt: str,
    seed: int = 42,
    randomize_seed: bool = False,
    width: int = 1024,
    height: int = 1024,
    guidance_scale: float = 3.5,
    num_inference_steps: int = 28,
    progress: gr.Progress = gr.Progress(),  # noqa: B008 - how a Gradio function asks for progress
) -> Iterator[tuple[Image.Image, int]]:
    """Paint a prompt, and show how it develops."""
    del guidance_scale  # the painter has no use for it; the signature has it
    seed = random.randint(0, MAX_SEED) if randomize_seed else int(seed)
    total = int(num_inference_steps)
    progress((0, total), desc="Exposing the paper", unit="steps")
    picture = paint(prompt, seed, int(width), int(height))
    tray = Tray(picture, seed)
    for step in range(1, total + 1):
        began = time.monotonic()
        progress((step, total), desc="Developing", unit="steps")
        if step < total:
            yield tray.at(step / total), seed
        time.sleep(max(0.0, DEVELOPING_SECONDS / total - (time.monotonic() - began)))
    yield picture, seed


def build() -> gr.Blocks:
    """The app."""
    with gr.Blocks(title="The demo's painter") as app:
        gr.Markdown(
            "# The demo's painter\nWords it knows: lighthouse, sea, mountain, forest, city, desert, moon, storm …"
        )
        prompt = gr.Text(label="Prompt", value="a lighthouse by the sea at dusk, the moon rising")
        run = gr.Button("Paint")
        result = gr.Image(label="Result", format="webp")
        seed = gr.Slider(0, MAX_SEED, value=0, step=1, label="Seed")
        randomize_seed = gr.Checkbox(value=True, label="Randomize seed")
        width = gr.Slider(32, MAX_SIDE, value=1024, step=8, label="Width")
        height = gr.Slider(32, MAX_SIDE, value=1024, step=8, label="Height")
        guidance_scale = gr.Slider(1, 15, value=3.5, step=0.1, label="Guidance scale")
        steps = gr.Slider(1, 50, value=28, step=1, label="Number of inference steps")
        gr.on(
            triggers=[run.click, prompt.submit],
            fn=infer,
            inputs=[prompt, seed, randomize_seed, width, height, guidance_scale, steps],
            outputs=[result, seed],
            api_name="infer",
            concurrency_limit=2,
        )
    return app


if __name__ == "__main__":
    build().launch(server_name="127.0.0.1", server_port=int(sys.argv[1]), quiet=True)
