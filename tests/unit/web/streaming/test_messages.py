"""Job events as messages."""

from __future__ import annotations

import typing
from typing import Any

import msgspec
import pytest

from jobs import events as e
from jobs.model import Failure, Output, Status
from jobs.record.types import LoggedEvent
from jobs.resources.base import Links
from tests.support.resources import fits
from web.streaming import sse
from web.streaming.messages import DeletedJob, EventResource, LogMessage, StatusMessage, is_end, log_of, messages_of

LINKS = Links("http://host")
FAILURE = Failure(code="provider_busy", detail="busy", retryable=True, provider="echo")
OUTPUTS = (Output(index=0, kind="image", sha256="a" * 64), Output(index=1, kind="text", text="two dogs"))

EXAMPLES: list[Any] = [
    e.Submitted(at=1.0),
    e.Parked(at=1.0, reason="provider_cooldown", until=60.0),
    e.Started(at=1.0, provider="echo", worker="w1", input={}),
    e.UpstreamQueued(at=1.0, rank=2, size=5, eta_seconds=4.5),
    e.Progressed(at=1.0, stage="generating", fraction=0.5, step=1, total=2),
    e.Previewed(at=1.0, index=3),
    e.Logged(at=1.0, text="hello"),
    e.Noted(at=1.0, note="resumed"),
    e.Requeued(at=1.0, outcome="failed", error=FAILURE, not_before=9.0, reason="provider_cooldown"),
    e.CancelRequested(at=1.0),
    e.Canceled(at=1.0),
    e.Succeeded(at=1.0, outputs=OUTPUTS),
    e.Failed(at=1.0, error=FAILURE),
    e.Expired(at=1.0),
    e.Recalled(at=1.0, source="job_0", outputs=OUTPUTS),
    e.Hedged(at=1.0, provider="second", worker="w1", input={}),
    e.AttemptFailed(at=1.0, attempt=1, error=FAILURE, route=("second",)),
    e.Wrote(at=1.0, text="two"),
]


def test_the_examples_are_all_events_that_there_are() -> None:
    assert {type(event) for event in EXAMPLES} == set(typing.get_args(e.JobEvent))


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: type(event).__name__)
def test_every_event_says_something_that_the_documents_name(event: e.JobEvent) -> None:
    messages = messages_of(event, "job_x", LINKS)
    if isinstance(event, e.Wrote):
        # The stream sends the whole text, which only the job has.
        assert not messages
        return
    assert messages
    for line in log_of(LoggedEvent("1-0", event), "job_x", LINKS):
        assert fits(msgspec.to_builtins(line), EventResource)
    last = messages[-1][1]
    assert is_end(event) == (isinstance(last, StatusMessage) and last.status.is_terminal)


def test_a_retry_says_why_and_until_when() -> None:
    event = EXAMPLES[8]
    ((kind, message),) = messages_of(event, "job_x", LINKS)
    assert (kind, msgspec.to_builtins(message)) == (
        "status",
        {
            "status": "queued",
            "outcome": "failed",
            "error": {"code": "provider_busy", "detail": "busy", "retryable": True, "provider": "echo"},
            "reason": "provider_cooldown",
            "message": "The provider takes no jobs until 1970-01-01 00:00:09 UTC.",
            "until": "1970-01-01T00:00:09.000Z",
        },
    )


def test_only_the_last_message_of_an_event_carries_its_id() -> None:
    entry = LoggedEvent("5-1", e.Succeeded(at=1.0, outputs=OUTPUTS))
    wire = sse.stream_of(entry, "job_x", LINKS, DeletedJob(id="job_x", status=Status.SUCCEEDED)).decode()
    messages = wire.strip().split("\n\n")
    assert [message.split("\n")[-2].removeprefix("event: ") for message in messages] == [
        "output", "output", "status", "end",
    ]  # fmt: skip
    assert [message.startswith("id: ") for message in messages] == [False, False, False, True]


def test_a_line_break_in_a_text_stays_inside_its_message() -> None:
    wire = sse.message("log", LogMessage(level="info", text="a\n\nevent: end\ndata: {}\r\n"))
    assert wire.count(b"\n\n") == 1
    assert wire.endswith(b"\n\n")
    assert b"\r" not in wire


@pytest.mark.parametrize(
    ("event_id", "before"),
    [("5-1", "5-0"), ("5-0", "4-18446744073709551615"), ("0-0", "0-18446744073709551615")],
)
def test_the_id_before_an_event(event_id: str, before: str) -> None:
    assert sse.before(event_id) == before


@pytest.mark.parametrize(
    "text", ["", "garbage", "-1", "5", "5-", "-5", "5-1-2", "9" * 20 + "-0", "0-0 COUNT 9", "\u0661-0"]
)
def test_what_is_no_event_id(text: str) -> None:
    assert sse.before(text) is None


def test_an_event_is_encoded_once_for_all_who_watch_it(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def counted(entry: LoggedEvent, *more: Any) -> bytes:
        made.append(entry.id)
        return real(entry, *more)

    real = sse.stream_of
    monkeypatch.setattr(sse, "stream_of", counted)
    wire = sse.EventBytes(kept=2)
    entries = [LoggedEvent(f"{number}-0", e.Previewed(at=1.0, index=number)) for number in range(3)]
    for entry in entries[:2]:
        assert [wire.of(entry, "job_1", LINKS) for _ in range(3)] == [real(entry, "job_1", LINKS)] * 3
    assert made == ["0-0", "1-0"]
    # What differs by job or by client is never another's.
    assert wire.of(entries[1], "job_2", LINKS) == real(entries[1], "job_2", LINKS)
    assert wire.of(entries[1], "job_2", Links("http://other")) == real(entries[1], "job_2", Links("http://other"))
    assert len(wire._kept) == 2, "the newest ones are remembered"
    long = LoggedEvent("9-0", e.Logged(at=1.0, text="x" * 10_000))
    assert wire.of(long, "job_1", LINKS) == real(long, "job_1", LINKS)
    assert len(wire._kept) == 2
