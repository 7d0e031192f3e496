"""What a driver yields while it works: events, and at the end the outputs.

Events come in any order. Exactly one ``Completed`` ends a successful run; an
exception of :mod:`providers.errors` ends any other.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from media import Kind
from providers import errors


class File(Protocol):
    """A file at the upstream, or already in memory."""

    @property
    def name(self) -> str:
        """The upstream's name for it. It is a hint only, and never used as a path."""
        ...

    def read(self, limit: int) -> bytes:
        """Read the whole content.

        Raises:
            Protocol: It is larger than ``limit`` bytes.
            ProviderError: It could not be read.
        """
        ...


@runtime_checkable
class StreamedFile(File, Protocol):
    """A file that can be read in pieces, so that a large one need not be in memory."""

    def pieces(self, limit: int) -> Iterator[bytes]:
        """Read the content, piece by piece; errors as of :meth:`File.read`, also between two pieces."""
        ...


def pieces_of(file: File, limit: int) -> Generator[bytes, None, None]:
    """The content of any file in pieces. Close the generator if it is not read to its end.

    Raises:
        Protocol: It is larger than ``limit`` bytes.
        ProviderError: It could not be read.
    """
    if isinstance(file, StreamedFile):
        yield from file.pieces(limit)
    else:
        yield file.read(limit)


@dataclass(frozen=True, slots=True)
class InlineFile:
    """A file whose content is in memory."""

    name: str
    data: bytes

    def read(self, limit: int) -> bytes:
        """The content; Protocol if it is larger than ``limit`` bytes."""
        if len(self.data) > limit:
            raise errors.Protocol(f"{self.name} is larger than {limit} bytes")
        return self.data


@dataclass(frozen=True, slots=True)
class Text:
    """A text output. ``label`` is the app's name for the output that it comes from; empty: it has none."""

    text: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Data:
    """An output that is data: any JSON value."""

    value: object
    label: str = ""


@dataclass(frozen=True, slots=True)
class FileOutput:
    """A file output.

    Args:
        file: Its content.
        kind: What the app says that it is. It is a hint: a signature that says otherwise counts. None: by its signature.
        label: The app's name for the output that it comes from.
        caption: What the app says of this file, as under a picture of a gallery.
    """

    file: File
    kind: Kind | None = None
    label: str = ""
    caption: str = ""


#: An output as a driver gives it; a bare file is a ``FileOutput`` of which nothing more is known.
RawOutput = File | FileOutput | Text | Data


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a later attempt needs to pick up this one.

    The worker stores it before it continues the generator. ``state`` is JSON,
    small (under 4 KB unless it lists outputs), and contains no secret.

    Not ``at_once``: it is stored together with what comes next. So the driver
    must yield that without doing anything in between, and a later attempt
    must come as far with the checkpoint before it.
    """

    state: Mapping[str, object]
    at_once: bool = True


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
class Partial:
    """The text so far of a text output that comes bit by bit: all of it, not what is new."""

    text: str


@dataclass(frozen=True, slots=True)
class Completed:
    """The result: outputs in the upstream's order, and the seed that it used.

    ``warnings`` say what of the answer is not among the outputs, or was not understood: a sentence each.
    """

    outputs: tuple[RawOutput, ...]
    seed: int | None = None
    warnings: tuple[str, ...] = ()


ProviderEvent = Checkpoint | Queued | Started | Status | Progress | Preview | Partial | Completed
