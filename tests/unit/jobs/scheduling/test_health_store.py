"""What is measured of a provider decides where jobs are sent."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from jobs.errors import Contended
from jobs.model import Failure
from jobs.record import keys
from jobs.record.job_queue import JobQueue
from jobs.record.store import JobStore
from jobs.scheduling import circuits, health
from jobs.scheduling.health import Health
from jobs.scheduling.health_store import HealthStore
from jobs.scheduling.provider_states import ProviderStates
from tests.support.connections import RiggedConnection
from tests.support.records import Records
from tests.support.sample_jobs import add_job

FAILURE = Failure(code="provider_unreachable", detail="connection refused", retryable=True)


def send(record: Records, *routes: tuple[str, ...]) -> list[str | None]:
    """The provider that each of these jobs is sent to."""
    ids = [add_job(record.store, route=route).id for route in routes]
    record.leases.beat("w", 8, 60, [])
    sent = record.queue.choose()
    where = {job_id: (record.connection.redis.hget(keys.job(job_id), "provider") or b"").decode() for job_id in sent}
    return [where.get(job_id) for job_id in ids]


def takes(measured: HealthStore, provider: str, seconds: float) -> None:
    measured.update(provider, lambda record, at: health.succeeded(record, 0.0, seconds, at))


def fail(measured: HealthStore, provider: str, times: int) -> Health:
    for _ in range(times):
        record = measured.update(provider, lambda record, at: health.failed(record, FAILURE, at))
    return record


def test_an_unmeasured_provider_is_a_fresh_record(measured: HealthStore) -> None:
    assert measured.get(["a"]) == {"a": Health()}


def test_measurements_of_many_threads_are_kept(measured: HealthStore) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: takes(measured, "a", 1.0), range(12)))
    assert measured.get(["a"])["a"].success_rate == 1.0
    assert len(measured.get(["a"])["a"].runs) >= 1


def test_the_first_of_the_route_is_asked_while_others_are_not_clearly_faster(
    measured: HealthStore, record: Records
) -> None:
    takes(measured, "a", 4.0)
    takes(measured, "b", 3.0)
    assert send(record, ("a", "b"), ("a", "c")) == ["a", "a"]


def test_a_clearly_faster_provider_is_asked_first(measured: HealthStore, record: Records) -> None:
    takes(measured, "a", 9.0)
    takes(measured, "b", 3.0)
    assert send(record, ("a", "b")) == ["b"]


def test_an_open_circuit_sends_jobs_elsewhere(measured: HealthStore, record: Records) -> None:
    fail(measured, "a", circuits.FAILURES_IN_ROW)
    assert send(record, ("a", "b"), ("a",)) == ["b", None]


def test_a_half_open_circuit_lets_one_job_through(
    client: redis.Redis, store: JobStore, measured: HealthStore, record: Records
) -> None:
    fail(measured, "a", circuits.FAILURES_IN_ROW)
    client.hset(keys.provider("a"), "open", round(store.now() * 1000) - 1)
    assert send(record, ("a",), ("a",), ("a", "b")) == ["a", None, "b"]


def test_a_changed_signature_makes_it_the_last_resort(measured: HealthStore, record: Records) -> None:
    measured.update("a", lambda record, at: health.probed(record, "h", "no parameter 'seed'", at))
    assert send(record, ("a", "b"), ("a",)) == ["b", "a"]


def test_nothing_is_sent_while_all_is_paused(client: redis.Redis, queue: JobQueue, record: Records) -> None:
    client.set(keys.PAUSED, "maintenance")
    assert send(record, ("a",)) == [None]
    client.delete(keys.PAUSED)
    assert len(queue.choose()) == 1


def test_health_that_cannot_be_read_is_measured_again(
    client: redis.Redis, measured: HealthStore, provider_states: ProviderStates
) -> None:
    client.hset(keys.provider("echo"), "health", "{not JSON")
    assert measured.get(["echo"]) == {"echo": Health()}
    assert provider_states.get(["echo"])["echo"].health == Health()
    measured.update("echo", lambda health, _: health)
    assert client.hget(keys.provider("echo"), "health") != b"{not JSON"


def test_a_measurement_whose_answer_is_lost_counts_once(record: Records) -> None:
    assert isinstance(record.connection, RiggedConnection)
    record.connection.lost_answers.add("measure")
    assert fail(HealthStore(record.connection), "a", 1).failures_in_row == 1
    assert HealthStore(record.connection).get(["a"])["a"].failures_in_row == 1


def test_a_measurement_that_others_come_before_is_made_again_and_not_given_up_in_silence(measured: HealthStore) -> None:
    others = iter(range(3))

    def late(record: Health, at: float) -> Health:
        if next(others, None) is not None:
            takes(measured, "a", 1.0)
        return health.succeeded(record, 0.0, 2.0, at)

    measured.update("a", late)
    assert measured.get(["a"])["a"].runs == (1.0, 1.0, 1.0, 2.0)
    others = iter(range(100))
    with pytest.raises(Contended):
        measured.update("a", late)
