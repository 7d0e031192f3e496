"""What a driver may tell while it works, and the files it may hand over.

A driver yields these in any order; exactly one ``Completed`` ends a
successful run, an exception of :mod:`providers.errors` ends any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


class File(Protocol):
    """A file at the upstream, or already in memory."""

    @property
    def name(self) -> str:
        """The upstream's name for it; a hint only, never used as a path."""
        ...

    def read(self, limit: int) -> bytes:
        """Fetch the whole content.

        Args:
            limit: Bytes at most.

        Raises:
            Protocol: There is more than ``limit``.
            ProviderError: It could not be fetched.
        """
        ...


@dataclass(frozen=True, slots=True)
class InlineFile:
    """A file whose content came with the answer itself."""

    name: str
    data: bytes

    def read(self, limit: int) -> bytes:
        """Give the content, refusing more than ``limit`` bytes."""
        from providers.errors import Protocol as ProtocolError

        if len(self.data) > limit:
            raise ProtocolError(f"{self.name} is larger than {limit} bytes")
        return self.data


@dataclass(frozen=True, slots=True)
class Text:
    """A finished text."""

    text: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a later attempt must know to pick this one up.

    The worker stores it before it lets the generator go on. ``state`` is
    JSON, small (under 4 KB unless it lists outputs), and holds no secret.
    """

    state: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Queued:
    """Waiting in the upstream's own queue.

    ``rank`` 0 is the next to run (Gradio counts those waiting, not those
    running); ``eta`` is in seconds.
    """

    rank: int | None = None
    size: int | None = None
    eta: float | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """The upstream has begun to work. ``eta`` is in seconds."""

    eta: float | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """A line of text for people. ``level`` is info, success, warning or error."""

    text: str
    level: str = "info"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is: ``fraction`` in 0..1, ``step`` of ``total`` in ``unit``."""

    fraction: float | None = None
    step: int | None = None
    total: int | None = None
    unit: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """An intermediate picture; best effort, may be missing or stale."""

    image: File


@dataclass(frozen=True, slots=True)
class Completed:
    """The result: files and texts in the upstream's order, and the seed it really used."""

    outputs: tuple[File | Text, ...]
    seed: int | None = None


ProviderEvent = Checkpoint | Queued | Started | Status | Progress | Preview | Completed
