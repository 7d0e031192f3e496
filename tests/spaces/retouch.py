"""Image to image: what comes in is written down byte for byte, and comes out inverted, or pasted side by side."""

import hashlib
from pathlib import Path

import gradio as gr
from painter import note
from PIL import Image, ImageOps


def look(path):
    """A file that came in: its bytes, and what a reader of EXIF finds in it."""
    data = Path(path).read_bytes()
    with Image.open(path) as image:
        found = {
            "sha256": hashlib.sha256(data).hexdigest(),
            "format": image.format,
            "size": list(image.size),
            "mode": image.mode,
            "exif": len(image.getexif()),
            "gps": len(image.getexif().get_ifd(0x8825)),
            "info": sorted(image.info),
            "canary": b"canary" in data,
        }
        return found, ImageOps.invert(image.convert("RGB"))


def retouch(picture, request: gr.Request = None):
    found, inverted = look(picture)
    note("retouch", request, picture=found)
    return inverted


def mix(base, mask, request: gr.Request = None):
    found = {"base": look(base)[0], "mask": None if mask is None else look(mask)[0]}
    note("mix", request, **found)
    return look(base)[1]


def describe(picture, question, request: gr.Request = None):
    found, _ = look(picture)
    note("describe", request, picture=found, question=question)
    return f"A picture of {found['size'][0]}x{found['size'][1]}. You asked: {question}"


def collage(pictures, request: gr.Request = None):
    # A gallery gives (path, caption), several files their paths.
    looked = [look(item[0] if isinstance(item, (list, tuple)) else item) for item in pictures]
    note("collage", request, pictures=[found for found, _ in looked])
    made = Image.new("RGB", (sum(image.width for _, image in looked), max(image.height for _, image in looked)))
    left = 0
    for _, image in looked:
        made.paste(image, (left, 0))
        left += image.width
    return made


with gr.Blocks() as demo:
    # image_mode=None: the file stays as it was uploaded.
    picture, mask = gr.Image(type="filepath", image_mode=None), gr.Image(type="filepath", image_mode=None)
    pictures = gr.Gallery(type="filepath", interactive=True)
    papers = gr.File(file_count="multiple", type="filepath")
    result = gr.Image(format="png")
    run = gr.Button("Run")
    run.click(retouch, [picture], result, api_name="retouch")
    run.click(mix, [picture, mask], result, api_name="mix")
    run.click(describe, [picture, gr.Textbox(label="Question")], gr.Textbox(), api_name="describe")
    run.click(collage, [pictures], result, api_name="collage")
    run.click(collage, [papers], result, api_name="staple")

if __name__ == "__main__":
    demo.launch()
