"""What the web face reads: on fakeredis and on a real server."""

from __future__ import annotations

import threading

import pytest
import redis

from jobs import events
from jobs.errors import JobGone, JobNotFound
from jobs.ids import new_id
from jobs.model import Job, Status, Tombstone
from jobs.record import keys
from jobs.record.connection import Connection
from jobs.record.job_queue import JobQueue
from jobs.record.leases import Leases
from jobs.record.nudge import Nudge
from jobs.record.store import JobStore
from jobs.record.views import JobViews
from jobs.scheduling.health_store import HealthStore
from jobs.scheduling.provider_states import ProviderState, ProviderStates
from tests.support.connections import RiggedConnection
from tests.support.sample_jobs import add_job


@pytest.fixture
def views(connection: Connection, store: JobStore) -> JobViews:
    return JobViews(connection, store)


def added(store: JobStore, created_at: float = 1000.0) -> Job:
    return add_job(store, created_at=created_at)


def test_a_look_gives_the_job_and_how_many_are_before_it(store: JobStore, views: JobViews) -> None:
    first, second = added(store, 1000.0), added(store, 1001.0)
    record, place = views.look(second.id)
    assert (record, place and place.position) == (store.get(second.id), 1)
    looked = views.looks([second.id, first.id, new_id("job")])
    assert [(found.job.id, at and at.position) for found, at in looked] == [(second.id, 1), (first.id, 0)]
    store.change(first.id, lambda _: events.Canceled(at=1002.0))
    assert [at is None for _, at in views.looks([first.id, second.id])] == [True, False]


def test_an_ended_job_has_no_position(store: JobStore, views: JobViews) -> None:
    job = added(store)
    store.change(job.id, lambda _: events.Canceled(at=1002.0))
    record, place = views.look(job.id)
    assert (record.job.status, place) == (Status.CANCELED, None)


def test_a_second_look_reads_only_what_has_changed(store: JobStore, views: JobViews, queue: JobQueue) -> None:
    ahead, job = added(store, 1000.0), added(store, 1001.0)
    first, _ = views.look(job.id)
    store.change(ahead.id, lambda _: events.Canceled(at=1002.0))
    again, place = views.look(job.id)
    assert again is first
    assert place is not None
    assert place.position == 0, "the place in the queue is fresh all the same"
    store.change(job.id, lambda _: events.Canceled(at=1003.0))
    assert views.look(job.id) == (store.get(job.id), None)


def test_a_look_after_a_deletion_finds_no_memory_of_the_job(store: JobStore, views: JobViews) -> None:
    job = added(store)
    store.change(job.id, lambda _: events.Canceled(at=1002.0))
    views.look(job.id)
    store.purge(
        Tombstone(
            id=job.id, owner="local", status=Status.CANCELED, reason="deleted", finished_at=1002.0, deleted_at=1003.0
        )
    )
    with pytest.raises(JobGone):
        views.look(job.id)


def test_only_so_many_records_are_remembered(connection: Connection, store: JobStore) -> None:
    views = JobViews(connection, store, remembered=2)
    jobs = [added(store, 1000.0 + number) for number in range(3)]
    seen = [views.look(job.id)[0] for job in jobs]
    assert views.look(jobs[2].id)[0] is seen[2]
    assert views.look(jobs[0].id)[0] is not seen[0]


def test_unknown_and_deleted_jobs_are_told_apart(store: JobStore, views: JobViews) -> None:
    job = added(store)
    store.change(job.id, lambda _: events.Canceled(at=1002.0))
    store.purge(
        Tombstone(
            id=job.id, owner="local", status=Status.CANCELED, reason="deleted", finished_at=1002.0, deleted_at=1003.0
        )
    )
    with pytest.raises(JobGone):
        views.look(job.id)
    with pytest.raises(JobNotFound):
        views.look(new_id("job"))


def test_a_provider_shows_its_limit_its_jobs_and_its_rest(
    client: redis.Redis, store: JobStore, provider_states: ProviderStates, measured: HealthStore
) -> None:
    until = store.now() + 60
    provider_states.announce({"a": 3, "b": None})
    measured.rest("a", until, "the quota is used up")
    client.sadd(keys.busy("a"), "job_1")
    states = provider_states.get(["a", "b"])
    assert states["b"] == ProviderState()
    assert (states["a"].in_flight, states["a"].limit, states["a"].reason) == (1, 3, "the quota is used up")
    assert states["a"].until == pytest.approx(until, abs=0.01)


def test_a_rest_that_is_over_does_not_show(
    store: JobStore, measured: HealthStore, provider_states: ProviderStates
) -> None:
    measured.rest("a", store.now() - 1, "the quota is used up")
    assert provider_states.get(["a"])["a"] == ProviderState()


def test_a_provider_shows_that_one_job_went_first(
    store: JobStore, measured: HealthStore, provider_states: ProviderStates, leases: Leases, queue: JobQueue
) -> None:
    measured.rest("echo", store.now() - 1, "the quota is used up")
    job = added(store)
    leases.beat("w", 4, 60, [])
    assert not provider_states.get(["echo"])["echo"].on_trial
    assert queue.choose() == (job.id,)
    assert provider_states.get(["echo"])["echo"].on_trial
    measured.works("echo", store.now())
    assert not provider_states.get(["echo"])["echo"].on_trial


def test_a_check_of_writes_writes(client: redis.Redis, connection: Connection) -> None:
    connection.check_writes()
    assert client.get(keys.PROBE) == b"1"


def test_a_nudge_that_comes_before_the_read_ends_it(connection: Connection) -> None:
    nudge = Nudge(connection)
    nudge.send()
    assert nudge.wait_events({"job_x": "0"}, 4.0) == {}
    assert nudge._seen != "0"


@pytest.mark.real
def test_a_nudge_ends_a_read_that_blocks(redis_server: str) -> None:
    client = redis.Redis.from_url(redis_server)
    client.flushdb()
    nudge = Nudge(RiggedConnection(client))
    timer = threading.Timer(0.2, nudge.send)
    timer.start()
    assert nudge.wait_events({}, 4.0) == {}
    assert nudge._seen != "0"
    timer.join()
    client.close()


def test_news_of_many_jobs_come_in_one_wait(connection: Connection, store: JobStore) -> None:
    first, second = added(store), added(store)
    seen = {job.id: store.get(job.id).event_id for job in (first, second)}
    store.change(first.id, lambda _: events.Logged(at=1.0, text="news"))
    news = Nudge(connection).wait_events(seen, 0.5)
    assert [entry.event for entry in news[first.id]] == [events.Logged(at=1.0, text="news")]
    assert second.id not in news


def test_a_nudged_read_gives_the_events(connection: Connection, store: JobStore) -> None:
    job = added(store)
    found = Nudge(connection).wait_events({job.id: "0"}, 1.0)
    assert [entry.event for entry in found[job.id]] == [events.Submitted(at=job.created_at)]
