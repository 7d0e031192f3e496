"""A request whose client is gone without the answer is joined by the next like it, and no other is."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from jobs import events
from jobs.idempotency import Idempotency
from jobs.record import keys
from jobs.record.connection import Connection
from jobs.record.store import JobStore
from jobs.record.unanswered import LIFE_SECONDS, Unanswered
from tests.support.sample_jobs import make_job

MARKS = Idempotency(fingerprint="a request")


@pytest.fixture
def unanswered(connection: Connection) -> Unanswered:
    found = Unanswered(connection)
    found.beat()
    return found


@pytest.fixture
def asked(store: JobStore, unanswered: Unanswered) -> str:
    """The job of a client that waits, with a connection to this process."""
    return store.accept(make_job(), once=replace(MARKS, server=unanswered.server)).record.job.id


def test_a_client_that_waits_is_not_joined(unanswered: Unanswered, asked: str) -> None:
    assert unanswered.join(MARKS) is None


def test_a_client_that_is_gone_is_joined_by_one_other(unanswered: Unanswered, asked: str) -> None:
    unanswered.abandon(MARKS, asked)
    assert unanswered.join(replace(MARKS, fingerprint="another request")) is None
    assert unanswered.join(MARKS) == asked
    assert unanswered.join(MARKS) is None


def test_a_client_with_its_answer_is_not_joined(unanswered: Unanswered, asked: str) -> None:
    unanswered.answered(MARKS, asked)
    unanswered.abandon(MARKS, asked)
    assert unanswered.join(MARKS) is None


def test_a_process_without_a_sign_of_life_has_lost_its_clients(
    unanswered: Unanswered, asked: str, connection: Connection
) -> None:
    connection.redis.hset(keys.SERVERS, unanswered.server, keys.ms(connection.now()) - 1)
    assert unanswered.join(MARKS) == asked


def test_a_process_of_this_machine_that_died_is_forgotten_at_once(
    store: JobStore, unanswered: Unanswered, connection: Connection
) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    host = unanswered.server.rpartition("/")[0]
    dead, elsewhere = f"{host}/{child.pid}", f"another/{child.pid}"
    until = keys.ms(connection.now() + LIFE_SECONDS)
    connection.redis.hset(keys.SERVERS, mapping={dead: until, elsewhere: until})
    lost = store.accept(make_job(), once=replace(MARKS, server=dead)).record.job.id
    other = replace(MARKS, fingerprint="another request")
    store.accept(make_job(), once=replace(other, server=elsewhere))
    unanswered.bury()
    assert unanswered.join(MARKS) == lost
    assert unanswered.join(other) is None


def test_a_job_that_has_no_result_is_not_joined(store: JobStore, unanswered: Unanswered, asked: str) -> None:
    unanswered.abandon(MARKS, asked)
    store.change(asked, lambda _: events.Canceled(at=store.now()))
    assert unanswered.join(MARKS) is None
