"""The heart renews leases, brings cancels, hands back, and never dies unnoticed."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from jobs import events
from jobs.errors import StoreUnavailable
from jobs.record import keys
from tests.support.eventually import eventually
from tests.support.worker_parts import WorkerParts, done
from worker.attempts.runner import CANCELED, HANDED_BACK, LEASE_LOST, Attempt
from worker.heartbeat import Heartbeat


@pytest.fixture
def heartbeat(parts: WorkerParts, monkeypatch: pytest.MonkeyPatch) -> Heartbeat:
    monkeypatch.setattr("worker.heartbeat.BEAT_SECONDS", 0.02)
    return Heartbeat(parts.store, "w", 4, 60)


def held(parts: WorkerParts, heartbeat: Heartbeat) -> Attempt:
    parts.script(done())
    attempt = parts.attempt()
    heartbeat.add(attempt)
    return attempt


def test_a_beat_renews_the_leases_of_what_runs(parts: WorkerParts, heartbeat: Heartbeat) -> None:
    attempt = held(parts, heartbeat)
    parts.connection.client.zadd(keys.RUNNING, {attempt.job_id: 1})
    heartbeat._beat()
    assert parts.store.lost() == ()
    assert dict(parts.store.overview().workers) == {"w": 4}


def test_a_lost_lease_ends_the_attempt(parts: WorkerParts, heartbeat: Heartbeat) -> None:
    attempt = held(parts, heartbeat)
    parts.store.change(attempt.job_id, lambda _: events.Requeued(at=1.0, outcome="lost"))
    heartbeat._beat()
    assert attempt.control.reason == LEASE_LOST


def test_a_cancel_in_the_record_ends_the_attempt(parts: WorkerParts, heartbeat: Heartbeat) -> None:
    attempt = held(parts, heartbeat)
    parts.store.change(attempt.job_id, lambda _: events.CancelRequested(at=1.0))
    heartbeat._beat()
    assert attempt.control.reason == CANCELED


def test_the_end_of_an_old_attempt_leaves_the_jobs_next_one_alive(parts: WorkerParts, heartbeat: Heartbeat) -> None:
    old = held(parts, heartbeat)
    parts.store.change(old.job_id, lambda _: events.Requeued(at=1.0, outcome="lost"))
    new = parts.attempt(old.job_id)
    heartbeat.add(new)
    heartbeat._beat()
    assert (old.control.reason, new.control.canceled) == (LEASE_LOST, False)
    heartbeat.remove(old)
    assert heartbeat.running() == (new,)


def test_a_draining_worker_offers_just_what_it_uses_and_hands_back_in_time(
    parts: WorkerParts, heartbeat: Heartbeat
) -> None:
    attempt = held(parts, heartbeat)
    heartbeat.drain(60)
    heartbeat._beat()
    assert dict(parts.store.overview().workers) == {"w": 1}
    assert not attempt.control.canceled
    heartbeat.drain(0)
    heartbeat.start()
    eventually(lambda: attempt.control.reason == HANDED_BACK, "the attempt is handed back", within=5)
    heartbeat.remove(attempt)
    heartbeat.stop()
    assert dict(parts.store.overview().workers) == {}


def test_a_heart_goes_on_after_an_outage(parts: WorkerParts, monkeypatch: pytest.MonkeyPatch) -> None:
    beats: list[str] = []
    beat = parts.store.beat

    def flaky(*given: Any) -> Any:
        beats.append("beat")
        if len(beats) == 2:
            raise StoreUnavailable("gone")
        return beat(*given)

    monkeypatch.setattr(parts.store, "beat", flaky)
    monkeypatch.setattr("worker.heartbeat.BEAT_SECONDS", 0.01)
    heartbeat = Heartbeat(parts.store, "w", 4, 60)
    heartbeat.start()
    eventually(lambda: len(beats) > 4, "it beats again", within=5)
    heartbeat.stop()


def test_a_heart_that_stops_takes_the_process_with_it(parts: WorkerParts, monkeypatch: pytest.MonkeyPatch) -> None:
    died = threading.Event()

    def broken(*_: Any) -> Any:
        raise ValueError("nobody foresaw this")

    monkeypatch.setattr(parts.store, "wait_control", broken)
    heartbeat = Heartbeat(parts.store, "w", 4, 60, die=died.set)
    heartbeat.start()
    assert died.wait(5)
    heartbeat.stop()


def test_a_busy_attempt_does_not_delay_the_others(parts: WorkerParts, heartbeat: Heartbeat) -> None:
    attempt = held(parts, heartbeat)
    with attempt._scribe._lock:
        attempt.tick()
        heartbeat._beat()
    assert not attempt.control.canceled
