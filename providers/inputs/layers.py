"""A picture with the layers that are drawn on it, as an editor shows them. Pure."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image

from providers.errors import Rejected
from providers.spec import InputFile


def composite(files: Sequence[InputFile]) -> InputFile:
    """What a picture looks like under its layers, as PNG. What is transparent in a layer shows what is below it.

    Args:
        files: Pictures that were verified; the first is the lowest.

    Raises:
        Rejected: A layer has another size than the picture.
    """
    with Image.open(io.BytesIO(files[0].data)) as ground:
        whole = ground.convert("RGBA")
    for file in files[1:]:
        with Image.open(io.BytesIO(file.data)) as layer:
            if layer.size != whole.size:
                sizes = f"{layer.width}x{layer.height} pixels, and the picture {whole.width}x{whole.height}"
                raise Rejected(f"a layer must have the size of its picture: it has {sizes}")
            whole.alpha_composite(layer.convert("RGBA"))
    buffer = io.BytesIO()
    whole.save(buffer, "PNG", compress_level=1)
    return InputFile("composite.png", buffer.getvalue(), "image/png")
