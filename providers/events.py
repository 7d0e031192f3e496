"""What a driver yields while it works: events, and at the end the outputs.

Events come in any order. Exactly one ``Completed`` ends a successful run; an
exception of :mod:`providers.errors` ends any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


class File(Protocol):
    """A file at the upstream, or already in memory."""

    @property
    def name(self) -> str:
        """The upstream's name for it. It is a hint only, and never used as a path."""
        ...

    def read(self, limit: int) -> bytes:
        """Read the whole content.

        Args:
            limit: Most bytes.

        Raises:
            Protocol: It is larger than ``limit``.
            ProviderError: It could not be read.
        """
        ...


@dataclass(frozen=True, slots=True)
class InlineFile:
    """A file whose content is in memory."""

    name: str
    data: bytes

    def read(self, limit: int) -> bytes:
        """The content; Protocol if it is larger than ``limit`` bytes."""
        from providers.errors import Protocol as ProtocolError

        if len(self.data) > limit:
            raise ProtocolError(f"{self.name} is larger than {limit} bytes")
        return self.data


@dataclass(frozen=True, slots=True)
class Text:
    """A text output."""

    text: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a later attempt needs to pick up this one.

    The worker stores it before it continues the generator. ``state`` is JSON,
    small (under 4 KB unless it lists outputs), and contains no secret.
    """

    state: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Queued:
    """The job waits in the upstream's queue.

    ``rank`` 0 is the next to run; Gradio counts waiting jobs, not running
    ones. ``eta`` is in seconds.
    """

    rank: int | None = None
    size: int | None = None
    eta: float | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """The upstream has started the job. ``eta`` is in seconds."""

    eta: float | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """A line of text for people. ``level`` is info, success, warning or error."""

    text: str
    level: str = "info"


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress: ``fraction`` from 0 to 1, ``step`` of ``total`` in ``unit``."""

    fraction: float | None = None
    step: int | None = None
    total: int | None = None
    unit: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """An intermediate image. Best effort: it may be missing or outdated."""

    image: File


@dataclass(frozen=True, slots=True)
class Completed:
    """The result: files and texts in the upstream's order, and the seed that it used."""

    outputs: tuple[File | Text, ...]
    seed: int | None = None


ProviderEvent = Checkpoint | Queued | Started | Status | Progress | Preview | Completed
