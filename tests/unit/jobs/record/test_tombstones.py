"""What stays of deleted jobs is small, says all that the API promises, and ends by itself."""

from __future__ import annotations

import time

import msgspec
import pytest
import redis
from ulid import ULID

from jobs import events
from jobs.errors import JobGone, JobNotFound
from jobs.ids import new_id
from jobs.model import Status, Tombstone
from jobs.record import keys, tombstones
from jobs.record.constants import TOMBSTONES_TOGETHER
from jobs.record.store import JobStore
from tests.support.connections import RiggedConnection
from tests.support.sample_jobs import add_job, make_job


def stone_of(job_id: str, **fields: object) -> Tombstone:
    """A tombstone with these fields."""
    defaults = {
        "owner": "local", "status": Status.CANCELED, "reason": "expired", "finished_at": 1.5, "deleted_at": 2.25,
    }  # fmt: skip
    return msgspec.convert({"id": job_id, **defaults, **fields}, Tombstone)


def deleted(store: JobStore, **fields: object) -> Tombstone:
    """A tombstone in the record, of a job that was there."""
    job = store.accept(make_job(**fields)).record.job
    store.change(job.id, lambda _: events.Canceled(at=1.0))
    stone = stone_of(job.id, owner=job.owner)
    assert store.purge(stone)
    return stone


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("reason", ["deleted", "expired"])
@pytest.mark.parametrize("owner", ["local", "Größe", "key_01M8KE5WQ34J4ANBRNQSACQGYX", "key_X"])
def test_nothing_that_is_told_of_a_deleted_job_gets_lost(status: Status, reason: str, owner: str) -> None:
    stone = stone_of(new_id("job"), status=status, reason=reason, owner=owner, finished_at=1764409999.999)
    assert tombstones.unpacked(stone.id, tombstones.packed(stone)) == stone


def test_places_differ(store: JobStore) -> None:
    ids = [new_id("job") for _ in range(1000)] + ["job_x", "job_y"]
    assert len(set(map(tombstones.place, ids))) == len(ids)


def test_many_jobs_of_one_minute_are_all_found_and_others_are_not(store: JobStore, client: redis.Redis) -> None:
    at = time.time()
    count = 2 * TOMBSTONES_TOGETHER + 10
    stones = [deleted(store, id=f"job_{ULID.from_timestamp(at)}") for _ in range(count)]
    assert set(store.tombstones([stone.id for stone in stones])) == set(stones)
    assert sorted(client.hlen(key) for key in client.scan_iter("dr:tombs:*")) == [10, *2 * [TOMBSTONES_TOGETHER]]
    with pytest.raises(JobNotFound):
        store.get(f"job_{ULID.from_timestamp(at)}")


def test_a_tombstone_ends_after_its_days(connection: RiggedConnection, client: redis.Redis) -> None:
    store = JobStore(connection, tombstone_days=3)
    deleted(store)
    (key,) = client.scan_iter("dr:tombs:*")
    assert 3 * 86_400 - 5 < client.ttl(key) <= 3 * 86_400


def test_without_days_a_deleted_job_is_forgotten(connection: RiggedConnection, client: redis.Redis) -> None:
    store = JobStore(connection, tombstone_days=0)
    client.hset(keys.batch("batch_1"), mapping={"left": 1})
    stone = deleted(store, batch_id="batch_1")
    assert store.purge(stone), "deleted again"
    with pytest.raises(JobNotFound):
        store.get(stone.id)
    assert not list(client.scan_iter("dr:*tomb*"))
    assert not client.exists(keys.batch("batch_1"))


def test_a_tombstone_of_an_earlier_version_still_answers(store: JobStore, client: redis.Redis) -> None:
    stone = stone_of(new_id("job"), owner="o")
    client.set(keys.tombstone(stone.id), msgspec.json.encode(stone))
    assert store.tombstones([new_id("job"), stone.id]) == (stone,)
    assert store.purge(stone)
    with pytest.raises(JobGone) as gone:
        store.get(stone.id, "o")
    assert gone.value.tombstone == stone
    with pytest.raises(JobNotFound):
        store.get(stone.id, "another")


@pytest.mark.real
def test_a_tombstone_takes_sixty_bytes_at_most(redis_server: str) -> None:
    """With a million jobs a day."""
    client = redis.Redis.from_url(redis_server)
    client.flushdb()
    connection = RiggedConnection(client)
    count, owner, at = 10_000, new_id("key"), time.time()
    pipe = client.pipeline(transaction=False)
    for number in range(count):
        stone = stone_of(f"job_{ULID.from_timestamp(at - number * 86_400 / 1e6)}", owner=owner)
        pipe.hset(keys.job(stone.id), mapping={"status": Status.SUCCEEDED, "owner": owner})
        connection.queue(pipe, "purge", stone.id, *tombstones.place(stone.id), tombstones.packed(stone), 86_400)
    pipe.execute()
    used = sum(client.memory_usage(key, samples=0) or 0 for key in client.scan_iter("dr:*"))
    client.close()
    assert used / count <= 60, used / count


def test_the_record_of_a_job_leaves_nothing_but_its_tombstone(store: JobStore, client: redis.Redis) -> None:
    job = add_job(store)
    store.change(job.id, lambda _: events.Canceled(at=1.0))
    store.purge(stone_of(job.id))
    assert not list(client.scan_iter(f"*{job.id}*"))
