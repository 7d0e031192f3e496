"""A job that waits is chosen as soon as what kept it is gone."""

from __future__ import annotations

from typing import Any

from jobs import events
from jobs.model import Failure
from jobs.record import keys
from jobs.record.types import Lease
from jobs.scheduling import health
from jobs.scheduling.circuits import subject_of
from jobs.scheduling.health_store import HealthStore
from jobs.scheduling.provider_states import ProviderStates
from tests.support.records import Records
from tests.support.sample_jobs import add_job

BROKEN = Failure(code="provider_error", detail="boom")
FAR = 3600.0


def prepared(record: Records, **limits: int | None) -> HealthStore:
    ProviderStates(record.connection).announce(limits)
    record.leases.beat("w1", 10, 600, [])
    return HealthStore(record.connection)


def runs(record: Records, **fields: Any) -> Lease:
    job = add_job(record.store, **fields)
    assert job.id in record.queue.choose()
    lease = record.leases.claim(job.id, "w1", 600, lambda job, _: job.input)
    assert lease is not None
    return lease


def ends(record: Records, lease: Lease) -> None:
    record.store.change(lease.job.id, lambda _: events.Succeeded(at=record.store.now(), outputs=()), fence=lease.fence)


def test_an_account_that_rests_at_one_provider_gets_the_slot_that_another_one_gives_back(record: Records) -> None:
    measured = prepared(record, a=1, b=None)
    measured.rest("b", record.store.now() + FAR, "provider_quota", "x")
    first = runs(record, route=("a",))
    last = add_job(record.store, route=("a", "b"), account="x").id
    assert record.queue.choose() == ()
    # It enters while the other one rests already; and its owner's turn comes first.
    following = add_job(record.store, route=("a", "b"), account="x", owner="other").id
    for job_id in (following, last):
        assert record.queue.choose() == ()
        ends(record, first)
        assert record.queue.choose() == (job_id,)
        lease = record.leases.claim(job_id, "w1", 600, lambda job, _: job.input)
        assert lease is not None
        first = lease


def test_an_own_account_waits_for_its_provider_and_not_for_the_last_resort_beside_it(record: Records) -> None:
    measured = prepared(record, a=1, b=None)
    measured.update("b", lambda known, at: health.probed(known, "other", "an endpoint is gone", at))
    first = runs(record, route=("a",))
    waits = add_job(record.store, route=("a", "b"), account="x").id
    assert record.queue.choose() == ()
    ends(record, first)
    assert record.queue.choose() == (waits,)


def test_an_owner_to_whom_one_provider_is_closed_gets_the_slot_that_another_one_gives_back(record: Records) -> None:
    measured = prepared(record, a=1, b=None)
    for _ in range(5):
        measured.update("b", lambda known, at: health.failed(known, BROKEN, at, subject_of("ann")))
    first = runs(record, route=("a",))
    waits = add_job(record.store, route=("a", "b"), owner="ann", user="ann").id
    assert record.queue.choose() == ()
    ends(record, first)
    assert record.queue.choose() == (waits,)


def test_the_jobs_of_an_account_go_on_when_its_trial_job_was_outrun(record: Records) -> None:
    measured = prepared(record, a=None, b=None)
    measured.rest("b", record.store.now() - 1, "provider_quota", "x")
    lease = runs(record, route=("a",), account="x")
    assert record.leases.take_hedge(lease.job.id, lease.fence, ("b",)) == "b"
    waits = add_job(record.store, route=("b",), account="x").id
    assert record.queue.choose() == ()
    record.leases.release_loser(lease.job.id, lease.fence, "a")
    assert record.queue.choose() == (waits,)


def test_the_next_job_of_an_owner_follows_when_its_trial_job_was_canceled(record: Records) -> None:
    measured = prepared(record, a=None)
    for _ in range(5):
        measured.update("a", lambda known, _: health.failed(known, BROKEN, 1000.0, subject_of("ann")))
    first = runs(record, route=("a",), owner="ann", user="ann")
    waits = add_job(record.store, route=("a",), owner="ann", user="ann").id
    assert record.queue.choose() == ()
    record.store.change(first.job.id, lambda _: events.Canceled(at=1.0), fence=first.fence)
    assert record.queue.choose() == (waits,)


def test_accounts_whose_rests_end_at_once_are_all_served_in_one_round_of_the_scheduler(record: Records) -> None:
    measured = prepared(record, a=None)
    record.leases.beat("w1", 200, 600, [])
    for number in range(130):
        measured.rest("a", record.store.now() + FAR, "provider_quota", f"x{number}")
        add_job(record.store, route=("a",), account=f"x{number}")
    while record.connection.client.exists(keys.POOLS):
        assert record.dispatcher.dispatch(thoroughly=True) == 0
    for number in range(130):
        measured.works("a", record.store.now() + FAR, f"x{number}")
    assert record.dispatcher.dispatch(thoroughly=True) == 130
