from __future__ import annotations

import pytest

from providers.errors import Busy, Canceled, Crashed, Unreachable
from providers.events import InlineFile, Partial, Preview, Progress, Queued, Started, Status
from providers.gradio.messages import Content, Generating, Message, ProcessCompleted, Signal, Unexpected
from providers.gradio.session import CallResult, Lost, Session

PICTURE = InlineFile("p", b"")


def heard(*messages: Message, session: Session | None = None) -> list[object]:
    session = session or Session("mine")
    return [event for message in messages for event in session.feed(message)]


def own(content: Content) -> Message:
    return Message(content, "mine")


def test_a_call_is_told_from_its_beginning_to_its_answer() -> None:
    assert heard(
        own(Queued(rank=1, size=2, eta=3.0)),
        own(Started(eta=4.0)),
        own(Progress(fraction=0.25, step=1, total=4)),
        own(Status(text="hello", level="warning")),
        own(ProcessCompleted(success=True, data=("done", 7))),
    ) == [
        Queued(rank=1, size=2, eta=3.0),
        Started(eta=4.0),
        Progress(fraction=0.25, step=1, total=4),
        Status("hello", "warning"),
        CallResult(("done", 7)),
    ]


def test_other_calls_repetitions_and_what_comes_late_are_dropped() -> None:
    mine = own(ProcessCompleted(success=True, data=(1,)))
    assert heard(
        Message(ProcessCompleted(success=True, data=("not mine",)), "other"),
        Message(Unexpected(text="404"), "other"),
        own(Queued(rank=0)),
        own(Queued(rank=0)),
        Message(Signal.HEARTBEAT),
        own(Started()),
        own(Queued(rank=5)),
        own(Started()),
        mine,
        mine,
        own(Status(text="late")),
        Message(Signal.CLOSE_STREAM),
    ) == [Queued(rank=0), Started(), CallResult((1,))]


def test_an_unknown_id_is_taken_from_the_first_message() -> None:
    session = Session()
    heard(Message(Started(), "first"), Message(Status("no"), "second"), session=session)
    assert session.event_id == "first"


def test_what_cannot_be_shown_of_a_step_costs_the_steps_and_nothing_else() -> None:
    def broken(_: object) -> tuple[()]:
        raise ValueError("odd")

    session = Session("mine", step=broken)
    assert heard(
        own(Generating(data=("a",))), own(ProcessCompleted(success=True, data=("whole",))), session=session
    ) == [CallResult(("whole",))]


def test_steps_are_told_as_they_are_read() -> None:
    session = Session("mine", step=lambda data: (Preview(PICTURE), Partial(str(data[0]))))
    assert heard(own(Generating(data=("a",))), own(Generating()), session=session) == [Preview(PICTURE), Partial("a")]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (ProcessCompleted(success=True), Crashed),
        (ProcessCompleted(success=False, error="boo"), Crashed),
        (Signal.QUEUE_FULL, Busy),
        (Signal.CLOSE_STREAM, Lost),
        (Unexpected(text="404: Session not found.", unknown_session=True), Lost),
        (Unexpected(text="Server stopped unexpectedly."), Unreachable),
        (Unexpected(text="something else"), Crashed),
    ],
)
def test_an_end_without_an_answer_is_an_error_and_our_own_cancel_is_told_apart(
    content: Content, kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        heard(Message(content))
    with pytest.raises(Canceled):
        heard(Message(content), session=Session(canceled=lambda: True))


def test_the_end_of_the_stream_is_no_answer() -> None:
    session = Session("mine")
    assert isinstance(session.end(), Lost)
    heard(own(Started()), session=(begun := Session("mine")))
    assert type(begun.end()) is Unreachable
    assert isinstance(Session(canceled=lambda: True).end(), Canceled)
