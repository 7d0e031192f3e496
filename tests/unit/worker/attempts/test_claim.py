"""From a message to a lease."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from jobs import events
from jobs.errors import JobError
from jobs.model import Status
from jobs.record import keys
from jobs.scheduling.provider_states import ProviderStates
from providers import ModelSpec, Param
from providers.catalog import Catalog
from providers.errors import UnknownName
from providers.registry import BrokenDriver
from providers.route import Route
from resilience import NoThread
from tests.support.worker_parts import WorkerParts
from worker.attempts.claim import Claimer


class Providers:
    """A catalog with one provider that can be taken away."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.enabled = True
        params = (Param(name="prompt"), Param(name="seed", default=99), Param(name="steps", default=4))
        self.model = ModelSpec(name="m", params=params)

    def choose(self, model: str, provider: str) -> Route:
        if self.error is not None:
            raise self.error
        assert model
        return Route({provider: self.model} if self.enabled else {})


@pytest.fixture
def providers() -> Providers:
    return Providers()


@pytest.fixture
def claimer(parts: WorkerParts, providers: Providers) -> Claimer:
    catalog: Any = providers
    return Claimer(parts.parts, lambda: catalog)


def sent(parts: WorkerParts, **changes: Any) -> str:
    job_id = parts.submit(**changes)
    parts.leases.beat("w", 8, 60, [])
    assert parts.queue.choose() == (job_id,)
    return job_id


def test_a_message_becomes_a_lease_once(parts: WorkerParts, claimer: Claimer) -> None:
    job_id = sent(parts)
    lease = claimer.claim(job_id, "w", 60)
    assert lease is not None
    assert lease.job.status is Status.RUNNING
    assert claimer.claim(job_id, "w", 60) is None


def test_a_job_that_was_sent_elsewhere_meanwhile_is_left_alone(
    parts: WorkerParts, claimer: Claimer, providers: Providers
) -> None:
    job_id = sent(parts, route=("scripted", "other"))
    providers.enabled = False

    def elsewhere() -> None:
        now = parts.store.now()
        parts.store.change(job_id, lambda _: events.Parked(at=now, reason="no_provider", until=now - 1))
        parts.connection.client.hset(keys.provider("scripted"), "paused", 1)
        assert parts.queue.choose() == (job_id,)

    parts.connection.before["commit"] = [elsewhere]
    assert claimer.claim(job_id, "w", 60) is None
    assert (parts.queue.overview().sent, parts.queue.overview().parked) == (1, 0)


@pytest.mark.parametrize("name", ["job_x", "", "../../etc/passwd", "job_\x00", "x" * 5000])
def test_a_message_that_names_no_job_is_nothing(claimer: Claimer, name: str) -> None:
    assert claimer.claim(name, "w", 60) is None


@pytest.mark.parametrize("how", ["unknown", "broken", "disabled"])
def test_a_job_whose_provider_is_not_here_says_so_and_comes_again_later(
    parts: WorkerParts, claimer: Claimer, providers: Providers, how: str
) -> None:
    job_id = sent(parts)
    providers.error = {"unknown": UnknownName("no such provider"), "broken": BrokenDriver("boom")}.get(how)
    providers.enabled = how != "disabled"
    assert claimer.claim(job_id, "w", 60) is None
    job = parts.job(job_id)
    assert (job.status, job.waiting, job.attempts) == (Status.QUEUED, "no_provider", ())
    assert parts.queue.overview().parked == 1
    assert not parts.connection.client.exists("dr:busy:scripted")


def test_a_job_that_cannot_be_prepared_for_its_only_provider_fails(
    parts: WorkerParts, claimer: Claimer, providers: Providers
) -> None:
    job_id = sent(parts)
    providers.error = KeyError("a fault of ours")
    assert claimer.claim(job_id, "w", 60) is None
    job = parts.job(job_id)
    assert job.error is not None
    assert (job.status, job.error.code, job.error.provider) == (Status.FAILED, "internal", "scripted")


def test_a_job_that_cannot_be_prepared_for_one_provider_goes_to_the_next(
    parts: WorkerParts, claimer: Claimer, providers: Providers
) -> None:
    job_id = sent(parts, route=("first", "second"))
    providers.error = KeyError("a fault of ours")
    assert claimer.claim(job_id, "w", 60) is None
    job = parts.job(job_id)
    assert (job.status, job.route, [attempt.provider for attempt in job.attempts]) == (
        Status.QUEUED, ("second",), ["first"],
    )  # fmt: skip
    assert not parts.connection.client.exists(keys.busy("first"))
    providers.error = None
    assert parts.queue.choose() == (job_id,)
    lease = claimer.claim(job_id, "w", 60)
    assert lease is not None
    assert lease.job.provider == "second"


@pytest.mark.parametrize("error", [OSError(24, "Too many open files"), MemoryError(), NoThread("no thread")])
def test_what_the_machine_lacks_now_is_no_fault_of_the_job(
    parts: WorkerParts, claimer: Claimer, providers: Providers, error: Exception
) -> None:
    job_id = sent(parts)
    providers.error = error
    assert claimer.claim(job_id, "w", 60) is None
    job = parts.job(job_id)
    assert (job.status, job.waiting, job.attempts) == (Status.QUEUED, "workers_busy", ())
    assert job.not_before is not None
    assert job.not_before > parts.store.now()


def test_an_answer_of_the_database_that_nobody_foresaw_fails_no_job(parts: WorkerParts, claimer: Claimer) -> None:
    job_id = sent(parts)

    def odd() -> None:
        raise redis.ResponseError("THROTTLED slow down")

    parts.connection.before["commit"] = [odd]
    with pytest.raises(JobError):
        claimer.claim(job_id, "w", 60)
    assert parts.job(job_id).status is Status.QUEUED
    assert claimer.claim(job_id, "w", 60) is not None


def test_another_provider_gets_its_own_input_with_the_seed_that_the_job_has(
    parts: WorkerParts, claimer: Claimer
) -> None:
    job_id = sent(parts, route=("first", "second"), input={"prompt": "x", "seed": 5})
    first = claimer.claim(job_id, "w", 60)
    assert first is not None
    assert first.job.input == {"prompt": "x", "seed": 5}
    parts.store.change(job_id, lambda _: events.Requeued(at=1.0, outcome="failed", route=("second",)))
    assert parts.queue.choose() == (job_id,)
    second = claimer.claim(job_id, "w", 60)
    assert second is not None
    assert second.job.input == {"prompt": "x", "seed": 5, "steps": 4}


def test_a_switched_off_provider_is_sent_nothing(parts: WorkerParts) -> None:
    ProviderStates(parts.connection).announce({"other": None})
    parts.submit()
    parts.leases.beat("w", 8, 60, [])
    assert parts.queue.choose() == ()
    ProviderStates(parts.connection).announce({"other": None, "scripted": 1})
    assert len(parts.queue.choose()) == 1


def test_the_catalog_has_what_the_claimer_asks_for() -> None:
    assert hasattr(Catalog, "choose")


def test_a_job_whose_parameter_is_no_longer_declared_is_not_run_without_it(
    parts: WorkerParts, claimer: Claimer, providers: Providers
) -> None:
    job_id = sent(parts)
    providers.model = ModelSpec(name="m", params=(Param(name="seed", default=99),))
    assert claimer.claim(job_id, "w", 60) is None
    job = parts.store.get(job_id).job
    assert job.status is Status.FAILED
    assert job.error is not None
    assert job.error.code == "provider_changed"
    assert "without prompt" in job.error.detail
