"""Connections as clients really use them: kept, in pieces, one request behind the other, and too slow."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

import pytest

from tests.support.fake_worker import FakeWorker
from tests.support.processes import Stack
from tests.support.raw_http import request

pytestmark = pytest.mark.real

LINES = {"Host": "127.0.0.1"}
HEALTH = request("GET", "/healthz", LINES)
#: How long a head may take, and how much longer until that is noticed on a machine that does much else.
PATIENCE, LATER = 1, 8.0


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("connections") / "stack") as made:
        made.web(DARKROOM_REQUEST_SECONDS=str(PATIENCE))
        yield made


@dataclass
class Client:
    """One connection, whose answers are read one by one."""

    connection: socket.socket
    answers: BinaryIO

    def send(self, sent: bytes) -> None:
        self.connection.sendall(sent)

    def next(self) -> tuple[int, dict[str, str], bytes]:
        status = int(self.answers.readline().split()[1])
        headers = {}
        while line := self.answers.readline().strip():
            name, _, value = line.decode().partition(": ")
            headers[name.lower()] = value
        return status, headers, self.answers.read(int(headers.get("content-length", 0)))

    def is_closed(self) -> bool:
        return self.answers.read(1) == b""


@contextmanager
def connect(stack: Stack) -> Iterator[Client]:
    with (
        socket.create_connection(("127.0.0.1", stack.port), timeout=20) as connection,
        connection.makefile("rb") as answers,
    ):
        yield Client(connection, answers)


def test_one_connection_serves_requests_of_every_kind(stack: Stack) -> None:
    path = f"/v1/jobs/{FakeWorker(stack).submit().id}"
    body = b'{"model": "echo", "input": {"prompt": "x"}}'
    post = {**LINES, "Content-Type": "application/json", "Content-Length": str(len(body))}
    with connect(stack) as client:
        for _ in range(3):
            client.send(request("GET", path, LINES))
            status, headers, text = client.next()
            assert (status, headers["connection"], len(text) > 100) == (200, "keep-alive", True)
            client.send(request("GET", path, {**LINES, "If-None-Match": headers["etag"]}))
            assert client.next()[0] == 304
            client.send(request("POST", "/v1/jobs", post, body))
            assert client.next()[0] == 202
            client.send(request("GET", "/nowhere", LINES))
            assert client.next()[0] == 404
        client.send(request("GET", path, {**LINES, "Connection": "close"}))
        status, headers, _ = client.next()
        assert (status, headers["connection"], client.is_closed()) == (200, "close", True)


def test_requests_behind_one_another_are_answered_in_order(stack: Stack) -> None:
    with connect(stack) as client:
        names = [f"one-{number}" for number in range(5)]
        client.send(b"".join(request("GET", "/healthz", {**LINES, "X-Request-Id": name}) for name in names))
        assert [client.next()[1]["x-request-id"] for _ in names] == names


def test_a_head_in_pieces_is_answered(stack: Stack) -> None:
    with connect(stack) as client:
        for cut in (1, 20, len(HEALTH) - 1):
            client.send(HEALTH[:cut])
            time.sleep(0.05)
            client.send(HEALTH[cut:])
            assert client.next()[0] == 200


def nothing(_: Client) -> None:
    """Not a single byte."""


def idle(client: Client) -> None:
    client.send(HEALTH)
    assert client.next()[0] == 200


def half(client: Client) -> None:
    client.send(HEALTH[:-2])


def drip(client: Client) -> None:
    """A byte now and then: the whole head has one deadline."""
    for byte in HEALTH[:12]:
        client.send(bytes([byte]))
        time.sleep(0.1)


@pytest.mark.parametrize("begin", [nothing, idle, half, drip])
def test_who_is_too_slow_is_closed_without_an_answer(stack: Stack, begin: Callable[[Client], None]) -> None:
    with connect(stack) as client:
        begin(client)
        began = time.monotonic()
        assert client.is_closed()
        assert time.monotonic() - began < PATIENCE + LATER


def test_who_is_not_too_slow_is_not(stack: Stack) -> None:
    with connect(stack) as client:
        for _ in range(8):
            client.send(HEALTH)
            assert client.next()[0] == 200
            time.sleep(PATIENCE / 2)


def test_a_wait_outlives_the_deadline_of_its_head(stack: Stack) -> None:
    job = FakeWorker(stack).submit()
    with connect(stack) as client:
        for _ in range(2):
            client.send(request("GET", f"/v1/jobs/{job.id}", {**LINES, "Prefer": "wait=4"}))
            status, headers, _ = client.next()
            assert (status, headers["preference-applied"]) == (200, "wait=4")


def test_an_old_client_gets_one_answer(stack: Stack) -> None:
    with connect(stack) as client:
        client.send(HEALTH.replace(b"HTTP/1.1", b"HTTP/1.0"))
        status, headers, _ = client.next()
        assert (status, headers["connection"], client.is_closed()) == (200, "close", True)
