"""The lane before Flask answers as Flask does, byte for byte, or leaves the request to it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

import fakeredis
import pytest
from flask import Flask
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder, run_wsgi_app

from jobs.access.api_keys import SCOPES
from jobs.limits import Limits
from settings import Bind, Settings
from tests.support.fake_worker import FakeWorker, name_database
from web import request_counts
from web.build import build
from web.http import envelope
from web.lane import Lane
from web.services import Services

UNKNOWN = "job_01ARZ3NDEKTSV4RRFFQ69G5FAV"
Pairs = list[tuple[str, str]]


@dataclass
class Ways:
    """The application by both ways; on the lane a request that Flask got as well is noted."""

    app: Flask
    services: Services
    worker: FakeWorker

    @property
    def lane(self) -> Lane:
        lane: Any = self.app.wsgi_app
        assert isinstance(lane, Lane)
        return lane

    def both(self, path: str, method: str = "GET", **headers: str) -> tuple[str, Pairs, bytes, bool]:
        """Ask by both ways, hold the answers against one another, and give the one; True: without Flask."""
        seen = [self._ask(way, path, method, headers) for way in (self.app.wsgi_app, self.lane.inner)]
        if seen[0][:3] != seen[1][:3]:
            # Time may have passed in between, and with it what is known of the queue.
            seen[0] = self._ask(self.app.wsgi_app, path, method, headers)
        (status, pairs, body), (other, others, text) = seen[0][:3], seen[1][:3]
        assert (status, pairs, body) == (other, others, text)
        assert seen[0][3:5] == seen[1][3:5], "the counters and the log"
        return status, pairs, body, not seen[0][5]

    def _ask(self, way: Any, path: str, method: str, headers: Mapping[str, str]) -> tuple[Any, ...]:
        self.services.rate_limiter._local._counters.clear()
        # Else what is left of a minute differs between two requests now and then.
        self.services.rate_limiter._local._clock = lambda: 1000.0
        named = [("Host", "localhost"), *((name.replace("_", "-"), value) for name, value in headers.items())]
        environ = EnvironBuilder(path=path, method=method, headers=Headers(dict(named))).get_environ()
        environ["wsgi.input"] = io.BytesIO(b"{}")
        if "Content_Length" in headers:
            environ["CONTENT_LENGTH"] = headers["Content_Length"]
        counted: list[Any] = []
        lines: list[Any] = []
        asked: list[Any] = []
        self.app.before_request_funcs.setdefault(None, []).insert(0, lambda: asked.append(1))
        with (
            patch.object(envelope, "_numbers", iter([7, 8, 9])),
            patch.object(request_counts, "count", lambda *given: counted.append(given[:3])),
            patch.object(envelope.log, "isEnabledFor", lambda _: True),
            patch.object(envelope.log, "log", lambda level, *text, extra: lines.append((level, text, sorted(extra)))),
        ):
            body, status, answered = run_wsgi_app(way, environ, buffered=True)
        self.app.before_request_funcs[None].pop(0)
        return status, list(answered), b"".join(body), counted, lines, bool(asked)


@pytest.fixture(params=["open", "keys"])
def ways(request: pytest.FixtureRequest, web_settings: Settings, serve: Callable[[Services], Flask]) -> Iterator[Ways]:
    """One installation that is open, and one that wants keys and limits."""
    open_to_all = request.param == "open"
    settings = web_settings if open_to_all else replace(web_settings, bind=Bind("0.0.0.0", 8000))
    settings = replace(settings, limits=Limits(reads_per_minute=None if open_to_all else 3))
    built = build(settings, client=fakeredis.FakeRedis())
    name_database(built)
    built.rate_limiter._local._clock = lambda: 600.0
    yield Ways(serve(built), built, FakeWorker(built))
    built.close()


@dataclass
class Jobs:
    """One job of each kind, and the headers of who may see them."""

    finished: str
    queued: str
    running: str
    deleted: str
    mine: dict[str, str]


@pytest.fixture
def jobs(ways: Ways) -> Jobs:
    """Jobs of a key, or in the open installation of everybody."""
    mine, owner = {}, "local"
    if not ways.services.gate.is_open():
        record, text = ways.services.keys.create("mine", SCOPES)
        mine, owner = {"Authorization": f"Bearer {text}"}, record.id
    client = ways.app.test_client()
    ids = [
        client.post("/v1/jobs", json={"model": "echo", "input": {"prompt": "a"}}, headers=mine).get_json()["id"]
        for _ in range(4)
    ]
    for job_id in ids[:2]:
        ways.worker.succeed(ways.worker.claim(ways.services.store.get(job_id).job))
    ways.worker.claim(ways.services.store.get(ids[2]).job)
    ways.services.jobs.delete(ids[1], owner)
    return Jobs(finished=ids[0], queued=ids[3], running=ids[2], deleted=ids[1], mine=mine)


def test_plain_polls_never_reach_flask(ways: Ways, jobs: Jobs) -> None:
    for job_id in (jobs.finished, jobs.queued, jobs.running):
        status, headers, body, short = ways.both(f"/v1/jobs/{job_id}", **jobs.mine)
        mark = dict(headers)["ETag"]
        assert (status, short, json.loads(body)["id"]) == ("200 OK", True, job_id)
        for spelling in (mark, mark.removeprefix("W/"), "*", f'"x", {mark}', f" {mark} "):
            status, _, body, short = ways.both(f"/v1/jobs/{job_id}", If_None_Match=spelling, **jobs.mine)
            assert (status, body, short) == ("304 NOT MODIFIED", b"", True), spelling
        assert ways.both(f"/v1/jobs/{job_id}", If_None_Match='W/"0"', **jobs.mine)[0] == "200 OK"
        status, headers, body, short = ways.both(f"/v1/jobs/{job_id}", "HEAD", **jobs.mine)
        assert (status, body, short) == ("200 OK", b"", True)
        assert int(dict(headers)["Content-Length"]) > 100
        assert ways.both(f"/v1/jobs/{job_id}", "HEAD", If_None_Match="*", **jobs.mine)[0] == "304 NOT MODIFIED"


@pytest.mark.parametrize("name", ["my-id.1:2_3", "x" * 128, "x" * 129, "", "a b", "é"])
def test_a_request_has_the_same_id_by_both_ways(ways: Ways, jobs: Jobs, name: str) -> None:
    _, headers, _, short = ways.both(f"/v1/jobs/{jobs.finished}", X_Request_Id=name, **jobs.mine)
    assert short
    assert (dict(headers)["X-Request-Id"] == name) == (name in {"my-id.1:2_3", "x" * 128})


@pytest.mark.parametrize(
    "headers",
    [
        {"Prefer": "wait=0"},
        {"Origin": "http://localhost"},
        {"Origin": "https://evil.example"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "none", "Sec_Fetch_Mode": "navigate"},
        {"X_API_Key": "dk_live_x"},
        {"Content_Length": "3"},
        {"Transfer_Encoding": "chunked"},
    ],
)
def test_what_is_not_plain_goes_the_long_way(ways: Ways, jobs: Jobs, headers: dict[str, str]) -> None:
    assert not ways.both(f"/v1/jobs/{jobs.finished}", **headers, **jobs.mine)[3]


@pytest.mark.parametrize(
    ("path", "status"),
    [("/{}?", 200), ("/{}?a=b", 200), ("/{}?sig=x", 200), ("/{}/", 404), ("//{}", 404), ("/{}x", 404), ("/{}%0a", 404)],
)
def test_another_address_goes_the_long_way(ways: Ways, jobs: Jobs, path: str, status: int) -> None:
    found, _, _, short = ways.both("/v1/jobs" + path.format(jobs.finished), **jobs.mine)
    assert (int(found[:3]), short) == (status, path == "/{}?")


@pytest.mark.parametrize("method", ["POST", "PUT", "OPTIONS", "TRACE", "BREW"])
def test_another_method_goes_the_long_way(ways: Ways, jobs: Jobs, method: str) -> None:
    assert not ways.both(f"/v1/jobs/{jobs.finished}", method, **jobs.mine)[3]


def test_what_is_refused_is_refused_by_flask_in_the_same_words(ways: Ways, jobs: Jobs) -> None:
    path = f"/v1/jobs/{jobs.finished}"
    cases = [
        (f"/v1/jobs/{UNKNOWN}", jobs.mine, "404"), (f"/v1/jobs/{jobs.deleted}", jobs.mine, "410"),
        (path, {**jobs.mine, "Host": "evil.example" if not jobs.mine else "a b"}, "421" if not jobs.mine else "400"),
    ]  # fmt: skip
    if jobs.mine:
        keys = ways.services.keys
        (_, other), (revoked, gone), (_, writer) = keys.create("b"), keys.create("c"), keys.create("d", ("submit",))
        keys.revoke(revoked.id)
        ways.services.gate.forget()
        cases += [
            (path, {}, "401"), (path, {"Authorization": "Bearer dk_live_x"}, "401"),
            (path, {"Authorization": f"Bearer {gone}"}, "401"), (path, {"Authorization": f"Bearer {writer}"}, "403"),
            (path, {"Authorization": f"Bearer {other}"}, "404"), (path, {"Authorization": "Basic x"}, "401"),
            (f"/v1/jobs/{jobs.deleted}", {"Authorization": f"Bearer {other}"}, "404"),
        ]  # fmt: skip
    for path, headers, status in cases:
        found, _, body, short = ways.both(path, **headers)
        assert (found[:3], short) == (status, False), (path, headers)
        assert json.loads(body)["status"] == int(status)


def test_the_lane_counts_against_the_limit_of_reads(ways: Ways, jobs: Jobs) -> None:
    ways.services.rate_limiter._local._counters.clear()
    client = ways.app.test_client()
    answers = [client.get(f"/v1/jobs/{jobs.finished}", headers=jobs.mine) for _ in range(4)]
    if not jobs.mine:
        assert [(answer.status_code, "RateLimit" in answer.headers) for answer in answers] == [(200, False)] * 4
        return
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[0].headers["RateLimit"].startswith('"read";r=2;')
    unknown = [client.get(f"/v1/jobs/{UNKNOWN}", headers=jobs.mine).status_code for _ in range(2)]
    assert unknown == [429, 429], "also what is not there, and each once"


def test_a_fault_happens_once_and_is_answered_by_flask(ways: Ways, jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        asked.append(1)
        raise LookupError("a mistake of ours")

    asked: list[int] = []
    monkeypatch.setattr(ways.services.views, "look", broken)
    answer = ways.app.test_client().get(f"/v1/jobs/{jobs.finished}", headers=jobs.mine)
    assert (answer.status_code, answer.get_json()["code"], asked) == (500, "internal", [1])


def test_a_poll_is_logged_where_it_tells_something(
    ways: Ways, jobs: Jobs, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = ways.app.test_client()
    caplog.set_level(logging.INFO, "web.access")
    assert client.get(f"/v1/jobs/{jobs.finished}", headers=jobs.mine).status_code == 200
    assert caplog.records == []
    monkeypatch.setattr(envelope, "_SLOW_SECONDS", 0.0)
    ways.services.rate_limiter._local._counters.clear()
    client.get(f"/v1/jobs/{jobs.finished}", headers={**jobs.mine, "X-Request-Id": "slow-1"})
    (line,) = caplog.records
    assert line.getMessage() == "GET /v1/jobs/<job:job_id> 200"
    assert (line.__dict__["request_id"], line.__dict__["job_id"]) == ("slow-1", jobs.finished)
    assert line.__dict__["owner"] == ways.services.store.get(jobs.finished).job.owner
