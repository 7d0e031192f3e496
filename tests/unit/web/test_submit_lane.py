"""A plain submission is answered before Flask as Flask answers it: the same requests to two installations, one without."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import fakeredis
import pytest
from flask import Flask
from werkzeug.test import run_wsgi_app

from jobs.access.api_keys import SCOPES
from jobs.errors import StoreFull, StoreUnavailable
from jobs.limits import Limits
from settings import Bind, Settings
from tests.support.fake_worker import name_database
from tests.support.records import take_messages
from web import request_counts
from web.build import build
from web.http import envelope
from web.lane import Lane
from web.services import Services

GOOD = {"model": "echo", "input": {"prompt": "a lighthouse"}}
#: What differs from one sending of a request to the next.
CHANGING = {
    r"job_[0-9A-HJKMNP-TV-Z]{26}": "job_x",
    r"\d{4}-\d\d-\d\dT[\d:.]+Z": "a time",
    r'"seed":\d+': '"seed":7',
    r";t=\d+": ";t=9",
    r"retry in \d+ s": "retry soon",
    r"'Retry-After', '(?!10'|1')\d+'": "'Retry-After', 'soon'",
    r"\b[0-9a-f]{18}\b": "an id of ours",
}


@dataclass
class Face:
    """One installation, and the headers of a key that has few submissions."""

    app: Flask
    services: Services
    mine: dict[str, str]

    @property
    def lane(self) -> Lane:
        lane: Any = self.app.wsgi_app
        assert isinstance(lane, Lane)
        return lane

    def post(self, body: bytes, headers: Mapping[str, str], path: str = "/v1/jobs") -> tuple[str, bool]:
        """All that can be seen of a request, and whether it never reached Flask."""
        asked: list[Any] = []
        seen: list[Any] = []
        self.app.before_request_funcs.setdefault(None, []).insert(0, lambda: asked.append(1))
        with (
            patch.object(request_counts, "count", lambda *given: seen.append(given[:3])),
            patch.object(envelope.log, "log", lambda *text, extra: seen.append((text, extra["owner"] is None))),
        ):
            parts, status, answered = run_wsgi_app(self.app.wsgi_app, environ(body, headers, path), buffered=True)
        self.app.before_request_funcs[None].pop(0)
        lines = sorted(repr(pair) for pair in answered if pair[0] != "Content-Length")
        text = "\n".join([status, *lines, b"".join(parts).decode(), *map(repr, seen)])
        for pattern, same in CHANGING.items():
            text = re.sub(pattern, same, text)
        return text, not asked


def environ(body: bytes, headers: Mapping[str, str], path: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "REQUEST_METHOD": "POST", "PATH_INFO": path.partition("?")[0], "QUERY_STRING": path.partition("?")[2],
        "SCRIPT_NAME": "", "SERVER_NAME": "localhost", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "localhost", "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(body),
        "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(body)),
    }  # fmt: skip
    for name, value in headers.items():
        variable = name.upper().replace("-", "_")
        found[variable if variable.startswith("CONTENT_") and "ENCODING" not in variable else f"HTTP_{variable}"] = (
            value
        )
    return found


@pytest.fixture
def faces(tmp_path: Path, web_settings: Settings, serve: Callable[[Services], Flask]) -> Iterator[tuple[Face, Face]]:
    """With the lane, and without."""
    found = []
    for name in ("short", "long"):
        settings = replace(
            web_settings,
            data_dir=tmp_path / name,
            bind=Bind("0.0.0.0", 8000),
            limits=Limits(submits_per_minute=40, queued=15, input_bytes_per_day=60_000),
        )
        built = build(settings, client=fakeredis.FakeRedis())
        name_database(built)
        _, text = built.keys.create("mine", SCOPES)
        found.append(Face(serve(built), built, {"Authorization": f"Bearer {text}"}))
    short, long = found
    long.lane.answers.pop("POST")
    yield short, long
    for face in found:
        face.services.close()


def text(**changes: Any) -> bytes:
    return json.dumps({**GOOD, **changes}).encode()


#: Body, headers, and whether it is plain.
CASES: list[tuple[bytes, dict[str, str], bool]] = [
    (text(), {}, True),
    (text(), {"X-Request-Id": "my-own"}, True),
    (text(), {"X-Request-Id": "not good"}, True),
    (text(metadata={"user": "ann"}, priority="high", deadline_seconds=60, retention_seconds=60), {}, True),
    (text(credentials={"hf_token": "hf_" + "x" * 30}), {}, True),
    (text(credentials={"proxy": "http://127.0.0.1:1"}), {}, True),
    (text(webhook={"url": "https://hooks.example.com/"}), {}, True),
    (text(webhook={"url": "http://127.0.0.1/"}), {}, True),
    (text(input={"prompt": "x", "seed": 7}, cache="allow"), {}, True),
    (text(strategy="hedge"), {}, True),
    (text(input={"prompt": ""}), {}, True),
    (text(input={"prompt": "x", "width": -1, "nothing": 1}), {}, True),
    (text(input={"prompt": "x", "images": ["file_01ARZ3NDEKTSV4RRFFQ69G5FAV"]}), {}, True),
    (text(model="steam"), {}, True),
    (text(provider="steam"), {}, True),
    (text(nothing=1), {}, True),
    (b"[]", {}, True),
    (b"{", {}, True),
    (b'{"model": "echo", "model": "echo"}', {}, True),
    (b'{"model": NaN}', {}, True),
    (b"\xef\xbb\xbf{}", {}, True),
    (b"\xff", {}, True),
    (b'"\\ud800"', {}, True),
    (b"[" * 40 + b"]" * 40, {}, True),
    (text(), {"Content-Length": "9000"}, True),
    (b"", {}, False),
    (text(), {"Content-Type": "text/plain"}, False),
    (text(), {"Content-Type": "application/json; charset=utf-8"}, False),
    (text(), {"Content-Encoding": "gzip"}, False),
    (text(), {"Prefer": "wait=0"}, False),
    (text(), {"Origin": "https://evil.example"}, False),
    (text(), {"X-API-Key": "x"}, False),
    (text(), {"X-Stainless-Retry-Count": "1"}, False),
    (text(), {"X-Stainless-Retry-Count": "0"}, True),
    (text(), {"Idempotency-Key": "k"}, False),
    (text(), {"Authorization": "Bearer dk_live_x"}, False),
    (text(input={"prompt": "x" * 62_000}), {}, True),
    (text(input={"prompt": "x" * 70_000}), {}, False),
]


def test_both_ways_answer_count_and_log_the_same(faces: tuple[Face, Face]) -> None:
    """Also once the queue is full, and once nothing more may be submitted."""
    short, long = faces
    answers = set()
    for _ in range(2):
        for number, (body, headers, plain) in enumerate(CASES):
            seen, lane = short.post(body, {**short.mine, **headers})
            expected, _ = long.post(body, {**long.mine, **headers})
            assert seen == expected, number
            status = seen[:3]
            answers.add(status)
            assert lane == (plain and status == "202"), (number, "what fails is answered by Flask")
    assert answers == {"202", "400", "401", "404", "413", "415", "422", "429"}
    assert [face.services.queue.overview().queued for face in faces] == [15, 15]


@pytest.mark.parametrize("path", ["/v1/jobs?dry_run=1", "/v1/jobs/", "//v1/jobs", "/v1/jobs?"])
def test_another_address_goes_the_long_way(faces: tuple[Face, Face], path: str) -> None:
    answers = [face.post(text(), face.mine, path) for face in faces]
    assert answers[0][0] == answers[1][0]
    assert answers[0][1] == (path == "/v1/jobs?")


def test_who_was_refused_is_refused_before_the_body_is_read(faces: tuple[Face, Face]) -> None:
    short, _ = faces
    for _ in range(41):
        last, _ = short.post(b"{}", short.mine)
    assert last.startswith("429")
    with patch("web.v1.lane.submits.parse", side_effect=AssertionError("it was read")):
        assert short.post(text(), short.mine)[0].startswith("429")


def test_a_free_slot_gets_the_job_at_once(faces: tuple[Face, Face]) -> None:
    for face in faces:
        face.services.connection.run("beat", face.services.connection.database_id, "w1", 1, 60_000)
    sent, waiting = [[face.post(text(), face.mine)[0] for face in faces] for _ in range(2)]
    assert sent[0] == sent[1]
    assert waiting[0] == waiting[1] != sent[0]
    assert [len(take_messages(face.services.connection)) for face in faces] == [1, 1]


@pytest.mark.parametrize("error", [StoreUnavailable("away"), StoreFull("full")])
def test_a_store_that_is_away_is_told_as_ever(faces: tuple[Face, Face], error: Exception) -> None:
    answers = []
    for face in faces:
        with patch.object(face.services.connection.memory, "check_room", side_effect=error):
            answers.append(face.post(text(), face.mine)[0])
    assert [answer[:3] for answer in answers] == ["503", "503"]
    counted = isinstance(error, StoreFull)
    assert (answers[0] == answers[1]) == counted, "what may have been written is not counted again"


def test_a_fault_of_ours_happens_once(faces: tuple[Face, Face]) -> None:
    short, _ = faces
    with patch("web.v1.lane.submits.permit", side_effect=LookupError("ours")) as asked:
        answer, _ = short.post(text(), short.mine)
    assert (answer[:3], asked.call_count) == ("500", 1)
