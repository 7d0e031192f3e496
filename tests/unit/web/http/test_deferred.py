"""An answer that comes later is one request for limits, counters and log, and the wait is outside of Flask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import pytest
from flask import Flask, Response, g, has_request_context, request
from flask.testing import FlaskClient
from greenlet import getcurrent

from web import request_counts
from web.http import envelope
from web.http.deferred import Deferred, after_wait, defer, deferring, is_deferred
from web.http.operation import Operation, ok
from web.http.own_stack import ON_OWN_STACK
from web.http.problems import Problem
from web.server.worker import _on_own_stack


@dataclass
class Slow:
    """A route whose answer comes later: what its wait does, and what happened."""

    wait: Callable[[], None] = lambda: None
    seen: list[str] = field(default_factory=list)
    errors: list[Exception | None] = field(default_factory=list)

    def view(self) -> Response:
        """A view."""
        self.seen.append(f"view {g.caller.owner}")
        return defer(self._wait, self._finish)

    def _wait(self) -> None:
        self.seen.append(f"wait {has_request_context()}")
        self.wait()

    def _finish(self, error: Exception | None) -> Response:
        self.seen.append(f"finish {g.caller.owner} {request.path}")
        self.errors.append(error)
        if error is not None:
            raise error
        return Response("at last", 201, {"X-Own": "1"})


@pytest.fixture
def slow(app: Flask) -> Slow:
    found = Slow()
    declared = Operation("slow", "Jobs", "read", answers=(ok("It.", None),))

    @declared
    def view() -> Response:
        return found.view()

    app.add_url_rule("/v1/slow", view_func=view, endpoint="slow", methods=["POST"])
    return found


def test_the_wait_is_between_two_visits_of_flask(client: FlaskClient, slow: Slow) -> None:
    answer = client.post("/v1/slow", json={"a": 1})
    assert (answer.status_code, answer.text, answer.headers["X-Own"]) == (201, "at last", "1")
    assert slow.seen == ["view local", "wait False", "finish local /v1/slow"]


def test_it_is_one_request_for_limits_counters_and_log(client: FlaskClient, slow: Slow) -> None:
    counted: list[Any] = []
    lines: list[Any] = []
    with (
        patch.object(request_counts, "count", lambda *given: counted.append(given[:3])),
        patch.object(envelope.log, "isEnabledFor", lambda _: True),
        patch.object(envelope.log, "log", lambda _, *text, extra: lines.append((text, sorted(extra)))),
    ):
        first = client.post("/v1/slow").headers["RateLimit"]
        second = client.post("/v1/slow").headers["RateLimit"]
    assert counted == [("POST", "/v1/slow", 201)] * 2
    assert len(lines) == 2
    left = [int(text.partition("r=")[2].partition(";")[0]) for text in (first, second)]
    assert left[0] - left[1] == 1


def test_what_the_wait_raises_is_what_the_answer_says(client: FlaskClient, slow: Slow) -> None:
    def refuse() -> None:
        raise Problem("gone", "It was deleted meanwhile.")

    slow.wait = refuse
    answer = client.post("/v1/slow")
    assert (answer.status_code, answer.get_json()["detail"]) == (410, "It was deleted meanwhile.")
    assert [type(error) for error in slow.errors] == [Problem]


def test_a_server_that_can_runs_both_visits_on_stacks_of_their_own() -> None:
    own = getcurrent()
    seen: list[bool] = []

    def application(environ: Any, start: Any) -> list[bytes]:
        seen.append(getcurrent() is own)
        deferred = after_wait(environ)
        if deferred is None:
            environ["darkroom.deferred"] = Deferred(lambda: seen.append(getcurrent() is own), lambda _: Response(), {})
            assert is_deferred(environ)
        start("200 OK", [])
        return [b"first"] if deferred is None else [b"second"]

    started: list[str] = []
    environ: Any = {ON_OWN_STACK: _on_own_stack}
    body = deferring(application)(environ, lambda status, _: started.append(status))  # type: ignore[arg-type]
    assert (list(body), started) == ([b"second"], ["200 OK"])
    assert seen == [False, True, False]


def test_an_error_on_a_stack_of_its_own_comes_back() -> None:
    with pytest.raises(ZeroDivisionError):
        _on_own_stack(lambda: 1 // 0)
    assert _on_own_stack(lambda text: f"{text}!", "here") == "here!"
