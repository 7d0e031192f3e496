"""The lane before Flask: plain requests that come very often are answered there, by the parts that the views use.

What such a request costs in Flask (contexts, routing, the answer's object) is more than all the rest of it. A request that
is not plain takes the long way, and so does one that fails: Flask makes the answer from the same exception.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from resilience import foreign
from web.http import envelope
from web.http.auth import Caller
from web.http.reply import Reply

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_STATUS: Final = {status.value: f"{status.value} {status.phrase.upper()}" for status in HTTPStatus}
_KEPT_AS: Final = "darkroom.begun"


@dataclass(slots=True)
class Begun:
    """A request in the lane: when it came, who asks, once that is known, and what went wrong."""

    started: float
    caller: Caller | None = None
    error: Exception | None = None


#: Answers a plain request; None: it is not plain, and nothing was done.
Answerer = Callable[["WSGIEnvironment", Begun], Reply | None]


class _Failed(Exception):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


def begun(environ: Mapping[str, Any]) -> Begun | None:
    """What is known of a request that failed in the lane; None: it was not answered there at all."""
    found: Begun | None = environ.get(_KEPT_AS)
    return found


class Lane:
    """A WSGI application that answers plain requests itself, and leaves all others to ``inner``.

    Args:
        inner: The long way.
        answers: By the method of a request.
    """

    def __init__(self, inner: WSGIApplication, answers: Mapping[str, Answerer]) -> None:
        self.inner = inner
        self.answers = dict(answers)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        answer = self.answers.get(environ["REQUEST_METHOD"])
        reply = None if answer is None else self._reply(answer, environ)
        if reply is None:
            return self.inner(environ, start_response)
        start_response(_STATUS[reply.status], [*reply.headers, *envelope.own_headers(environ)])
        return (reply.body,)

    def _reply(self, answer: Answerer, environ: WSGIEnvironment) -> Reply | None:
        known = Begun(time.perf_counter())
        try:
            with foreign(_Failed):
                return answer(environ, known)
        except _Failed as failed:
            known.error = failed.error
            environ[_KEPT_AS] = known
            return None
