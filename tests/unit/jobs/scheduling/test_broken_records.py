"""A record that is not as it should be costs itself only: what others wait for is chosen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from jobs.record import keys
from jobs.record.connection import Connection, connect
from jobs.scheduling.health_store import HealthStore
from jobs.scheduling.provider_states import ProviderStates
from tests.support.records import Records
from tests.support.sample_jobs import add_job

Break = Callable[[Records, str], object]

LANE: Final = "ann|a"
OWN: Final = "ann|x|a"
FAR: Final = 3600.0


def without_record(record: Records, job_id: str) -> None:
    record.connection.client.delete(keys.job(job_id))


def without_place(record: Records, job_id: str) -> None:
    record.connection.client.hdel(keys.job(job_id), "owner", "user", "lane", "rank")


def empty_lane(record: Records, _: str) -> None:
    record.connection.client.delete(keys.lane(LANE))


def lane_without_pool(record: Records, _: str) -> None:
    record.connection.client.delete(keys.pool_lanes("a", "ann"))


def user_without_lanes(record: Records, _: str) -> None:
    record.connection.client.delete(keys.user_pools("ann"))


def owner_without_users(record: Records, _: str) -> None:
    record.connection.client.delete(keys.pool_users("a", "ann"))


def owner_without_pools(record: Records, _: str) -> None:
    record.connection.client.delete(keys.owner_pools("ann"))


def unreadable_key(record: Records, _: str) -> None:
    record.connection.client.hset(keys.API_KEYS, "ann", "{")


def odd_limit(record: Records, _: str) -> None:
    record.connection.client.hset(keys.API_KEYS, "ann", '{"limits": null}')


def unreadable_circuit(record: Records, _: str) -> None:
    record.connection.client.hset(keys.provider("a"), "shut", "{")


def odd_slots(record: Records, _: str) -> None:
    record.connection.client.hset(keys.SLOTS, "w0", "many")


def unknown_pool(record: Records, _: str) -> None:
    record.connection.client.hset(keys.NARROWED, LANE, "gone")


def rest_without_lanes(record: Records, _: str) -> None:
    record.connection.client.zadd(keys.RESTING, {"x|a": 0, "": 0, "odd": 0, "|": 0})


def rest_of_an_empty_lane(record: Records, _: str) -> None:
    record.connection.client.zadd(keys.RESTING, {"x|a": 0})
    record.connection.client.zadd(keys.resting("x", "a"), {OWN: 1})


def rest_of_a_job_without_record(record: Records, _: str) -> None:
    rest_of_an_empty_lane(record, _)
    record.connection.client.zadd(keys.lane(OWN), {"job_gone": 1})


def parked_without_record(record: Records, _: str) -> None:
    record.connection.client.zadd(keys.DUE, {"job_gone": 0})


def parked_without_place(record: Records, _: str) -> None:
    record.connection.client.hset(keys.job("job_odd"), "status", "queued")
    record.connection.client.zadd(keys.DUE, {"job_odd": 0})


def full_and_unknown(record: Records, _: str) -> None:
    record.connection.client.zadd(keys.FULL, {"ann": 0, "unknown": 0})
    record.connection.client.sadd(keys.full("ann"), "ann", "other/user")


BREAKS: Final[list[Break]] = [
    without_record, without_place, empty_lane, lane_without_pool, user_without_lanes, owner_without_users, owner_without_pools,
    unreadable_key, odd_limit, unreadable_circuit, odd_slots, unknown_pool, rest_without_lanes, rest_of_an_empty_lane,
    rest_of_a_job_without_record, parked_without_record, parked_without_place, full_and_unknown,
]  # fmt: skip


@pytest.mark.real
@pytest.mark.parametrize("breaks", BREAKS, ids=lambda breaks: breaks.__name__)
def test_a_broken_record_costs_itself_only(redis_server: str, breaks: Break) -> None:
    client = connect(redis_server)
    client.flushdb()
    record = Records(Connection(client))
    ProviderStates(record.connection).announce({"a": None, "b": None})
    broken = add_job(record.store, owner="ann", user="ann", route=("a",)).id
    others = {
        add_job(record.store, owner="ann", user="ann/1", route=("b",)).id,
        add_job(record.store, owner="bob", user="bob", route=("a",)).id,
    }
    breaks(record, broken)
    record.leases.beat("w1", 10, 600, [])
    chosen: set[str] = set()
    for _ in range(2):
        record.queue.recheck()
        chosen |= set(record.queue.choose())
    assert chosen >= others
    if breaks is without_record:
        assert client.zcard(keys.QUEUED) == client.zcard(keys.waiting("ann")) == 0 or chosen == others
        assert client.zscore(keys.QUEUED, broken) is None
        assert client.zscore(keys.waiting("ann"), broken) is None
        assert client.zcard(keys.SENT) == 2


@pytest.mark.real
def test_what_was_shown_wrongly_is_shown_rightly_again(redis_server: str) -> None:
    client = connect(redis_server)
    for number, breaks in enumerate(BREAKS[2:7]):
        client.flushdb()
        record = Records(Connection(client))
        ids = {add_job(record.store, owner="ann", user=user, route=("a",)).id for user in ("ann", "ann/1")}
        breaks(record, "")
        record.leases.beat("w1", 10, 600, [])
        chosen = set(record.queue.choose())
        record.queue.recheck()
        assert chosen | set(record.queue.choose()) == ids, number


@pytest.mark.real
def test_many_broken_lanes_of_an_owner_delay_nobody(redis_server: str) -> None:
    client = connect(redis_server)
    client.flushdb()
    record = Records(Connection(client))
    HealthStore(record.connection).rest("b", record.store.now() + FAR, "provider_quota", "x")
    for number in range(50):
        job = add_job(record.store, owner="ann", user=f"ann/{number}", route=("a",))
        client.delete(keys.job(job.id) if number % 2 else keys.lane(f"ann/{number}|a"))
    good = {add_job(record.store, owner="ann", user="ann/z", route=("a",)).id, add_job(record.store, route=("a",)).id}
    record.leases.beat("w1", 10, 600, [])
    assert set(record.queue.choose()) == good
