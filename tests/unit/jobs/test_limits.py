"""Limits of keys and end users: who may run, who may wait, and in whose turn. On fakeredis and on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import redis

from jobs import events
from jobs.access.api_key_store import ApiKeyStore
from jobs.errors import QuotaExceeded, StoreUnavailable
from jobs.idempotency import Idempotency
from jobs.limits import UNLIMITED, Limits, limits_of
from jobs.record import keys
from jobs.record.connection import Connection, connect
from jobs.record.types import LimitGroup, QueuePlace
from jobs.scheduling.health_store import HealthStore
from jobs.submissions import Submission, fair_user
from tests.support.records import Records
from tests.support.sample_jobs import add_job


def limited(connection: Connection, **limits: int) -> Records:
    """A record with room for many jobs, and limits for everybody."""
    record = Records(connection, limits=Limits(**limits))
    record.leases.beat("w1", 1000, 600, [])
    return record


def added(record: Records, owner: str = "key_a", user: str | None = None, **changes: Any) -> str:
    return add_job(record.store, owner=owner, user=fair_user(owner, user), **changes).id


def end(record: Records, job_id: str) -> None:
    record.leases.claim(job_id, "w1", 60, lambda job, _: job.input)
    record.store.change(job_id, lambda _: events.Canceled(at=1.0))


def owners(record: Records, job_ids: tuple[str, ...]) -> list[str]:
    return [record.store.get(job_id).job.owner for job_id in job_ids]


@pytest.fixture
def record(connection: Connection, tmp_path: Path) -> Records:
    record = Records(connection, tmp_path / "artifacts", limits=Limits(queued=5, user_queued=3))
    record.leases.beat("w1", 1000, 600, [])
    return record


def submission(owner: str = "key_a", user: str | None = None, **changes: Any) -> Submission:
    given = {"prompt": "x", "image": f"sha256:{sha256(b'hello').hexdigest()}"}
    metadata = {} if user is None else {"user": user}
    return Submission(
        owner=owner,
        model="echo",
        given=given,
        inputs={"echo": given},
        metadata=metadata,
        images={sha256(b"hello").hexdigest(): b"hello"},
        **changes,
    )


# -- what a key may use --------------------------------------------------------


def test_a_keys_own_limits_go_before_everybodys() -> None:
    everybody = Limits(queued=10, running=2)
    assert limits_of(everybody, {}) == everybody
    assert limits_of(everybody, {"queued": 3, "running": "none"}) == Limits(queued=3)
    assert limits_of(UNLIMITED, {"streams": 1, "of_a_later_version": 1}) == Limits(streams=1)


# -- running -------------------------------------------------------------------


def test_no_more_jobs_of_a_key_run_than_may(connection: Connection) -> None:
    record = limited(connection, running=2)
    mine = [added(record) for _ in range(4)]
    other = added(record, "key_b")
    assert set(record.queue.choose()) == {*mine[:2], other}
    assert record.queue.choose() == ()
    end(record, mine[0])
    assert record.queue.choose() == (mine[2],)


def test_no_more_jobs_of_an_end_user_run_than_may(connection: Connection) -> None:
    record = limited(connection, user_running=1)
    ann = [added(record, user="ann") for _ in range(3)]
    bob = added(record, user="bob")
    # Jobs that name nobody are not an end user's.
    plain = [added(record) for _ in range(3)]
    assert set(record.queue.choose()) == {ann[0], bob, *plain}
    end(record, ann[0])
    assert record.queue.choose() == (ann[1],)


def test_an_end_user_of_one_key_is_not_the_one_of_another(connection: Connection) -> None:
    record = limited(connection, user_running=1)
    both = {added(record, "key_a", "ann"), added(record, "key_b", "ann")}
    assert set(record.queue.choose()) == both


def test_a_job_that_ended_in_any_way_frees_its_slot(connection: Connection) -> None:
    record = limited(connection, running=1)
    first, second, third = (added(record) for _ in range(3))
    assert record.queue.choose() == (first,)
    lease = record.leases.claim(first, "w1", 60, lambda job, _: job.input)
    assert lease is not None
    record.store.change(first, lambda _: events.Requeued(at=1.0, outcome="failed", not_before=record.store.now() + 60))
    assert record.queue.choose() == (second,)
    # Sent, not claimed: it holds the slot too.
    assert record.queue.choose() == ()
    record.store.change(second, lambda _: events.Parked(at=1.0, reason="no_provider", until=record.store.now() + 60))
    assert record.queue.choose() == (third,)


def test_a_keys_own_limit_and_its_change_hold_at_once(connection: Connection, client: redis.Redis) -> None:
    record = limited(connection, running=1, queued=1)
    api_keys = ApiKeyStore(connection)
    key, _ = api_keys.create("bot", limits={"running": 3, "queued": "none"})
    for _ in range(6):
        added(record, key.id)
    assert len(record.queue.choose()) == 3
    assert record.queue.choose() == ()
    api_keys.change(key.id, limits={"running": 4})
    assert len(record.queue.choose()) == 1
    assert record.queue.choose() == ()


def test_who_waits_at_a_limit_keeps_the_turn(connection: Connection) -> None:
    record = limited(connection, running=1)
    mine = [added(record, "key_a") for _ in range(2)]
    assert record.queue.choose() == (mine[0],)
    others = {name: [added(record, name) for _ in range(2)] for name in ("key_b", "key_c")}
    record.queue.choose()
    record.leases.beat("w1", 3, 600, [])
    end(record, others["key_b"][0])
    end(record, mine[0])
    # Two slots are free, and two owners may run a job again: the one whose turn is longer ago comes first.
    assert owners(record, record.queue.choose(most=1)) == ["key_a"]
    assert owners(record, record.queue.choose(most=1)) == ["key_b"]


def test_slots_go_round_the_keys_and_then_round_their_end_users(connection: Connection) -> None:
    """Many names under one key are no way to get more than one key's share."""
    record = Records(connection)
    for number in range(40):
        added(record, "key_crowd", f"user-{number}")
    first = added(record, "key_b")
    record.leases.beat("w1", 2, 600, [])
    assert first in record.queue.choose()


