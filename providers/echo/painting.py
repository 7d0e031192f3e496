"""Images without a GPU: painted from prompt and seed, always the same."""

from __future__ import annotations

import colorsys
import io
import math
import random
import zlib

from PIL import Image, ImageDraw, ImageFilter


def paint(prompt: str, seed: int, width: int, height: int, *, finished: float = 1.0) -> bytes:
    """Paint an evening over hills, as a PNG: its colours and shapes by prompt and seed, its size in pixels.

    If it is ``finished`` (0 to 1) by less than 1, it is blurred, like a preview.
    """
    # S311: paint needs no secret. crc32 rather than hash(): the latter differs between processes.
    rng = random.Random(zlib.crc32(prompt.encode()) ^ seed)  # noqa: S311
    hue = rng.randrange(256)
    image = _sky(hue, width, height)
    draw = ImageDraw.Draw(image)
    radius = min(width, height) * rng.uniform(0.06, 0.14)
    x, y = width * rng.uniform(0.2, 0.8), height * rng.uniform(0.2, 0.45)
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=_colour((hue + 24) % 256, 70, 255))
    for layer in range(4):
        _hills(draw, rng, hue, layer, width, height)
    if finished < 1.0:
        image = image.filter(ImageFilter.GaussianBlur((1.0 - finished) * max(width, height) / 16))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def _colour(hue: int, saturation: int, value: int) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(hue / 255, saturation / 255, value / 255)
    return round(red * 255), round(green * 255), round(blue * 255)


def _sky(hue: int, width: int, height: int) -> Image.Image:
    top, bottom = _colour((hue + 150) % 256, 170, 90), _colour((hue + 10) % 256, 150, 235)
    shade = Image.linear_gradient("L").resize((width, height))
    return Image.composite(Image.new("RGB", (width, height), bottom), Image.new("RGB", (width, height), top), shade)


def _hills(draw: ImageDraw.ImageDraw, rng: random.Random, hue: int, layer: int, width: int, height: int) -> None:
    base, swing = height * (0.5 + 0.12 * layer), height * rng.uniform(0.03, 0.08)
    waves = [(rng.uniform(0.5, 3.0), rng.uniform(0, math.tau), rng.uniform(0.3, 1.0)) for _ in range(3)]
    ridge = [
        (x, base - swing * sum(high * math.sin(often * x / width * math.tau + at) for often, at, high in waves))
        for x in range(0, width + 8, 8)
    ]
    draw.polygon([(0, height), *ridge, (width + 8, height)], fill=_colour((hue + 130) % 256, 120, 130 - 30 * layer))
