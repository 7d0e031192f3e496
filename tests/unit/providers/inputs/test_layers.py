from __future__ import annotations

import io

import pytest
from PIL import Image

from providers.errors import Rejected
from providers.inputs.layers import composite
from providers.spec import InputFile


def picture(colour: str | tuple[int, int, int, int], size: tuple[int, int] = (8, 8)) -> InputFile:
    buffer = io.BytesIO()
    Image.new("RGBA", size, colour).save(buffer, "PNG")
    return InputFile("input.png", buffer.getvalue(), "image/png")


def test_what_is_transparent_shows_what_is_below() -> None:
    clear, half = picture((255, 0, 0, 0)), picture((0, 0, 255, 128))
    with Image.open(io.BytesIO(composite([picture("lime"), clear]).data)) as seen:
        assert seen.getpixel((0, 0)) == (0, 255, 0, 255)
    with Image.open(io.BytesIO(composite([picture("lime"), clear, half]).data)) as seen:
        assert seen.getpixel((0, 0)) == (0, 127, 128, 255)


def test_a_layer_of_another_size_is_refused() -> None:
    with pytest.raises(Rejected, match="it has 4x8 pixels, and the picture 8x8"):
        composite([picture("lime"), picture("red", (4, 8))])
