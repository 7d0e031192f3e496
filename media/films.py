"""Films and sounds: their sides, duration and poster, read by FFmpeg in a process of its own.

A file of an app is hostile, and FFmpeg reads it with a million lines of C. So it runs in a process without environment,
which reads that one open file, opens no other, and has little memory and time (``media/film_reader.py``). A file that it
cannot read is kept all the same: it may be of a newer codec.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path
from threading import BoundedSemaphore
from typing import BinaryIO, Final

from media.rows import Facts, Format

#: Seconds for one file, and files that a process reads at once.
SECONDS: Final = 20.0
_readers: Final = BoundedSemaphore(2)
_PROGRAM: Final = Path(__file__).with_name("film_reader.py")
#: Largest answer, in bytes: the reader's own limit is the same.
_ANSWER: Final = 1 << 20
_MOST: Final = 10**9
_UNREAD: Final = Facts(note="its duration and size are not known: it could not be read")


def read(file: BinaryIO, form: Format) -> Facts:
    """What is known of a film or sound; only a note where it cannot be read."""
    if not form.demuxer:
        return Facts()
    command = (sys.executable, "-I", str(_PROGRAM), form.demuxer, form.kind)
    with _readers, tempfile.TemporaryFile() as answer:
        file.flush()
        file.seek(0)
        try:
            done = subprocess.run(
                command,
                stdin=file,
                stdout=answer,
                stderr=subprocess.DEVNULL,
                env={},
                cwd="/",
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return _UNREAD
        answer.seek(0)
        said = answer.read(_ANSWER)
    return _facts(said) if done.returncode == 0 else _UNREAD


def _facts(said: bytes) -> Facts:
    """The answer of the reader, which is believed no more than the file."""
    try:
        found = json.loads(said)
        poster = base64.b64decode(found.get("poster") or "", validate=True)
    except (ValueError, AttributeError, TypeError, binascii.Error, RecursionError):
        return _UNREAD
    width, height = _number(found.get("width")), _number(found.get("height"))
    has_sides = width is not None and height is not None
    return Facts(
        width=int(width) if has_sides and width else None,
        height=int(height) if has_sides and height else None,
        duration=_number(found.get("duration")),
        frame_rate=_number(found.get("frame_rate")),
        poster=poster or None,
    )


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return round(value, 3) if math.isfinite(value) and 0 < value < _MOST else None
