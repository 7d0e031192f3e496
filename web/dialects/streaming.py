"""An answer that is a stream of server-sent events, while its job runs and when it has ended.

No message has an id, and signs of life are comments: OpenAI's clients read the two together as an empty message.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import msgspec
from flask import Response, stream_with_context

from jobs.events import JobEvent
from jobs.record.types import LoggedEvent
from resilience import foreign
from web.dialects.ignored import say_ignored
from web.dialects.made import Made, say_joined
from web.dialects.waiting import AnswerFailed, Wait, closing, told
from web.http.error_responses import respond
from web.streaming.sse import HEARTBEAT
from web.streaming.watch import HungUp

#: A message, or nothing.
Tell = Callable[[JobEvent], bytes]

encode: Final = msgspec.json.Encoder().encode


def streamed(
    made: Sequence[Made],
    ignored: Sequence[str],
    messages: Callable[[Wait], Iterator[bytes]],
    error: Callable[[Response], bytes],
) -> Response:
    """The answer to the current request.

    Args:
        made: Its jobs.
        ignored: Its fields that have no effect.
        messages: The stream.
        error: Its last message, if something fails: made from what the answer would be.
    """
    wait = Wait(made)
    answer = Response(
        stream_with_context(told(wait, until_hung_up(messages(wait), error))), mimetype="text/event-stream"
    )
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["X-Accel-Buffering"] = "no"
    return say_joined(say_ignored(closing(wait, answer), ignored), made)


def until_hung_up(messages: Iterator[bytes], error: Callable[[Response], bytes]) -> Iterator[bytes]:
    """A stream that ends with ``error`` if something fails, and without a word where its client has gone."""
    try:
        with foreign(AnswerFailed, unless=(HungUp,)):
            yield from messages
    except AnswerFailed as failed:
        yield error(respond(failed.error))


def as_it_runs(
    wait: Wait,
    tell: Tell,
    *,
    look: Callable[[], bytes] = lambda: b"",
    until: float = math.inf,
    alive: bytes = HEARTBEAT,
) -> Iterator[bytes]:
    """What is told of the first job's events until it has ended, and signs of life.

    Args:
        wait: The client that waits.
        tell: What to say of an event.
        look: What to say now and then, whether there are events or not.
        alive: A sign of life.
        until: When to stop though it has not ended (of :func:`time.monotonic`).
    """
    return as_logged(wait, lambda entry: tell(entry.event), look=look, until=until, alive=alive)


def as_logged(
    wait: Wait,
    tell: Callable[[LoggedEvent], bytes],
    *,
    look: Callable[[], bytes] = lambda: b"",
    until: float = math.inf,
    alive: bytes = HEARTBEAT,
) -> Iterator[bytes]:
    """Like :func:`as_it_runs`, for messages with the ids of the events."""
    beat = wait.services.timings.heartbeat
    spoke_at = time.monotonic()
    while not wait.jobs[0].status.is_terminal and time.monotonic() < until:
        news = wait.news(0, min(until, time.monotonic() + beat))
        said = b"".join(map(tell, news)) + look()
        if said or time.monotonic() - spoke_at >= beat:
            yield said or alive
            spoke_at = time.monotonic()


def event(data: dict[str, Any]) -> bytes:
    """One message, named by its type."""
    return b"event: %s\ndata: %s\n\n" % (str(data["type"]).encode(), encode(data))


def error_in(answer: Response) -> dict[str, Any]:
    """What an answer that is an error says to OpenAI's clients."""
    found: dict[str, Any] = msgspec.json.decode(answer.get_data())["error"]
    return found
