"""The messages of a Gradio app during a call: one frozen type for each, and the parser. Pure.

The kinds and fields are those of Gradio 4.0 to 6.31 as recorded
(``tests/transcripts/README.md``). An app may be newer than this list, so an
unknown kind is ignored. A malformed message of a known kind is an error.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from providers import clean
from providers.errors import Protocol

#: Deepest nesting of an answer. Gradio's own are under 10.
DEPTH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class _Message:
    """``event_id``: the call that it is about; None if it names none."""

    event_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimation(_Message):
    """The call waits. ``rank`` 0 is the first in the queue; ``eta`` is in seconds."""

    rank: int | None = None
    size: int | None = None
    eta: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SendData(_Message):
    """Protocol ``sse`` only: the app asks for the arguments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Starts(_Message):
    """The function starts. ``eta`` is in seconds."""

    eta: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One progress bar: ``fraction`` from 0 to 1, or ``index`` of ``length``."""

    fraction: float | None = None
    index: int | None = None
    length: int | None = None
    unit: str | None = None
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars(_Message):
    """The progress bars, the outermost first. There may be none."""

    bars: tuple[Bar, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Log(_Message):
    """A line that the app shows to its visitor."""

    text: str = ""
    level: str = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Generating(_Message):
    """A step of a generator: full outputs, or changes to the last ones, depending on the protocol."""

    data: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessCompleted(_Message):
    """The end of the call. Success without ``data`` means that it was canceled."""

    success: bool
    data: tuple[object, ...] | None = None
    error: str | None = None
    title: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unexpected(_Message):
    """The app has lost the call: it does not know the session, or it stops."""

    text: str = ""
    unknown_session: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueFull(_Message):
    """Protocol ``sse`` only: the queue is full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseStream(_Message):
    """No call of this session is pending any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat(_Message):
    """The connection is alive. It says nothing about the job."""


Message = (
    Estimation
    | SendData
    | Starts
    | Bars
    | Log
    | Generating
    | ProcessCompleted
    | Unexpected
    | QueueFull
    | CloseStream
    | Heartbeat
)
Fields = Mapping[str, object]


def parse(line: str) -> Message | None:
    """Read one event's data.

    Returns:
        The message, or None for an unknown kind.

    Raises:
        Protocol: It is not a JSON object with a ``msg``, or a known kind lacks a field.
    """
    fields = loads(line)
    if not isinstance(fields, dict):
        raise Protocol(f"the app sent a message that is not an object: {clean.text(line, 80)!r}")
    kind = fields.get("msg")
    if not isinstance(kind, str):
        raise Protocol(f"the app sent a message without a kind: {clean.text(line, 80)!r}")
    make = _KINDS.get(kind)
    return make(fields, _event_id(fields)) if make else None


def loads(line: str | bytes) -> object:
    """Read untrusted JSON: with bounded depth, without NaN and infinity.

    Raises:
        Protocol: It is not JSON, or nested too deeply.
    """
    try:
        value: object = json.loads(line, parse_constant=_no_constant, parse_float=_finite)
    except (ValueError, RecursionError):
        start = line[:80] if isinstance(line, str) else line[:80].decode("utf-8", "replace")
        raise Protocol(f"the app sent invalid JSON: {clean.text(start, 80)!r}") from None
    if not _is_shallow(value):
        raise Protocol("the app sent JSON that is nested too deeply")
    return value


def _no_constant(name: str) -> None:
    del name


def _finite(digits: str) -> float | None:
    value = float(digits)
    return value if math.isfinite(value) else None


def _is_shallow(value: object) -> bool:
    level = [value]
    for _ in range(DEPTH):
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node if isinstance(node, list) else ())
            if isinstance(child, dict | list)
        ]
        if not level:
            return True
    return False


def _event_id(fields: Fields) -> str | None:
    found = fields.get("event_id")
    return found if isinstance(found, str) and len(found) <= 128 else None


def _output(fields: Fields, kind: str) -> Fields:
    output = fields.get("output")
    if not isinstance(output, dict):
        raise Protocol(f"the app sent '{kind}' without an output")
    return output


def _estimation(fields: Fields, event_id: str | None) -> Estimation:
    return Estimation(
        event_id=event_id,
        rank=clean.count(fields.get("rank")),
        size=clean.count(fields.get("queue_size")),
        eta=clean.seconds(fields.get("rank_eta")),
    )


def _bars(fields: Fields, event_id: str | None) -> Bars:
    found = fields.get("progress_data")
    if found is not None and not isinstance(found, list):
        raise Protocol("the app sent 'progress' without a list of bars")
    # More than eight nested bars are of no use.
    return Bars(event_id=event_id, bars=tuple(_bar(bar) for bar in (found or [])[:8] if isinstance(bar, dict)))


def _bar(fields: Fields) -> Bar:
    index, length = clean.count(fields.get("index")), clean.count(fields.get("length"))
    if index is not None and length is not None:
        index = min(index, length)
    return Bar(
        fraction=clean.fraction(fields.get("progress")),
        index=index,
        length=length or None,
        unit=clean.text(fields.get("unit"), 20) or None,
        text=clean.message(fields.get("desc"), 200),
    )


def _log(fields: Fields, event_id: str | None) -> Log:
    level = fields.get("level")
    return Log(
        event_id=event_id,
        text=clean.message(fields.get("log")),
        level=level if isinstance(level, str) and level in {"info", "success", "warning", "error"} else "info",
    )


def _generating(fields: Fields, event_id: str | None) -> Generating:
    data = _output(fields, "process_generating").get("data")
    return Generating(event_id=event_id, data=tuple(data) if isinstance(data, list) else ())


def _completed(fields: Fields, event_id: str | None) -> ProcessCompleted:
    output, success = _output(fields, "process_completed"), fields.get("success")
    if not isinstance(success, bool):
        raise Protocol("the app sent 'process_completed' without saying whether it succeeded")
    data, error = output.get("data"), output.get("error")
    if success and data is not None and not isinstance(data, list):
        raise Protocol("the app sent a result that is not a list")
    # A generator that fails has the title in the output only (recorded, 6.31).
    title = clean.message(output.get("title") or fields.get("title"), 100)
    return ProcessCompleted(
        event_id=event_id,
        success=success,
        data=tuple(data) if isinstance(data, list) else None,
        error=clean.message(error, 2000) or None,
        title=title or None,
    )


def _unexpected(fields: Fields, event_id: str | None) -> Unexpected:
    line = clean.message(fields.get("message"))
    # 5.38 and newer have the flag, older ones the text only.
    unknown = fields.get("session_not_found") is True or line.startswith("404")
    return Unexpected(event_id=event_id, text=line, unknown_session=unknown)


_KINDS: dict[str, Callable[[Fields, str | None], Message]] = {
    "estimation": _estimation,
    "send_data": lambda _, event_id: SendData(event_id=event_id),
    "process_starts": lambda fields, event_id: Starts(event_id=event_id, eta=clean.seconds(fields.get("eta"))),
    "progress": _bars,
    "log": _log,
    "process_generating": _generating,
    "process_streaming": _generating,
    "process_completed": _completed,
    "unexpected_error": _unexpected,
    "queue_full": lambda _, event_id: QueueFull(event_id=event_id),
    "close_stream": lambda _, event_id: CloseStream(event_id=event_id),
    "heartbeat": lambda _, event_id: Heartbeat(event_id=event_id),
}