def test_a_place_tells_both_crowds(connection: Connection, client: redis.Redis) -> None:
    record = limited(connection, running=2, user_running=1)
    for _ in range(3):
        added(record, user="ann")
    bob = [added(record, user="bob") for _ in range(2)]
    views = record.views
    for job_id in record.queue.choose():
        # On its way to a worker it waits for no limit.
        assert views.look(job_id)[1] == QueuePlace(position=0 if job_id != bob[0] else 2, is_sent=True)
        record.leases.claim(job_id, "w1", 60, lambda job, _: job.input)
    looked, place = views.look(bob[1])
    assert views.looks([bob[1]]) == [(looked, place)]
    groups = (LimitGroup(running=2, limit=2, position=2), LimitGroup(running=1, limit=1, position=0))
    assert place == QueuePlace(position=2, groups=groups)
    assert all(group.is_full for group in groups)


# -- many who cannot run -------------------------------------------------------


@pytest.mark.parametrize("owner", ["key_a", "key_b"])
def test_users_who_cannot_run_hide_nobody(connection: Connection, owner: str, measured: HealthStore) -> None:
    record = Records(connection)
    record.leases.beat("w1", 10, 600, [])
    measured.rest("asleep", record.store.now() + 600, "quota")
    for number in range(450):
        added(record, "key_a", f"user-{number}", route=("asleep",))
    last = added(record, owner, "last")
    assert record.queue.choose() == (last,)
    assert record.queue.choose() == ()


def test_keys_at_their_limit_hide_nobody(connection: Connection) -> None:
    record = limited(connection, running=1)
    for number in range(130):
        for _ in range(2):
            added(record, f"key_{number}")
    for _ in range(3):
        record.queue.choose()
    assert record.queue.overview().sent == 130
    last = added(record, "key_last")
    assert record.queue.choose() == (last,)


# -- waiting -------------------------------------------------------------------


def test_no_more_jobs_of_a_key_wait_than_may_and_a_refused_one_leaves_nothing(
    client: redis.Redis, record: Records
) -> None:
    record.leases.beat("w1", 0, 600, [])
    for _ in range(5):
        record.submissions.accept(submission(credentials={"hf_token": "hf_x"}))
    before = {bytes(name) for name in client.scan_iter("*")}
    with pytest.raises(QuotaExceeded) as refused:
        record.submissions.accept(submission(credentials={"hf_token": "hf_x"}))
    assert (refused.value.limit, refused.value.most) == ("queued", 5)
    assert {bytes(name) for name in client.scan_iter("*")} == before
    assert len(files(record)) == 5
    record.submissions.accept(submission("key_b"))


def files(record: Records) -> list[Path]:
    return [path for path in record.artifacts.root.rglob("*") if path.is_file()]


def test_no_more_jobs_of_an_end_user_wait_than_may(record: Records) -> None:
    record.leases.beat("w1", 0, 600, [])
    for _ in range(3):
        record.submissions.accept(submission(user="ann"))
    with pytest.raises(QuotaExceeded) as refused:
        record.submissions.accept(submission(user="ann"))
    assert (refused.value.limit, refused.value.most) == ("user_queued", 3)
    record.submissions.accept(submission(user="bob"))
    record.submissions.accept(submission())
    with pytest.raises(QuotaExceeded, match="queued is at most 5"):
        record.submissions.accept(submission())


