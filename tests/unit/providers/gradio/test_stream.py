from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.base import Control
from providers.errors import Canceled, Protocol, ProviderError, Timeout, Unreachable
from providers.gradio.app_limits import AppLimits
from providers.gradio.stream import EventReader

BEAT = b'data: {"msg":"heartbeat"}\n\n'


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def stream(
    pieces: Iterator[bytes],
    *,
    limits: AppLimits | None = None,
    control: Control | None = None,
    clock: Clock | None = None,
) -> EventReader:
    return EventReader(
        lambda _: next(pieces, b""),
        limits=limits or AppLimits(),
        control=control or Control(),
        clock=clock or Clock(),
    )


def ticking(clock: Clock, seconds: float, piece: Callable[[int], bytes]) -> Iterator[bytes]:
    """Pieces for ever (in tests: a thousand), one every so many seconds."""
    for number in range(1000):
        clock.now += seconds
        yield piece(number)


@given(
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), min_size=1, max_size=20), max_size=5),
    st.data(),
)
def test_events_are_the_same_however_they_are_cut(texts: list[str], data: st.DataObject) -> None:
    body = "".join(f"data: {text}\n\n" for text in texts).encode()
    pieces = []
    while body:
        size = data.draw(st.integers(1, len(body)))
        pieces.append(body[:size])
        body = body[size:]
    # A text of spaces alone is an event too; sseclient takes one space off.
    assert list(stream(iter(pieces))) == texts


def test_half_an_event_at_the_end_is_a_lost_connection() -> None:
    events = iter(stream(iter([BEAT, b'data: {"msg":"process_compl'])))
    assert next(events) == '{"msg":"heartbeat"}'
    with pytest.raises(Unreachable, match="in the middle of a message"):
        next(events)


def test_an_event_without_its_blank_line_is_not_whole() -> None:
    with pytest.raises(Unreachable):
        list(stream(iter([b'data: {"msg":"process_completed"}\n'])))


def test_an_event_that_never_ends_is_refused_at_its_limit() -> None:
    taken = 0

    def pieces() -> Iterator[bytes]:
        nonlocal taken
        for _ in range(4000):
            taken += 65536
            yield b"x" * 65536

    with pytest.raises(Protocol, match="a message of more than 4194304 bytes"):
        list(stream(pieces()))
    assert taken <= (4 << 20) + 65536


@pytest.mark.parametrize("flood", [b": comment\n\n", BEAT])
def test_a_stream_is_bounded_in_bytes(flood: bytes) -> None:
    limits = AppLimits(stream_bytes=100_000, events=10**9)
    with pytest.raises(Protocol, match="more than 100000 bytes"):
        list(stream((flood for _ in range(10**6)), limits=limits))


def test_a_stream_is_bounded_in_events() -> None:
    with pytest.raises(Protocol, match="more than 10000 messages"):
        list(stream(BEAT for _ in range(10**6)))


@pytest.mark.parametrize("piece", [BEAT, b": still here\n\n", b"x"])
def test_heartbeats_comments_and_drips_are_no_news(piece: bytes) -> None:
    clock = Clock()
    with pytest.raises(Timeout, match="no news from the app for 60 s"):
        list(stream(ticking(clock, 15, lambda _: piece), clock=clock))
    assert clock.now == 60


def test_after_news_the_silence_may_be_longer() -> None:
    clock = Clock()
    events = stream(ticking(clock, 15, lambda _: BEAT), clock=clock, limits=AppLimits(no_news=300))
    waiting = iter(events)
    next(waiting)
    events.news(works=True)
    with pytest.raises(Timeout, match="no news from the app for 300 s"):
        list(waiting)


def test_waiting_in_the_queue_is_no_silence() -> None:
    clock = Clock()
    events = stream(ticking(clock, 15, lambda _: BEAT), clock=clock, limits=AppLimits(no_news=30))
    waiting = iter(events)
    next(waiting)
    events.news(works=False)
    assert len(list(waiting)) == 999


def test_a_function_may_work_without_a_word_for_as_long_as_the_attempt() -> None:
    clock = Clock()
    events = stream(ticking(clock, 15, lambda _: BEAT), clock=clock, control=Control(3600, clock=clock))
    working = iter(events)
    next(working)
    events.news(works=True)
    with pytest.raises(Timeout, match="the time for this attempt is over"):
        list(working)
    assert clock.now >= 3600


def test_without_heartbeats_the_connection_is_dead() -> None:
    def read(_: float) -> bytes:
        raise TimeoutError

    events = EventReader(read, limits=AppLimits(first_event=90), control=Control())
    with pytest.raises(Timeout, match="for 60 s, not even a heartbeat"):
        list(events)


def test_the_attempts_own_time_ends_a_stream_that_always_has_news() -> None:
    clock = Clock()
    control = Control(100, clock=clock)
    events = stream(ticking(clock, 15, lambda _: BEAT), control=control, clock=clock)

    def follow() -> None:
        for _ in events:
            events.news(works=True)

    with pytest.raises(Timeout, match="the time for this attempt is over"):
        follow()
    assert clock.now == 105


def test_a_read_waits_no_longer_than_any_limit() -> None:
    clock = Clock()
    waits: list[float] = []

    def read(seconds: float) -> bytes:
        waits.append(seconds)
        clock.now += seconds
        raise TimeoutError

    def follow(limits: AppLimits, seconds: float | None) -> type[ProviderError]:
        clock.now = 0
        with pytest.raises(ProviderError) as caught:
            list(EventReader(read, limits=limits, control=Control(seconds, clock=clock), clock=clock))
        return caught.type

    assert follow(AppLimits(read=9, first_event=60), None) is Timeout
    assert follow(AppLimits(read=90, first_event=60), None) is Timeout
    assert follow(AppLimits(), 7) is Timeout
    assert waits == [9, 60, 7]


def test_a_cancel_ends_the_stream() -> None:
    control = Control()
    events = iter(stream((BEAT for _ in range(10)), control=control))
    next(events)
    control.cancel("by the user")
    with pytest.raises(Canceled, match="by the user"):
        next(events)


def test_bytes_that_are_no_text_are_a_protocol_error() -> None:
    with pytest.raises(Protocol, match="not text"):
        list(stream(iter([b"data: \xff\xfe\n\n"])))


def test_a_line_separator_inside_a_text_is_no_border() -> None:
    line = "data: a\u0085b\u2028c\n\n".encode()
    assert list(stream(iter([line]))) == ["a\u0085b\u2028c"]
