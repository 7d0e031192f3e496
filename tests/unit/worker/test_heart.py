"""The heart renews leases, brings cancels, hands back, and never dies unnoticed."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from jobs import events
from jobs.errors import StoreUnavailable
from jobs.record import keys
from tests.support.processes import wait_until
from tests.support.worker_parts import Rig, done
from worker.attempts.runner import CANCELED, HANDED_BACK, LEASE_LOST, Attempt
from worker.heartbeat import Heart


@pytest.fixture
def heart(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Heart:
    monkeypatch.setattr("worker.heartbeat.BEAT_SECONDS", 0.02)
    return Heart(rig.store, "w", 4, 60)


def held(rig: Rig, heart: Heart) -> Attempt:
    rig.script(done())
    attempt = rig.attempt()
    heart.add(attempt)
    return attempt


def test_a_beat_renews_the_leases_of_what_runs(rig: Rig, heart: Heart) -> None:
    attempt = held(rig, heart)
    rig.store.redis.zadd(keys.RUNNING, {attempt.job_id: 1})
    heart._beat()
    assert rig.store.lost() == ()
    assert dict(rig.store.overview().workers) == {"w": 4}


def test_a_lost_lease_ends_the_attempt(rig: Rig, heart: Heart) -> None:
    attempt = held(rig, heart)
    rig.store.change(attempt.job_id, lambda _: events.Requeued(at=1.0, outcome="lost"))
    heart._beat()
    assert attempt.control.reason == LEASE_LOST


def test_a_cancel_in_the_record_ends_the_attempt(rig: Rig, heart: Heart) -> None:
    attempt = held(rig, heart)
    rig.store.change(attempt.job_id, lambda _: events.CancelRequested(at=1.0))
    heart._beat()
    assert attempt.control.reason == CANCELED


def test_the_end_of_an_old_attempt_leaves_the_jobs_next_one_alive(rig: Rig, heart: Heart) -> None:
    old = held(rig, heart)
    rig.store.change(old.job_id, lambda _: events.Requeued(at=1.0, outcome="lost"))
    new = rig.attempt(old.job_id)
    heart.add(new)
    heart._beat()
    assert (old.control.reason, new.control.canceled) == (LEASE_LOST, False)
    heart.remove(old)
    assert heart.running() == (new,)


def test_a_draining_worker_offers_just_what_it_uses_and_hands_back_in_time(rig: Rig, heart: Heart) -> None:
    attempt = held(rig, heart)
    heart.drain(60)
    heart._beat()
    assert dict(rig.store.overview().workers) == {"w": 1}
    assert not attempt.control.canceled
    heart.drain(0)
    heart.start()
    wait_until(lambda: attempt.control.reason == HANDED_BACK, 5, "the attempt is handed back")
    heart.remove(attempt)
    heart.stop()
    assert dict(rig.store.overview().workers) == {}


def test_a_heart_goes_on_after_an_outage(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    beats: list[str] = []
    beat = rig.store.beat

    def flaky(*given: Any) -> Any:
        beats.append("beat")
        if len(beats) == 2:
            raise StoreUnavailable("gone")
        return beat(*given)

    monkeypatch.setattr(rig.store, "beat", flaky)
    monkeypatch.setattr("worker.heartbeat.BEAT_SECONDS", 0.01)
    heart = Heart(rig.store, "w", 4, 60)
    heart.start()
    wait_until(lambda: len(beats) > 4, 5, "it beats again")
    heart.stop()


def test_a_heart_that_stops_takes_the_process_with_it(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    died = threading.Event()

    def broken(*_: Any) -> Any:
        raise ValueError("nobody foresaw this")

    monkeypatch.setattr(rig.store, "wait_control", broken)
    heart = Heart(rig.store, "w", 4, 60, die=died.set)
    heart.start()
    assert died.wait(5)
    heart.stop()


def test_a_busy_attempt_does_not_delay_the_others(rig: Rig, heart: Heart) -> None:
    attempt = held(rig, heart)
    with attempt._scribe._lock:
        attempt.tick()
        heart._beat()
    assert not attempt.control.canceled
