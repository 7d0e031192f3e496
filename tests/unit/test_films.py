"""Films and sounds are read in a process of their own, and no file costs more than that process."""

from __future__ import annotations

import io
import random
import sys
import tempfile
import time
from typing import Any

import pytest
from PIL import Image

from media import HEAD, Facts, films, recognise
from providers.echo import samples
from providers.echo.painting import paint

FILM = samples.film([paint("x", 0, 320, 192, finished=number / 8) for number in range(1, 9)])
#: How an app of ours writes a film that is none.
BOXES = b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + b"\0" * 64


def read(data: bytes, kind: str = "video") -> Facts:
    with tempfile.TemporaryFile() as file:
        file.write(data)
        return films.read(file, recognise(data[:HEAD], "", kind))


def test_a_film_has_sides_a_duration_and_a_picture() -> None:
    found = read(FILM)
    assert (found.width, found.height, found.duration, found.frame_rate, found.note) == (320, 192, 1.0, 8.0, None)
    with Image.open(io.BytesIO(found.poster or b"")) as poster:
        assert (poster.format, poster.size) == ("WEBP", (320, 192))


def test_a_sound_has_a_duration_and_a_wave_form() -> None:
    found = read(samples.sound(2.0), "audio")
    assert (found.width, found.duration, found.note) == (None, 2.0, None)
    with Image.open(io.BytesIO(found.poster or b"")) as poster:
        assert poster.size == (512, 128)


@pytest.mark.parametrize("data", [BOXES, FILM[:80], FILM[:60] + random.Random(1).randbytes(4000)])
def test_what_cannot_be_read_is_said_to_be_so(data: bytes) -> None:
    found = read(data)
    assert (found.duration, found.poster, found.note) == (None, None, films._UNREAD.note)


def test_half_a_film_is_read_as_far_as_it_goes() -> None:
    assert read(FILM[: len(FILM) // 2]).width == 320


def test_a_reader_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    program = tmp_path / "reader.py"
    program.write_text("import time; time.sleep(60)")
    monkeypatch.setattr(films, "_PROGRAM", program)
    monkeypatch.setattr(films, "SECONDS", 0.5)
    began = time.monotonic()
    assert read(FILM).note
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    "answer",
    ["", "[]", "{", '{"width": "9", "height": 1e400, "duration": -1, "poster": 7}', "[" * 100_000, '{"poster": "*"}'],
)
def test_an_answer_is_believed_no_more_than_the_file(answer: str) -> None:
    found = films._facts(answer.encode())
    assert (found.width, found.height, found.duration, found.poster) == (None, None, None, None)


@pytest.mark.skipif(sys.platform != "linux", reason="macOS does not bound memory so")
def test_a_reader_gets_nothing_of_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """No environment, no large answer, no more memory than it may have."""
    program = tmp_path / "reader.py"
    source = films._PROGRAM.read_text().replace('if __name__ == "__main__":\n    main(*sys.argv[1:3])', "")
    program.write_text(
        source
        + "import os\nlimit()\ntry:\n    bytes(3 << 30)\n    held = False\nexcept MemoryError:\n    held = True\n"
        + "print(json.dumps({'duration': 1.0 if held and not os.environ.get('DARKROOM_REDIS_URL') else 2.0}))\n"
    )
    monkeypatch.setattr(films, "_PROGRAM", program)
    monkeypatch.setenv("DARKROOM_REDIS_URL", "redis://secret")
    assert read(FILM).duration == 1.0
