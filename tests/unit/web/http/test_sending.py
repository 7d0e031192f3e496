"""Large answers: who has a place, who gives it back, and who reads too slowly."""

from __future__ import annotations

import time
from collections.abc import Iterator
from io import BytesIO
from types import SimpleNamespace

import pytest
from flask import Flask, Response, g
from flask.testing import FlaskClient
from werkzeug.wsgi import FileWrapper

from tests.support.sample_images import noisy_image
from web.http.problems import Problem
from web.http.sending import LARGE, Sending
from web.http.slow_clients import SLOWEST_BYTES


class Kept(BytesIO):
    """A file that says whether it was closed."""


@pytest.fixture(autouse=True)
def in_a_request() -> Iterator[None]:
    with Flask("test").test_request_context():
        yield


def asks(owner: str | None) -> None:
    g.pop("caller", None)
    if owner is not None:
        g.caller = SimpleNamespace(owner=owner)


def file_answer(size: int = LARGE) -> tuple[Response, Kept]:
    file = Kept(bytes(size))
    answer = Response(content_type="image/png")
    answer.response, answer.direct_passthrough, answer.content_length = FileWrapper(file), True, size
    return answer, file


def test_small_answers_and_streams_need_no_place() -> None:
    sending = Sending(1.0, files=0, in_memory=0)
    for answer in (Response(b"x" * (LARGE - 1)), Response(iter([b"x"])), Response(status=304)):
        body = answer.response
        assert sending.bound(answer).response is body


@pytest.mark.parametrize("where", ["memory", "disk"])
def test_a_large_answer_is_the_same_and_gives_its_place_back(where: str) -> None:
    sending = Sending(1.0)
    body = bytes(range(256)) * (LARGE // 256) + b"end"
    answer, file = file_answer()
    if where == "memory":
        answer = Response(body)
    else:
        file = Kept(body)
        answer.response, answer.content_length = FileWrapper(file), len(body)
    sent = sending.bound(answer)({"REQUEST_METHOD": "GET"}, lambda *_: None)  # type: ignore[arg-type]
    assert sending.taken == 1
    assert b"".join(sent) == body
    sent.close()  # type: ignore[attr-defined]
    assert sending.taken == 0
    assert where == "memory" or file.closed


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_client_that_leaves_gives_its_place_back(method: str) -> None:
    sending = Sending(1.0)
    answer, file = file_answer()
    sent = sending.bound(answer)({"REQUEST_METHOD": method}, lambda *_: None)  # type: ignore[arg-type]
    next(iter(sent), None)
    sent.close()  # type: ignore[attr-defined]
    assert (sending.taken, file.closed) == (0, True)


def test_nobody_takes_all_places() -> None:
    sending = Sending(1.0, files=8)
    asks("greedy")
    for _ in range(6):
        sending.bound(file_answer()[0])
    with pytest.raises(Problem, match="rate_limited"):
        sending.bound(file_answer()[0])
    asks("modest")
    sending.bound(file_answer()[0])
    asks("greedy")
    answer, file = file_answer()
    with pytest.raises(Problem) as refused:
        sending.bound(answer)
    assert (refused.value.status, refused.value.headers["Retry-After"], file.closed) == (429, "2", True)


def test_who_reads_too_slowly_is_cut_off() -> None:
    sending = Sending(0.1)
    answer, file = file_answer(40 * SLOWEST_BYTES)
    sent = sending.bound(answer)({"REQUEST_METHOD": "GET"}, lambda *_: None)  # type: ignore[arg-type]
    read = iter(sent)
    next(read)
    time.sleep(0.1 + 8192 / SLOWEST_BYTES + 0.1)
    with pytest.raises(BrokenPipeError):
        next(read)
    sent.close()  # type: ignore[attr-defined]
    assert (sending.taken, file.closed) == (0, True)


def test_who_reads_at_a_pace_may_take_as_long_as_it_needs() -> None:
    sending = Sending(0.2)
    answer, _ = file_answer(20 * 8192)
    sent = iter(sending.bound(answer)({"REQUEST_METHOD": "GET"}, lambda *_: None))  # type: ignore[arg-type]
    began = time.monotonic()
    for _ in sent:
        time.sleep(0.03)
    assert time.monotonic() - began > 0.4


def test_a_refusal_is_an_answer_like_every_other(client: FlaskClient) -> None:
    client.application.extensions["sending"]._files._most = 0
    picture = noisy_image((700, 700))
    made = client.post("/v1/files", data={"file": (BytesIO(picture), "a.png")}).get_json()
    assert made["bytes"] > LARGE
    answer = client.get(f"/v1/files/{made['id']}/content")
    assert (answer.status_code, answer.get_json()["code"]) == (429, "rate_limited")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
