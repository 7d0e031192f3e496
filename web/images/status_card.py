"""Status cards: what a job is doing, as a small image, for chats and mails, where no code of ours runs.

PNG, since every client shows it and flat areas make it small.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from PIL import Image, ImageDraw, ImageFont

from jobs.error_codes import CAUSES
from jobs.model import Job, Status, Waiting

#: Longest side of a card, in pixels.
SIDE: Final = 512
_SHORTEST: Final = 256

_PAPER: Final = (24, 22, 20)
_EDGE: Final = (58, 53, 48)
_INK: Final = (240, 234, 226)
_FAINT: Final = (160, 150, 140)
_LAMP: Final = (226, 92, 62)
_WRONG: Final = (236, 160, 60)

_STAGES: Final = {
    "waiting_upstream": "waits in the provider's queue",
    "generating": "is being generated",
    "downloading": "is being fetched",
    "saving": "is being saved",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """The content of a card: ``fraction`` in 0..1 draws a bar, and ``trouble`` changes the colour."""

    title: str
    lines: tuple[str, ...] = ()
    fraction: float | None = None
    trouble: bool = False


def describe(job: Job, waiting: Waiting | None) -> Card:
    """The card of a job. Pure."""
    match job.status:
        case Status.QUEUED:
            return _waiting(job, waiting)
        case Status.RUNNING:
            return _running(job, waiting)
        case Status.SUCCEEDED:
            text = next((output.text for output in job.outputs if output.text), "")
            return Card(title="Done", lines=(text or "There is nothing to show.",))
        case Status.FAILED:
            cause = CAUSES.get(job.error.code if job.error else "internal", CAUSES["internal"])
            return Card(title="No image", lines=(cause.title, job.error.detail if job.error else ""), trouble=True)
        case Status.CANCELED:
            return Card(title="Canceled", lines=("It was canceled on request.",), trouble=True)
        case Status.EXPIRED:
            return Card(title="Expired", lines=("Its deadline passed before it could run.",), trouble=True)


def _waiting(job: Job, waiting: Waiting | None) -> Card:
    if waiting is None:
        return Card(title="Queued", lines=(job.model,))
    title = "Queued" if waiting.position is None else f"#{waiting.position + 1} in the queue"
    eta = _eta(waiting.eta_seconds)
    return Card(title=title, lines=(job.model, waiting.message, *eta))


def _running(job: Job, waiting: Waiting | None) -> Card:
    progress = job.progress
    eta = _eta(None if waiting is None else waiting.eta_seconds)
    if progress is None:
        return Card(title="Running", lines=(job.model, *eta))
    line = f"{job.model} {_STAGES[progress.stage]}"
    upstream = job.upstream
    if upstream is not None and upstream.rank is not None:
        return Card(title=f"#{upstream.rank + 1} at the provider", lines=(line, *eta))
    if progress.step is not None and progress.total:
        return Card(title=f"Step {progress.step} of {progress.total}", lines=(line,), fraction=progress.fraction)
    title = "Running" if progress.fraction is None else f"{progress.fraction:.0%}"
    return Card(title=title, lines=(line, *eta), fraction=progress.fraction)


def _eta(seconds: float | None) -> tuple[str, ...]:
    if seconds is None:
        return ()
    return (f"about {seconds:.0f} s",) if seconds < 90 else (f"about {seconds / 60:.0f} min",)


def size_of(given: Mapping[str, Any]) -> tuple[int, int]:
    """Width and height of a card, in the proportions of the image."""
    width, height = given.get("width"), given.get("height")
    if not isinstance(width, int) or not isinstance(height, int) or width < 1 or height < 1:
        return SIDE, SIDE
    scale = SIDE / max(width, height)
    return max(_SHORTEST, round(width * scale)), max(_SHORTEST, round(height * scale))


@lru_cache(maxsize=256)
def draw(card: Card, size: tuple[int, int]) -> bytes:
    """The card as PNG."""
    width, height = size
    image = Image.new("RGB", size, _PAPER)
    pen = ImageDraw.Draw(image)
    colour = _WRONG if card.trouble else _LAMP
    margin = round(min(size) * 0.09)
    pen.rectangle((0, 0, width - 1, height - 1), outline=_EDGE, width=2)
    pen.ellipse((margin, margin, margin + 14, margin + 14), fill=colour)
    pen.text((margin + 24, margin + 7), "Darkroom", font=_font(15), fill=_FAINT, anchor="lm")
    title_font = _fitting(card.title, width - 2 * margin)
    lines = _lines(card, width - 2 * margin, most=3 if height < 2 * _SHORTEST else 5)
    top = height // 2 - (len(lines) * 26) // 2
    pen.text((margin, top), _plain(card.title), font=title_font, fill=_INK, anchor="ls")
    for number, line in enumerate(lines):
        pen.text((margin, top + 32 + number * 26), line, font=_font(17), fill=_FAINT, anchor="ls")
    if card.fraction is not None:
        _bar(pen, (margin, height - margin - 8, width - margin, height - margin), card.fraction, colour)
    buffer = io.BytesIO()
    image.quantize(64).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _lines(card: Card, width: int, most: int) -> list[str]:
    lines = [line for text in card.lines for line in _wrapped(_plain(text), _font(17), width)]
    return lines if len(lines) <= most else [*lines[: most - 1], f"{lines[most - 1]} …"]


def _bar(pen: ImageDraw.ImageDraw, box: tuple[int, int, int, int], fraction: float, colour: tuple[int, ...]) -> None:
    left, top, right, bottom = box
    pen.rounded_rectangle(box, radius=4, fill=_EDGE)
    end = left + round((right - left) * min(1.0, max(0.0, fraction)))
    if end - left >= 8:
        pen.rounded_rectangle((left, top, end, bottom), radius=4, fill=colour)


@lru_cache(maxsize=32)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _fitting(text: str, width: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The largest font in which the text fits."""
    for size in range(44, 18, -2):
        if _font(size).getlength(text) <= width:
            return _font(size)
    return _font(18)


def _plain(text: str) -> str:
    """The characters that the built-in font can draw (Latin); others would be boxes."""
    return "".join(char if char.isprintable() and ord(char) < 0x250 else " " for char in text)[:300].strip()


def _wrapped(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        if lines and font.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(_cut(word, font, width))
    return lines


def _cut(word: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    while len(word) > 1 and font.getlength(word) > width:
        word = word[:-1]
    return word
