"""An answer that comes later: what waits for it keeps neither Flask's contexts nor a deep stack.

A view that would wait for minutes returns what :func:`defer` gives. The wait is then done at the rim of the application,
and after it Flask is entered a second time, for the same request, to make the answer: a request that waits so takes two
thirds of the memory that it takes in its view.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from flask import Response, g, request

from resilience import foreign
from web.http.own_stack import ON_OWN_STACK

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_KEPT_AS: Final = "darkroom.deferred"

Finish = Callable[[Exception | None], Response]


class _Failed(Exception):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


@dataclass(slots=True)
class Deferred:
    """An answer that comes later.

    Args:
        wait: Waits, outside of Flask.
        finish: Makes the answer after it, in Flask, from what the wait has raised, if anything.
        known: What :data:`flask.g` knew of the request.
    """

    wait: Callable[[], object]
    finish: Finish
    known: Mapping[str, Any]
    _error: Exception | None = None
    is_over: bool = False

    def pass_time(self) -> None:
        """Wait."""
        try:
            with foreign(_Failed):
                self.wait()
        except _Failed as failed:
            self._error = failed.error
        self.is_over = True

    def answer(self) -> Response:
        """The answer to the current request; raises what ``finish`` raises."""
        for name, value in self.known.items():
            setattr(g, name, value)
        return self.finish(self._error)


def defer(wait: Callable[[], object], finish: Finish) -> Response:
    """Let the answer to the current request come later; what the view then returns is sent to nobody."""
    request.environ[_KEPT_AS] = Deferred(wait, finish, {name: g.get(name) for name in g})
    return Response()


def is_deferred(environ: Mapping[str, Any]) -> bool:
    """Whether the answer to a request comes later, and not now."""
    found: Deferred | None = environ.get(_KEPT_AS)
    return found is not None and not found.is_over


def after_wait(environ: Mapping[str, Any]) -> Deferred | None:
    """The answer of a request whose wait is over; None: it is a request like any other."""
    found: Deferred | None = environ.get(_KEPT_AS)
    return found


def deferring(inner: WSGIApplication) -> WSGIApplication:
    """An application that waits where a view deferred its answer, and then asks ``inner`` once more."""

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Callable[[bytes], object]:  # noqa: ANN401
            return _nothing if is_deferred(environ) else start_response(status, headers, *more)

        on_own_stack = environ.get(ON_OWN_STACK, _call)
        pieces: Iterable[bytes] = on_own_stack(inner, environ, start)
        deferred = environ.get(_KEPT_AS)
        if deferred is None:
            return pieces
        # The first answer is sent to nobody, and must not be kept alive for the length of the wait.
        _close(pieces)
        pieces = ()
        deferred.pass_time()
        again: Iterable[bytes] = on_own_stack(inner, environ, start)
        return again

    return serve


def _call(call: Callable[..., Iterable[bytes]], *given: Any) -> Iterable[bytes]:  # noqa: ANN401 - passed on
    return call(*given)


def _close(pieces: Iterable[bytes]) -> None:
    close = getattr(pieces, "close", None)
    if close is not None:
        close()


def _nothing(_: bytes) -> None:
    """What is written of an answer that is sent to nobody."""
