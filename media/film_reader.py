"""A program: reads a film or sound from its standard input, and writes what it is as JSON.

:mod:`media.films` runs it, by its path and alone: it imports nothing of ours. It gives itself the limits of a stranger
before it looks at the file. The file is the only one that FFmpeg gets: it asks us for bytes, and opens nothing.
"""

from __future__ import annotations

import array
import base64
import io
import json
import resource
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

#: Bytes of memory and of the answer, seconds of a processor.
MEMORY = 2 << 30
ANSWER = 1 << 20
SECONDS = 12
#: The longest side of a poster, the size of a wave form, in pixels; what it is drawn in.
SIDE = 512
WAVE = (512, 128)
INK, PAPER = (226, 92, 62), (34, 31, 28)
#: Samples in a second that a wave form is drawn from, and seconds of a sound that are looked at.
RATE = 8000
LONGEST = 1200


def limit() -> None:
    """Take from this process what a reader does not need."""
    for name, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, SECONDS),
        (resource.RLIMIT_FSIZE, ANSWER),
        (resource.RLIMIT_CORE, 0),
    ):
        with suppress(ValueError, OSError):  # macOS knows not all of them
            resource.setrlimit(name, (most, most))


def main(demuxer: str, kind: str) -> None:
    """Read standard input."""
    limit()
    import av

    av.logging.set_level(av.logging.PANIC)
    with open(0, "rb", buffering=1 << 16, closefd=False) as file, av.open(file, mode="r", format=demuxer) as container:
        found: dict[str, Any] = {}
        if container.duration is not None:
            found["duration"] = container.duration / av.time_base
        film = next(iter(container.streams.video), None) if kind == "video" else None
        sound = next(iter(container.streams.audio), None)
        if film is None and sound is None:
            raise SystemExit(1)
        poster = None
        with suppress(av.FFmpegError, ValueError, MemoryError, OverflowError, StopIteration):
            if film is not None:
                found |= {"width": film.width, "height": film.height}
                found["frame_rate"] = float(film.average_rate) if film.average_rate else None
                poster = still(container, film)
            elif kind == "audio":
                poster = wave_form(container, sound)
        if poster is not None:
            found["poster"] = base64.b64encode(encoded(poster)).decode()
    sys.stdout.write(json.dumps(found))


def still(container: Any, film: Any) -> Any:  # noqa: ANN401 - of PyAV, whose types are not needed here
    """A picture from the tenth part of a film: the first one is often black."""
    film.codec_context.thread_count = 1
    if container.duration:
        container.seek(container.duration // 10)
    image = next(container.decode(film)).to_image()
    image.thumbnail((SIDE, SIDE))
    return image


def wave_form(container: Any, sound: Any) -> Any:  # noqa: ANN401
    """How loud a sound is from its begin to its end."""
    from PIL import Image, ImageDraw

    peaks = list(loudness(container, sound))
    width, height = WAVE
    image = Image.new("RGB", WAVE, PAPER)
    draw = ImageDraw.Draw(image)
    loudest = max(peaks, default=0) or 1
    for x in range(width):
        part = peaks[x * len(peaks) // width : max((x + 1) * len(peaks) // width, x * len(peaks) // width + 1)]
        half = max(1, max(part, default=0) * (height // 2 - 4) // loudest)
        draw.line((x, height // 2 - half, x, height // 2 + half), fill=INK)
    return image


def loudness(container: Any, sound: Any) -> Iterator[int]:  # noqa: ANN401
    """The highest sample of each hundredth of a second."""
    import av

    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    count = 0
    for frame in container.decode(sound):
        for part in resampler.resample(frame):
            samples = array.array("h", bytes(part.planes[0])[: 2 * part.samples])
            for at in range(0, len(samples), RATE // 100):
                piece = samples[at : at + RATE // 100]
                highest, lowest = max(piece), min(piece)
                yield max(highest, -lowest)
            count += len(samples)
        if count > RATE * LONGEST:
            return


def encoded(image: Any) -> bytes:  # noqa: ANN401
    """A small WebP."""
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=70, method=2)
    return buffer.getvalue()


if __name__ == "__main__":
    main(*sys.argv[1:3])
