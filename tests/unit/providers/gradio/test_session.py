from __future__ import annotations

import pytest

from providers.errors import Busy, Canceled, Crashed, Unreachable
from providers.events import InlineFile, Preview, Progress, Queued, Started, Status
from providers.gradio.messages import (
    Bar,
    Bars,
    CloseStream,
    Estimation,
    Generating,
    Heartbeat,
    Log,
    Message,
    ProcessCompleted,
    QueueFull,
    Starts,
    Unexpected,
)  # fmt: skip
from providers.gradio.session import CallResult, Lost, Session

PICTURE = InlineFile("p", b"")


def heard(*messages: Message, session: Session | None = None) -> list[object]:
    session = session or Session("mine")
    return [event for message in messages for event in session.feed(message)]


def test_a_call_is_told_from_its_beginning_to_its_answer() -> None:
    assert heard(
        Estimation(event_id="mine", rank=1, size=2, eta=3.0),
        Starts(event_id="mine", eta=4.0),
        Bars(event_id="mine", bars=(Bar(index=1, length=4, unit="steps", text="painting"),)),
        Log(event_id="mine", text="hello", level="warning"),
        ProcessCompleted(event_id="mine", success=True, data=("done", 7)),
    ) == [
        Queued(rank=1, size=2, eta=3.0),
        Started(eta=4.0),
        Progress(fraction=0.25, step=1, total=4, unit="steps", message="painting"),
        Status("hello", "warning"),
        CallResult(("done", 7)),
    ]


def test_other_calls_repetitions_and_what_comes_late_are_dropped() -> None:
    mine = ProcessCompleted(event_id="mine", success=True, data=(1,))
    assert heard(
        ProcessCompleted(event_id="other", success=True, data=("not mine",)),
        Unexpected(event_id="other", text="404"),
        Estimation(event_id="mine", rank=0),
        Estimation(event_id="mine", rank=0),
        Heartbeat(),
        Starts(event_id="mine"),
        Estimation(event_id="mine", rank=5),
        Starts(event_id="mine"),
        mine,
        mine,
        Log(event_id="mine", text="late"),
        CloseStream(),
    ) == [Queued(rank=0), Started(), CallResult((1,))]


def test_an_unknown_id_is_taken_from_the_first_message() -> None:
    session = Session()
    heard(Starts(event_id="first"), Log(event_id="second", text="no"), session=session)
    assert session.event_id == "first"


def test_nested_bars_fill_the_outer_ones_step() -> None:
    (progress,) = heard(Bars(bars=(Bar(index=1, length=2, text="picture"), Bar(index=5, length=10, text="step"))))
    assert progress == Progress(fraction=0.75, step=1, total=2, message="picture · step")
    (finished,) = heard(Bars(bars=(Bar(index=2, length=2), Bar(index=10, length=10))))
    assert finished == Progress(fraction=1.0, step=2, total=2)


def test_no_bars_still_mean_that_it_works() -> None:
    assert heard(Bars()) == [Progress(message="generating")]


def test_each_new_picture_is_a_preview_once() -> None:
    session = Session("mine", file=lambda _: PICTURE)
    first, second = {"path": "/1.png", "meta": {}}, {"path": "/2.png", "meta": {}}
    steps = [
        Generating(event_id="mine", data=(first, 1)),
        Generating(event_id="mine", data=(first, 2)),
        Generating(event_id="mine", data=(second, 2)),
        Generating(event_id="mine", data=([first, second], 2)),
        Generating(event_id="mine", data=("a text", {"path": "/sound.mp3", "meta": {}})),
        Generating(event_id="mine"),
    ]
    assert heard(*steps, session=session) == [Preview(PICTURE), Preview(PICTURE)]


def test_a_wrong_diff_costs_the_preview_and_nothing_else() -> None:
    session = Session("mine", diffs=True, file=lambda _: PICTURE)
    assert heard(
        Generating(event_id="mine", data=({"path": "/1.png", "meta": {}},)),
        Generating(event_id="mine", data=([["replace", ["no", "such"], 1]],)),
        Generating(event_id="mine", data=([["replace", [], {"path": "/3.png", "meta": {}}]],)),
        ProcessCompleted(event_id="mine", success=True, data=("whole",)),
        session=session,
    ) == [Preview(PICTURE), Preview(PICTURE), CallResult(("whole",))]


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (ProcessCompleted(success=True), Crashed),
        (ProcessCompleted(success=False, error="boo"), Crashed),
        (QueueFull(), Busy),
        (CloseStream(), Lost),
        (Unexpected(text="404: Session not found.", unknown_session=True), Lost),
        (Unexpected(text="Server stopped unexpectedly."), Unreachable),
        (Unexpected(text="something else"), Crashed),
    ],
)
def test_an_end_without_an_answer_is_an_error_and_our_own_cancel_is_told_apart(
    message: Message, kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        heard(message)
    with pytest.raises(Canceled):
        heard(message, session=Session(canceled=lambda: True))


def test_the_end_of_the_stream_is_no_answer() -> None:
    session = Session("mine")
    assert isinstance(session.end(), Lost)
    heard(Starts(event_id="mine"), session=(begun := Session("mine")))
    assert type(begun.end()) is Unreachable
    assert isinstance(Session(canceled=lambda: True).end(), Canceled)
