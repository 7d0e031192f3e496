"""What may be kept as a picture, and what may not."""

from __future__ import annotations

import io
import threading
import warnings
import zlib
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from jobs.files.image_terms import INPUT_LIMIT, BadImage, ImageInfo
from jobs.files.images import BYTES_LIMIT, clean, shrink, verify
from tests.support.sample_images import animated_image, image_with_metadata, oversized_png, plain_image, png_chunk


def scanned(times: int) -> bytes:
    """A progressive JPEG with its smallest scan so many times more, behind something that is no marker."""
    buffer = io.BytesIO()
    Image.new("L", (400, 300), 90).save(buffer, "JPEG", progressive=True)
    *_, last = buffer.getvalue().partition(b"\xff\xda")
    scan = b"\xff\xda" + min(last.removesuffix(b"\xff\xd9").split(b"\xff\xda"), key=len)
    return buffer.getvalue().removesuffix(b"\xff\xd9") + b"\x00\xff\xd0" + scan * times + b"\xff\xd9"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_three_formats_are_taken(kind: str) -> None:
    assert verify(plain_image(kind)) == ImageInfo(f"image/{kind.lower()}", 40, 30)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_all_kinds_of_pixels_are_taken_and_shrunk(mode: str) -> None:
    data = plain_image("PNG", mode=mode)
    assert verify(data).width == 40
    assert verify(shrink(data, 16, 64 << 10)) == ImageInfo("image/webp", 16, 12)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>not found</html>",
        b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        b"%PDF-1.7",
        b"%!PS-Adobe-3.0 EPSF-3.0",
        b"GIF89a" + b"\0" * 50,
        plain_image("GIF"),
        plain_image("BMP"),
        plain_image("TIFF"),
        plain_image("PNG")[:50],
        plain_image("JPEG")[:200],
        plain_image("WEBP")[:40],
        animated_image("PNG"),
        animated_image("WEBP"),
        animated_image("GIF"),
        oversized_png(50_000, 50_000),
        oversized_png(12_000, 12_000),
        oversized_png(9_000, 9_000),
        oversized_png(4_097, 10),
        oversized_png(100, 100),
        oversized_png(0, 10),
        oversized_png(40, 30, png_chunk(b"zTXt", b"k\0\0" + zlib.compress(b"\0" * (80 << 20)))),
        scanned(100),
        b"\0" * (BYTES_LIMIT + 1),
    ],
    ids=[
        "empty", "html", "svg", "pdf", "eps", "gif header", "gif", "bmp", "tiff", "cut png", "cut jpeg", "cut webp",
        "animated png", "animated webp", "animated gif", "bomb", "bomb that Pillow warns of", "bomb that is silent",
        "one side too long", "too few pixels", "no width", "text bomb", "too many scans", "too many bytes",
    ],
)  # fmt: skip
def test_what_is_no_picture_that_may_be_kept_is_refused(data: bytes) -> None:
    for use in (verify, clean, lambda data: shrink(data, 64, 1000)):
        with pytest.raises(BadImage):
            use(data)


def test_a_progressive_jpeg_has_scans_enough() -> None:
    assert verify(scanned(80)).width == 400
    # What hangs behind a picture, such as a film, has the mark of a scan here and there by chance.
    assert verify(plain_image("JPEG") + b"\xff\xda\x12" * 1000).width == 40


def test_a_polyglot_is_judged_by_its_pixels_and_served_as_what_they_are() -> None:
    assert verify(plain_image("PNG") + b"<script>alert(1)</script>").content_type == "image/png"


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["PNG", "JPEG", "WEBP"]), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=8))
def test_a_damaged_picture_is_taken_or_refused_and_nothing_else(kind: str, hits: list[tuple[float, int]]) -> None:
    data = bytearray(plain_image(kind))
    for place, byte in hits:
        data[int(place * (len(data) - 1))] = byte
    for use in (verify, lambda data: clean(data)[1]):
        with suppress(BadImage):
            assert use(bytes(data)).width <= 4096


def test_a_preview_is_small_whatever_comes_in() -> None:
    noise = Image.effect_noise((900, 700), 100).convert("RGB")
    buffer = io.BytesIO()
    noise.save(buffer, "PNG")
    for limit in (64 << 10, 4 << 10, 600):
        small = shrink(buffer.getvalue(), 512, limit)
        assert len(small) <= limit
        assert verify(small).width <= 512


def test_many_threads_at_once_leave_the_warning_filters_as_they_were() -> None:
    before = list(warnings.filters)
    data = plain_image("PNG", (600, 600))

    def work(use: Callable[[bytes], object] = verify) -> None:
        for _ in range(10):
            use(data)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert warnings.filters == before


# -- pictures that go in ------------------------------------------------------


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_only_the_pixels_of_an_input_are_kept(kind: str) -> None:
    data = image_with_metadata(kind)
    assert b"canary" in data
    made, found = clean(io.BytesIO(data))
    assert found == verify(made) == ImageInfo(f"image/{kind.lower()}", 40, 30)
    image = Image.open(io.BytesIO(made))
    assert b"canary" not in made
    assert dict(image.getexif()) == {}
    assert not image.info.keys() & {"exif", "icc_profile", "comment", "xmp"}


