"""What happened in a run, as lines of JSON: what clients asked and were told, what the upstream saw, what was recorded.

The lines come from independent places (the client's side, the upstream app's
own log, the event streams), so that :mod:`tests.chaos.checker` can hold them
against each other afterwards. Times are Unix seconds of one machine.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, Self

import msgspec


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="line", tag=str.lower):
    """One fact, and when it was seen."""

    at: float


class Call(Line, frozen=True, kw_only=True):
    """One side of a client's call: what it asks (``invoke``), then what it was told under the same number.

    ``fail`` means refused for sure; ``unknown`` that the answer was lost, so
    that it may have been done or not. ``key`` is the word in the prompt by
    which the upstream's log names the job.
    """

    number: int
    op: Literal["submit", "get", "cancel", "delete"]
    outcome: Literal["invoke", "ok", "fail", "unknown"]
    key: str
    job: str | None = None
    status: str | None = None
    version: int | None = None
    waiting: str | None = None
    until: float | None = None
    has_deadline: bool = False
    has_webhook: bool = False
    #: Whether a second attempt beside the first was asked for.
    wants_hedge: bool = False
    detail: str = ""


class Upstream(Line, frozen=True, kw_only=True):
    """What the upstream app wrote down itself: a POST taken in, a run begun, a run that came to its end."""

    what: Literal["posted", "started", "ended"]
    key: str
    #: The number of a run: it travels as the seed of the result, and so tells whose result a job got.
    run: int | None = None


class Change(Line, frozen=True, kw_only=True):
    """One event of a job's log."""

    job: str
    event: str
    what: str
    provider: str | None = None
    outcome: str | None = None
    code: str | None = None
    reason: str | None = None
    until: float | None = None
    note: str | None = None
    #: Of one of two attempts: its number.
    attempt: int | None = None


class Try(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One attempt, as the job's ledger shows it at the end."""

    provider: str
    outcome: str | None = None
    code: str | None = None
    notes: tuple[str, ...] = ()
    hedge: bool = False


class Final(Line, frozen=True, kw_only=True):
    """A job as it stood when the run was over; ``status`` is ``gone`` where only a tombstone was left."""

    job: str
    key: str
    status: str
    version: int = 0
    finished_at: float | None = None
    code: str | None = None
    attempts: tuple[Try, ...] = ()
    #: The runs that the outputs come from, one number per output.
    runs: tuple[int, ...] = ()
    #: Ids of the whole event log, oldest first.
    log: tuple[str, ...] = ()


class File(Line, frozen=True, kw_only=True):
    """A file found (or not) for an output: ``good`` where its hash and size are the recorded ones."""

    job: str
    state: Literal["good", "bad", "missing"]


class Delivery(Line, frozen=True, kw_only=True):
    """A webhook as its receiver saw it: what it said of the job, and what was answered in time (0: nothing)."""

    job: str
    delivery: str
    type: str
    status: str
    signed: bool
    answer: int = 0


class Posted(Line, frozen=True, kw_only=True):
    """A webhook as the service's own log of deliveries shows it at the end of the run."""

    job: str
    delivery: str
    type: str
    state: Literal["pending", "delivered", "exhausted", "disabled"]
    calls: int = 0


class Fault(Line, frozen=True, kw_only=True):
    """Something the nemesis did."""

    name: str
    detail: str = ""


class Mark(Line, frozen=True, kw_only=True):
    """A point in the run."""

    name: Literal["begun", "faults_stopped", "settled", "gave_up"]


AnyLine = Call | Upstream | Change | Final | File | Delivery | Posted | Fault | Mark

_decode = msgspec.json.Decoder(AnyLine).decode
_encode = msgspec.json.Encoder().encode


class History:
    """Writes lines; safe from any thread.

    Args:
        path: A new file, so that two runs never mix.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("xb")
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, *lines: AnyLine) -> None:
        """Append."""
        data = b"".join(_encode(line) + b"\n" for line in lines)
        with self._lock:
            self._file.write(data)
            self._file.flush()

    def fault(self, name: str, detail: str = "") -> None:
        """Append what the nemesis does now."""
        self.add(Fault(at=time.time(), name=name, detail=detail))

    def mark(self, name: Literal["begun", "faults_stopped", "settled", "gave_up"]) -> None:
        """Append a point in the run."""
        self.add(Mark(at=time.time(), name=name))


def read(path: Path) -> tuple[AnyLine, ...]:
    """All lines of a file."""
    with path.open("rb") as file:
        return tuple(_decode(line) for line in file)


def upstream_lines(lines: Iterable[str]) -> Iterator[Upstream]:
    """The upstream app's own log (``tests/spaces/ledger.py``); a last line that was cut off by a kill is left out."""
    for line in lines:
        try:
            found = _decode(line)
        except msgspec.DecodeError:
            continue
        if isinstance(found, Upstream):
            yield found
