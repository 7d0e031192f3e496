"""The messages of a Gradio app during a call, parsed to events and to what only the session understands. Pure.

The kinds and fields are those of Gradio 4.0 to 6.31 as recorded
(``tests/transcripts/README.md``). An app may be newer than this list, so an
unknown kind is ignored. A malformed message of a known kind is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import Enum, auto

from msgspec import Struct

from providers import clean
from providers.errors import Protocol
from providers.events import Progress, Queued, Started, Status
from providers.gradio.untrusted_json import loads


class Signal(Enum):
    """The kinds of messages without fields."""

    #: Protocol ``sse`` only: the app asks for the arguments.
    SEND_DATA = auto()
    #: Protocol ``sse`` only: the queue is full.
    QUEUE_FULL = auto()
    #: No call of this session is pending any more.
    CLOSE_STREAM = auto()
    #: The connection is alive. It says nothing about the job.
    HEARTBEAT = auto()


class Generating(Struct, frozen=True):
    """A step of a generator: full outputs, or changes to the last ones, depending on the protocol."""

    data: tuple[object, ...] = ()


class ProcessCompleted(Struct, frozen=True, kw_only=True):
    """The end of the call. Success without ``data`` means that it was canceled."""

    success: bool
    data: tuple[object, ...] | None = None
    error: str | None = None
    title: str | None = None


class Unexpected(Struct, frozen=True, kw_only=True):
    """The app has lost the call: it does not know the session, or it stops."""

    text: str = ""
    unknown_session: bool = False


#: What a message says; most kinds are an event already.
Content = Queued | Started | Progress | Status | Generating | ProcessCompleted | Unexpected | Signal


class Message(Struct, frozen=True):
    """One message. ``event_id``: the call that it is about; None if it names none."""

    content: Content
    event_id: str | None = None


Fields = Mapping[str, object]


def parse(line: str) -> Message | None:
    """Read one event's data; None for an unknown kind.

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
    return Message(make(fields), _event_id(fields)) if make else None


def _event_id(fields: Fields) -> str | None:
    found = fields.get("event_id")
    return found if isinstance(found, str) and len(found) <= 128 and found.isprintable() else None


def _output(fields: Fields, kind: str) -> Fields:
    output = fields.get("output")
    if not isinstance(output, dict):
        raise Protocol(f"the app sent '{kind}' without an output")
    return output


def _estimation(fields: Fields) -> Queued:
    return Queued(
        rank=clean.count(fields.get("rank")),
        size=clean.count(fields.get("queue_size")),
        eta=clean.seconds(fields.get("rank_eta")),
    )


def _progress(fields: Fields) -> Progress:
    """The progress of nested bars, the outermost first; there may be none."""
    found = fields.get("progress_data")
    if found is not None and not isinstance(found, list):
        raise Protocol("the app sent 'progress' without a list of bars")
    # More than eight nested bars are of no use.
    bars = [_bar(bar) for bar in (found or [])[:8] if isinstance(bar, dict)]
    if not bars:
        return Progress(message="generating")
    texts = " · ".join(bar.message for bar in bars if bar.message)
    return replace(bars[0], fraction=_fraction(bars), message=texts[:200] or None)


def _bar(fields: Fields) -> Progress:
    index, length = clean.count(fields.get("index")), clean.count(fields.get("length"))
    if index is not None and length is not None:
        index = min(index, length)
    return Progress(
        fraction=clean.fraction(fields.get("progress")),
        step=index,
        total=length or None,
        unit=clean.text(fields.get("unit"), 20) or None,
        message=clean.message(fields.get("desc"), 200),
    )


def _fraction(bars: list[Progress]) -> float | None:
    """An inner bar fills the current step of the outer one."""
    inner = 0.0
    found = None
    for bar in reversed(bars):
        if bar.fraction is not None:
            found = bar.fraction
        elif bar.step is not None and bar.total:
            found = min(1.0, (bar.step + (inner if bar.step < bar.total else 0.0)) / bar.total)
        else:
            continue
        inner = found
    return found


def _log(fields: Fields) -> Status:
    level = fields.get("level")
    return Status(
        text=clean.message(fields.get("log")),
        level=level if isinstance(level, str) and level in {"info", "success", "warning", "error"} else "info",
    )


def _generating(fields: Fields) -> Generating:
    data = _output(fields, "process_generating").get("data")
    return Generating(data=tuple(data) if isinstance(data, list) else ())


def _completed(fields: Fields) -> ProcessCompleted:
    output, success = _output(fields, "process_completed"), fields.get("success")
    if not isinstance(success, bool):
        raise Protocol("the app sent 'process_completed' without saying whether it succeeded")
    data, error = output.get("data"), output.get("error")
    if success and data is not None and not isinstance(data, list):
        raise Protocol("the app sent a result that is not a list")
    # A generator that fails has the title in the output only (recorded, 6.31).
    title = clean.message(output.get("title") or fields.get("title"), 100)
    return ProcessCompleted(
        success=success,
        data=tuple(data) if isinstance(data, list) else None,
        error=clean.message(error, 2000) or None,
        title=title or None,
    )


def _unexpected(fields: Fields) -> Unexpected:
    line = clean.message(fields.get("message"))
    # 5.38 and newer have the flag, older ones the text only.
    unknown = fields.get("session_not_found") is True or line.startswith("404")
    return Unexpected(text=line, unknown_session=unknown)


_KINDS: dict[str, Callable[[Fields], Content]] = {
    "estimation": _estimation,
    "send_data": lambda _: Signal.SEND_DATA,
    "process_starts": lambda fields: Started(eta=clean.seconds(fields.get("eta"))),
    "progress": _progress,
    "log": _log,
    "process_generating": _generating,
    "process_streaming": _generating,
    "process_completed": _completed,
    "unexpected_error": _unexpected,
    "queue_full": lambda _: Signal.QUEUE_FULL,
    "close_stream": lambda _: Signal.CLOSE_STREAM,
    "heartbeat": lambda _: Signal.HEARTBEAT,
}