#: Where the red half is, as a viewer shows it.
TURNED = {1: "left", 2: "right", 3: "right", 4: "left", 5: "top", 6: "top", 7: "bottom", 8: "bottom"}


@pytest.mark.parametrize(("orientation", "side"), TURNED.items())
def test_a_picture_is_turned_upright_before_its_orientation_is_dropped(orientation: int, side: str) -> None:
    made, found = clean(image_with_metadata("PNG", orientation))
    image = Image.open(io.BytesIO(made))
    assert (found.width, found.height) == image.size == ((40, 30) if side in {"left", "right"} else (30, 40))
    width, height = image.size
    spots = {
        "left": (3, height // 2),
        "right": (width - 4, height // 2),
        "top": (width // 2, 3),
        "bottom": (width // 2, height - 4),
    }
    red = [name for name, spot in spots.items() if image.getpixel(spot) == (255, 0, 0)]
    # On the line between the halves, two of the four spots may be either.
    assert side in red
    assert {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}[side] not in red


def test_colours_are_those_that_the_profile_means() -> None:
    # The sRGB profile with its red and blue primaries changed for one another: what it calls red is seen as blue.
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = profile.replace(b"rXYZ", b"?XYZ").replace(b"bXYZ", b"rXYZ").replace(b"?XYZ", b"bXYZ")
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), (200, 80, 20)).save(buffer, "PNG", icc_profile=swapped)
    pixel = Image.open(io.BytesIO(clean(buffer.getvalue())[0])).getpixel((0, 0))
    assert isinstance(pixel, tuple)
    assert all(abs(got - wanted) <= 2 for got, wanted in zip(pixel, (20, 80, 200), strict=True))


@pytest.mark.parametrize("profile", [b"no profile at all", b"\0" * 4096], ids=["words", "zeros"])
def test_a_broken_profile_is_as_none(profile: bytes) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), (200, 80, 20)).save(buffer, "PNG", icc_profile=profile)
    made, _ = clean(buffer.getvalue())
    assert Image.open(io.BytesIO(made)).getpixel((0, 0)) == (200, 80, 20)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_broken_exif_does_not_cost_the_picture() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\x01\x12\0\x03" * 9)
    assert clean(buffer.getvalue())[1] == ImageInfo("image/jpeg", 8, 8)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16", "CMYK"])
def test_every_kind_of_pixels_comes_out_as_one_that_apps_take(mode: str) -> None:
    made, found = clean(plain_image("JPEG" if mode == "CMYK" else "PNG", mode=mode))
    assert (found.width, found.height) == (40, 30)
    assert Image.open(io.BytesIO(made)).mode in {"L", "RGB", "RGBA"}


def test_sixteen_bits_become_eight() -> None:
    buffer = io.BytesIO()
    Image.new("I;16", (8, 8), 40_000).save(buffer, "PNG")
    assert Image.open(io.BytesIO(clean(buffer.getvalue())[0])).getpixel((0, 0)) == 40_000 // 256


def test_a_see_through_picture_stays_so() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), (1, 2, 3)).save(buffer, "PNG", transparency=(1, 2, 3))
    made = Image.open(io.BytesIO(clean(buffer.getvalue())[0]))
    assert (made.mode, made.getchannel("A").getextrema()) == ("RGBA", (0, 0))


def test_a_phones_picture_with_a_second_one_behind_it_is_a_jpeg() -> None:
    buffer = io.BytesIO()
    frames = [Image.new("RGB", (40, 30), color) for color in ("red", "blue")]
    frames[0].save(buffer, "MPO", save_all=True, append_images=frames[1:])
    assert verify(buffer.getvalue()) == ImageInfo("image/jpeg", 40, 30)
    made, found = clean(buffer.getvalue())
    assert found == ImageInfo("image/jpeg", 40, 30)
    image = Image.open(io.BytesIO(made))
    assert (image.format, getattr(image, "n_frames", 1)) == ("JPEG", 1)
    red, _, blue = image.convert("RGB").getpixel((5, 5)) or (0, 0, 0)  # type: ignore[misc]
    assert red > 200 > blue


def test_an_input_may_not_be_larger_than_said() -> None:
    with pytest.raises(BadImage, match="the limit is"):
        clean(plain_image() + b"\0" * INPUT_LIMIT)


# -- what is shown of them ---------------------------------------------------


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_sides_are_those_of_the_upright_picture(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    Image.new("RGB", (64, 32), "teal").save(buffer, "JPEG", exif=exif)
    found = verify(buffer.getvalue())
    assert (found.width, found.height) == ((32, 64) if orientation > 4 else (64, 32))
    with Image.open(io.BytesIO(shrink(buffer.getvalue(), 64, 1 << 16))) as preview:
        assert preview.size == (found.width, found.height)


def test_a_preview_shows_nothing_that_is_transparent() -> None:
    buffer = io.BytesIO()
    Image.new("RGBA", (8, 8), (255, 0, 0, 0)).save(buffer, "PNG")
    with Image.open(io.BytesIO(shrink(buffer.getvalue(), 8, 1 << 16))) as preview:
        assert preview.convert("L").getpixel((4, 4)) == 255
