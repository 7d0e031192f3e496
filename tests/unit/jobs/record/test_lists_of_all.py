"""The list of all owners' jobs costs the same for any number of them."""

from __future__ import annotations

from itertools import count

import pytest
import redis

from jobs.record import keys
from jobs.record.connection import Connection
from jobs.record.store import JobStore
from tests.support.lists import job_page
from tests.support.records import Records
from tests.support.redis_monitor import RedisMonitor
from tests.support.sample_jobs import add_job


def listed(store: JobStore, limit: int = 3) -> list[str]:
    seen: list[str] = []
    cursor = None
    for _ in count():
        part = job_page(store, None, cursor=cursor, limit=limit)
        seen += [record.job.id for record in part.records]
        cursor = part.next_cursor
        if cursor is None:
            return seen
    raise AssertionError


def test_every_job_is_listed_once_the_newest_first(store: JobStore) -> None:
    at = store.now()
    jobs = [add_job(store, owner=f"key_{number % 5}", created_at=at + number // 4 / 1000) for number in range(40)]
    newest_first = sorted(jobs, key=lambda job: (job.created_at, job.id), reverse=True)
    assert listed(store) == [job.id for job in newest_first]


def test_more_jobs_of_one_millisecond_than_one_read_takes_are_all_listed(store: JobStore) -> None:
    at = store.now()
    ids = {add_job(store, owner=f"key_{number % 3}", created_at=at).id for number in range(560)}
    found = listed(store, limit=100)
    assert (len(found), set(found)) == (560, ids)


def test_jobs_of_an_earlier_version_are_listed_too(store: JobStore, connection: Connection) -> None:
    old = [add_job(store, owner=f"key_{number}").id for number in range(4)]
    connection.redis.delete(keys.JOBS, keys.JOBS_COMPLETE)
    new = [add_job(store, owner=f"key_{number}").id for number in range(2)]
    assert set(listed(store)) == {*old, *new}


@pytest.mark.parametrize("owner", ["local", None])
def test_what_is_no_job_stands_in_nobodys_way(store: JobStore, connection: Connection, owner: str | None) -> None:
    ids = {add_job(store).id for _ in range(3)}
    far = (store.now() + 60) * 1000
    for key in (keys.owner("local"), keys.JOBS):
        connection.client.zadd(key, {b"\xff%d" % number: far for number in range(600)})
    page = job_page(store, owner, cursor=None, limit=10)
    assert {record.job.id for record in page.records} == ids


def test_a_deleted_job_leaves_the_list_and_nothing_else(
    store: JobStore, connection: Connection, record: Records
) -> None:
    one, two = add_job(store), add_job(store, owner="key_2")
    record.jobs.delete(one.id, "local")
    assert listed(store) == [two.id]
    record.jobs.delete(two.id, "key_2")
    assert not connection.redis.exists(keys.JOBS)


@pytest.mark.real
def test_a_page_takes_no_more_commands_for_a_thousand_owners_than_for_forty(redis_server: str) -> None:
    with redis.Redis.from_url(redis_server) as client:
        client.flushdb()
        store = JobStore(Connection(client))
        taken = []
        for owners in (40, 1000):
            for number in range(owners):
                add_job(store, owner=f"key_{owners}_{number}")
            job_page(store, None, limit=20)
            with RedisMonitor(client) as monitor:
                assert len(job_page(store, None, limit=20).records) == 20
                monitor.end(client)
            taken.append([line.split()[0] for line in monitor.commands])
        client.flushdb()
    assert [[name for name in names if name not in {"HMGET", "CLIENT", "HELLO"}] for names in taken] == [
        ["EXISTS", "EVALSHA", "ZRANGE", "ECHO"]
    ] * 2
    assert taken[1].count("HMGET") == 20