def test_there_is_room_again_when_a_job_has_started_or_ended(connection: Connection) -> None:
    record = limited(connection, queued=2)
    first, second = added(record), added(record)
    with pytest.raises(QuotaExceeded):
        added(record)
    end(record, record.queue.choose(most=1)[0])
    added(record)
    record.store.change(second, lambda _: events.Canceled(at=1.0))
    added(record)
    with pytest.raises(QuotaExceeded):
        added(record)
    assert record.store.get(first).job.status == "canceled"


def test_a_job_that_comes_back_to_the_queue_is_never_refused(connection: Connection) -> None:
    record = limited(connection, queued=1)
    first = added(record)
    record.queue.choose()
    record.leases.claim(first, "w1", 60, lambda job, _: job.input)
    second = added(record)
    record.store.change(first, lambda _: events.Requeued(at=1.0, outcome="lost"))
    assert record.queue.overview().queued == 2
    assert second in record.queue.choose()


def test_a_request_that_was_sent_again_is_not_refused(record: Records) -> None:
    record.leases.beat("w1", 0, 600, [])
    once = record.submissions.once(owner="key_a", route="POST /v1/jobs", path="/v1/jobs", body=b"{}", key="k")
    first = record.submissions.accept(submission(), once)
    for _ in range(4):
        record.submissions.accept(submission())
    again = record.submissions.accept(submission(), once)
    assert (again.record.job.id, again.replayed) == (first.record.job.id, True)
    refused = record.submissions.once(owner="key_a", route="POST /v1/jobs", path="/v1/jobs", body=b"{}", key="other")
    with pytest.raises(QuotaExceeded):
        record.submissions.accept(submission(), refused)
    # Its key was not spent: once there is room, the request is taken.
    record.jobs.cancel(first.record.job.id, "key_a")
    assert not record.submissions.accept(submission(), refused).replayed


def test_a_batch_is_taken_as_a_whole_or_not_at_all(
    connection: Connection, client: redis.Redis, record: Records
) -> None:
    record.leases.beat("w1", 0, 600, [])
    record.batches.accept("key_a", [submission(user="ann")] * 2, marks())
    for refused in ([submission()] * 4, [submission(user="ann"), submission(user="ann"), submission(user="bob")]):
        before = {bytes(name) for name in client.scan_iter("*")}
        with pytest.raises(QuotaExceeded):
            record.batches.accept("key_a", [replace_credentials(one) for one in refused], marks())
        assert {bytes(name) for name in client.scan_iter("*")} == before
        assert len(files(record)) == 2
    record.batches.accept("key_a", [submission(user="ann"), submission(), submission(user="bob")], marks())
    assert record.queue.overview().queued == 5


def replace_credentials(one: Submission) -> Submission:
    return submission(user=one.metadata.get("user"), credentials={"hf_token": "hf_x"})


def marks() -> Idempotency:
    return Idempotency(fingerprint="f")


@pytest.fixture
def crowded(redis_server: str, tmp_path: Path) -> Iterator[Records]:
    client = connect(redis_server)
    client.flushdb()
    yield Records(Connection(client), tmp_path / "artifacts", limits=Limits(queued=30, user_queued=7))
    client.close()


@pytest.mark.real
def test_a_hundred_at_once_never_are_one_too_many(crowded: Records) -> None:
    """Single jobs and batches together, over many connections."""
    client = crowded.connection.client

    def ask(number: int) -> int:
        user = ("ann", "bob", None)[number % 3]
        try:
            if number % 4 == 0:
                crowded.batches.accept("key_a", [submission(user=user)] * 3, marks())
                return 3
            crowded.submissions.accept(submission(user=user))
        except QuotaExceeded:
            return 0
        return 1

    with ThreadPoolExecutor(32) as threads:
        accepted = sum(threads.map(ask, range(100)))
    waiting = client.zcard(keys.waiting("key_a"))
    assert accepted == crowded.queue.overview().queued == waiting == len(list(client.scan_iter("dr:job:*")))
    assert 28 <= accepted <= 30, "all is taken but for what a batch of three left"
    for user in ("ann", "bob"):
        assert client.zcard(keys.waiting(fair_user("key_a", user))) <= 7
    assert len(files(crowded)) == accepted


def test_a_store_that_is_away_is_not_a_limit(tmp_path: Path) -> None:
    record = Records(Connection(connect("redis://127.0.0.1:1")), tmp_path, limits=Limits(queued=1))
    with pytest.raises(StoreUnavailable):
        record.submissions.accept(submission())
