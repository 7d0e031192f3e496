"""Whose failures close a provider to whom: what one sees closes it to that one alone."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from jobs import events
from jobs.error_codes import CAUSES
from jobs.model import Failure
from jobs.record import keys
from jobs.scheduling import circuits, health
from jobs.scheduling.circuits import subject_of
from jobs.scheduling.health import Health, blocked_until
from jobs.scheduling.health_store import HealthStore
from jobs.scheduling.provider_states import ProviderStates
from tests.support.records import Records
from tests.support.sample_jobs import add_job

CRASHED = Failure(code="provider_error", detail="boom")
SILENT = Failure(code="provider_unreachable", detail="gone")
A, B, OWN = subject_of("a"), subject_of("b"), subject_of("a", "0123456789abcdef")


def after(*subjects: str, at: float = 100.0, failure: Failure = CRASHED, record: Health | None = None) -> Health:
    record = record or Health()
    for subject in subjects:
        record = health.failed(record, failure, at, subject)
    return record


def closed_to(record: Health, at: float = 100.0) -> set[str]:
    return {subject for subject in (A, B, OWN, "") if blocked_until(record, at, subject) is not None}


def test_which_codes_count_against_a_provider() -> None:
    assert {code: cause.counts for code, cause in CAUSES.items()} == {
        "provider_quota": "rest", "provider_busy": "rest", "provider_unreachable": "health", "provider_timeout": "health",
        "provider_error": "health", "provider_protocol": "health", "provider_changed": "health", "bad_output": "health",
        "internal": "health", "invalid_input": "nothing", "content_rejected": "nothing", "storage_error": "nothing",
        "deadline_exceeded": "nothing", "worker_lost": "nothing",
    }  # fmt: skip


@pytest.mark.parametrize("code", CAUSES)
def test_only_those_codes_change_a_circuit(code: str) -> None:
    record = after(A, B, A, B, A, B, failure=Failure(code=code, detail="x"))
    assert (record.failures_in_row > 0) == (record.open_until is not None) == (CAUSES[code].counts == "health")
    assert bool(record.subjects) == (CAUSES[code].counts == "health")


def test_what_one_owner_sees_closes_the_provider_to_this_owner_alone() -> None:
    assert closed_to(after(*[A] * 4)) == set()
    record = after(*[A] * 40)
    assert closed_to(record) == {A}
    assert (record.open_until, blocked_until(record, 100.0, A)) == (None, 115.0)
    assert health.condition(record, None) == "degraded"
    assert health.condition(record, blocked_until(record, 100.0, A), A) == "down"


@pytest.mark.parametrize("row", [[A, A, A, A, B], [A, B, A, B, A], [*[A] * 9, B]])
def test_what_two_owners_see_closes_it_to_all(row: list[str]) -> None:
    assert closed_to(after(*row)) >= {"", A, B}


def test_what_one_owner_and_a_probe_see_closes_it_to_all() -> None:
    record = health.unanswered(after(*[A] * 5), SILENT, 101.0)
    assert "" in closed_to(record, 101.0)


def test_a_success_of_another_owner_ends_the_common_row_but_not_the_owners() -> None:
    record = health.succeeded(after(*[A] * 6), 0.0, 1.0, 101.0, B)
    assert (record.failures_in_row, closed_to(record, 101.0)) == (0, {A})
    assert closed_to(after(B, record=record), 101.0) == {A}
    assert closed_to(health.succeeded(record, 0.0, 1.0, 120.0, A), 101.0) == set()


def test_an_owners_circuit_is_half_open_afterwards_and_opens_longer_each_time() -> None:
    record, at = after(*[A] * 5), 100.0
    for seconds in (15.0, 30.0, 60.0, 120.0, 240.0, 480.0, 600.0, 600.0):
        assert blocked_until(record, at, A) == at + seconds
        at += seconds
        assert closed_to(record, at) == set()
        record = after(A, at=at, record=record)
    assert record.open_until is None


def test_one_owner_cannot_hold_a_circuit_open_for_all() -> None:
    """It takes the one job of each half-open phase, and fails."""
    record = after(A, B, A, B, A)
    at = record.open_until or 0.0
    record = after(A, at=at, record=record)
    assert closed_to(record, at) == {A}
    assert circuits.is_half_open(record, at), "the next job shows it"
    again = after(B, at=at + 1, record=record)
    assert closed_to(again, at + 1) >= {"", A, B}
    assert health.succeeded(record, 0.0, 1.0, at + 1, B).open_until is None


def test_own_credentials_show_nothing_to_others() -> None:
    measured = health.succeeded(Health(), 1.0, 4.0, 1.0, B)
    record = measured
    for at in range(2, 42):
        record = health.failed(record, SILENT, float(at), OWN)
        record = health.outrun(record, 0.0, 900.0, float(at), OWN)
    assert closed_to(record, 41.0) == {OWN}
    assert replace(record, subjects={}, last_used_at=1.0) == measured
    slow = health.succeeded(record, 300.0, 300.0, 50.0, OWN)
    assert replace(slow, last_used_at=1.0) == measured


def test_a_success_with_own_credentials_still_shows_that_the_app_works() -> None:
    record = health.succeeded(after(A, B, A, B, A), 0.0, 1.0, 120.0, OWN)
    assert (record.open_until, record.failures_in_row) == (None, 0)


def test_one_owners_row_makes_no_provider_look_slow() -> None:
    record = health.succeeded(Health(), 0.0, 4.0, 1.0, B)
    assert health.expected_seconds(after(*[A] * 40, record=record)) == health.expected_seconds(after(A, record=record))
    assert health.expected_seconds(after(*[A, B] * 5, record=record)) > 20.0
    assert after(*[A] * 40, record=record).success_rate < 0.01, "what is shown is what was"


def test_a_probe_that_is_answered_frees_those_who_heard_nothing_only() -> None:
    silent, crashed = after(*[A] * 5, failure=SILENT), after(*[A] * 5)
    assert closed_to(health.probed(silent, "h", None, 101.0), 101.0) == set()
    assert closed_to(health.probed(crashed, "h", None, 101.0), 101.0) == {A}


def test_records_of_subjects_are_bounded_and_forgotten() -> None:
    record = after(*[subject_of(f"o{n}") for n in range(500)])
    assert len(record.subjects) == health.SUBJECTS_KEPT
    later = after(A, at=100.0 + health.SUBJECT_SECONDS, record=record)
    assert list(later.subjects) == [A]


# -- the dispatch ----------------------------------------------------------------


def blame(measured: HealthStore, provider: str, subject: str, times: int = 5) -> None:
    for _ in range(times):
        measured.update(provider, lambda record, at: health.failed(record, CRASHED, at, subject))


def half_open(measured: HealthStore, provider: str, subject: str) -> None:
    def change(record: Health, at: float) -> Health:
        circuit = replace(record.subjects[subject], open_until=at - 1)
        return replace(record, subjects={**record.subjects, subject: circuit})

    measured.update(provider, change)


def add(record: Records, owner: str, *route: str, **changes: Any) -> str:
    return add_job(record.store, owner=owner, user=changes.pop("user", owner), route=route, **changes).id


def chosen(record: Records) -> dict[str, str]:
    record.leases.beat("w", 50, 60, [])
    redis = record.connection.redis
    return {job_id: (redis.hget(keys.job(job_id), "provider") or b"").decode() for job_id in record.queue.choose()}


def done(record: Records, job_id: str) -> None:
    lease = record.leases.claim(job_id, "w", 60, lambda job, _: job.input)
    assert lease is not None

    failed = events.Failed(at=record.store.now(), error=CRASHED)
    record.store.change(job_id, lambda _: failed, fence=lease.fence)


def test_jobs_of_others_go_where_one_owner_is_kept_out(measured: HealthStore, record: Records) -> None:
    blame(measured, "x", A)
    kept = [add(record, "a", "x", user=user) for user in ("a", "a:u1", "a:u2") for _ in range(3)]
    free = [add(record, owner, "x") for owner in ("b", "c") for _ in range(3)]
    assert set(chosen(record)) == set(free)
    assert chosen(record) == {}
    later = add(record, "d", "x")
    assert set(chosen(record)) == {later}, "its pool is not closed"
    assert not set(kept) & set(chosen(record))


def test_an_owner_that_is_kept_out_gets_the_next_provider_of_its_route(measured: HealthStore, record: Records) -> None:
    blame(measured, "x", A)
    mine, theirs = add(record, "a", "x", "y"), add(record, "b", "x", "y")
    assert chosen(record) == {mine: "y", theirs: "x"}


def test_afterwards_one_job_goes_first_and_the_others_follow_its_success(
    measured: HealthStore, record: Records
) -> None:
    blame(measured, "x", A)
    jobs = [add(record, "a", "x") for _ in range(3)] + [add(record, "a", "x", user="a:u") for _ in range(2)]
    assert chosen(record) == {}
    half_open(measured, "x", A)
    first = list(chosen(record))
    assert len(first) == 1
    assert chosen(record) == {}
    measured.update("x", lambda found, at: health.succeeded(found, 0.0, 1.0, at, A))
    assert sorted([*first, *chosen(record)]) == sorted(jobs)


def test_a_failed_trial_keeps_the_owner_out_again(measured: HealthStore, record: Records) -> None:
    blame(measured, "x", A)
    for _ in range(3):
        add(record, "a", "x")
    half_open(measured, "x", A)
    (first,) = chosen(record)
    blame(measured, "x", A, 1)
    done(record, first)
    assert chosen(record) == {}


def test_an_account_is_kept_out_without_its_owner(measured: HealthStore, record: Records) -> None:
    blame(measured, "x", OWN)
    kept = add(record, "a", "x", account=OWN)
    free = [add(record, "a", "x"), add(record, "a", "x", account="another"), add(record, "b", "x")]
    assert set(chosen(record)) == set(free)
    measured.update("x", lambda found, at: health.succeeded(found, 0.0, 1.0, at, OWN))
    assert set(chosen(record)) == {kept}


def test_a_job_that_is_kept_out_can_be_canceled_and_leaves_nothing(measured: HealthStore, record: Records) -> None:
    blame(measured, "x", A)
    job_id = add(record, "a", "x")
    assert chosen(record) == {}
    record.jobs.cancel(job_id, "a")
    client = record.connection.client
    assert [key for key in client.keys("dr:rest*") if client.type(key) != b"hash"] == []
    assert client.exists(keys.lane("a|x")) == 0
    assert chosen(record) == {}


def test_another_lane_of_the_route_waits_where_the_second_provider_is_only_full(
    measured: HealthStore, record: Records
) -> None:
    """It must not sleep until the first provider takes its owner's jobs again."""
    ProviderStates(record.connection).announce({"x": None, "y": 1})
    blame(measured, "x", A)
    first, second = add(record, "a", "x", "y"), add(record, "a", "x", "y")
    assert chosen(record) == {first: "y"}
    done(record, first)
    client = record.connection.client
    assert (client.zscore(keys.RESTING, f"{A}|x,y") or 0.0) - record.store.now() * 1000 < 3000
    client.zadd(keys.RESTING, {f"{A}|x,y": 0}, xx=True)
    assert chosen(record) == {second: "y"}


def test_a_hedge_does_not_go_where_the_owner_is_kept_out(measured: HealthStore, record: Records) -> None:
    blame(measured, "y", A)
    mine, theirs = add(record, "a", "x", "y"), add(record, "b", "x", "y")
    chosen(record)
    got = {}
    for job_id in (mine, theirs):
        lease = record.leases.claim(job_id, "w", 60, lambda job, _: job.input)
        assert lease is not None
        got[job_id] = record.leases.take_hedge(job_id, lease.fence, ("y",))
    assert got == {mine: None, theirs: "y"}
