"""Image variants: converted copies, made on request and cached in memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Event
from typing import Final

from jobs.files.images import LARGE_SIDE
from jobs.model import Output
from media import IMAGE_FORMATS
from web.http.operation import refuse, whole_number
from web.http.problems import Problem
from web.http.threads import aside
from web.places import Places

#: The formats, and Pillow's names for them.
FORMATS: Final[Mapping[str, str]] = {entry.pillow.lower(): entry.pillow for entry in IMAGE_FORMATS}
#: Variants that a process makes or is about to make; one of the largest image takes a second.
MOST_WAITING: Final = 16

_NAMES: Final = {entry.content_type: entry.pillow for entry in IMAGE_FORMATS}


@dataclass(frozen=True, slots=True)
class Wish:
    """The requested variant, of a film or sound that of its poster; None leaves format or width as it is."""

    kind: str | None
    width: int | None

    def of(self, output: Output) -> tuple[str, int | None] | None:
        """Format and width of an output's variant; None if the output already matches.

        Raises:
            Problem: 422: the output is not an image, and has no poster.
        """
        if self.kind is None and self.width is None:
            return None
        if output.poster is not None:
            return self.kind or "WEBP", self.width
        if output.kind != "image" or output.width is None:
            what = output.content_type or output.kind
            raise refuse("format" if self.kind else "width", f"applies to images of pixels only; this output is {what}")
        own = _NAMES.get(output.content_type or "")
        width = None if self.width is None or self.width >= output.width else self.width
        return None if width is None and self.kind in {None, own} else (self.kind or own or "PNG", width)


def wish_of(parameters: dict[str, str]) -> Wish:
    """The variant that a query requests.

    Raises:
        Problem: 422: no such format, or no such width.
    """
    name = parameters.get("format")
    if name is not None and name not in FORMATS:
        raise refuse("format", f"must be one of {', '.join(FORMATS)}")
    width = whole_number(parameters, "width", 0, 1, LARGE_SIDE)
    return Wish(None if name is None else FORMATS[name], width or None)


class ImageVariants:
    """Makes variants in a thread pool, and caches those that were used last, ``kept_bytes`` together."""

    def __init__(self, kept_bytes: int = 32 << 20) -> None:
        self._most_bytes = kept_bytes
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0
        self._making: dict[str, Event] = {}
        self._places = Places(MOST_WAITING)

    def get(self, name: str, make: Callable[[], bytes], owner: str | None = None) -> bytes:
        """The variant of this name. Requests for a variant that is being made wait for it.

        Args:
            name: Of the variant.
            make: Makes it.
            owner: Whose it is: nobody can let all others wait.

        Raises:
            Problem: 429: too many are being made.
        """
        while making := self._making.get(name):
            making.wait()
        if name in self._kept:
            self._kept.move_to_end(name)
            return self._kept[name]
        if not self._places.take(owner):
            raise Problem(
                "rate_limited", "Too many images are being converted; try again later.", headers={"Retry-After": "2"}
            )
        made = self._making[name] = Event()
        try:
            copy = aside(make, "copies")
            self._keep(name, copy)
            return copy
        finally:
            del self._making[name]
            self._places.give_back(owner)
            made.set()

    def _keep(self, name: str, made: bytes) -> None:
        self._bytes += len(made) - len(self._kept.pop(name, b""))
        self._kept[name] = made
        while self._bytes > self._most_bytes:
            self._bytes -= len(self._kept.popitem(last=False)[1])
