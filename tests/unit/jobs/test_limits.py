"""Limits of keys and end users: who may run, who may wait, and in whose turn. On fakeredis and on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis
from msgspec.structs import replace

from jobs import events
from jobs.access.api_keys import ApiKeyStore
from jobs.batches import BatchService
from jobs.errors import QuotaExceeded, StoreUnavailable
from jobs.files import LocalArtifacts
from jobs.idempotency import Idempotency
from jobs.ids import new_job_id
from jobs.limits import UNLIMITED, Limits, limits_of
from jobs.model import Job
from jobs.record import keys
from jobs.record.client import connect
from jobs.record.connection import Connection
from jobs.record.store import JobStore
from jobs.record.types import LimitGroup, QueuePlace
from jobs.record.views import JobViews
from jobs.scheduling.health_store import HealthStore
from jobs.service import JobService, Submission, fair_user
from jobs.vault import Vault
from tests.support.fake_worker import FakePublisher


def limited(connection: Connection, **limits: int) -> JobStore:
    """A store with room for many jobs, and limits for everybody."""
    store = JobStore(connection, limits=Limits(**limits))
    store.beat("w1", 1000, 600, [])
    return store


def added(store: JobStore, owner: str = "key_a", user: str | None = None, **changes: Any) -> str:
    job = Job(
        id=new_job_id(), owner=owner, user=fair_user(owner, user), model="echo", route=("echo",), given={}, input={},
        created_at=store.now(),
    )  # fmt: skip
    return store.create(replace(job, **changes)).job.id


def end(store: JobStore, job_id: str) -> None:
    store.claim(job_id, "w1", 60, lambda job, _: job.input)
    store.change(job_id, lambda _: events.Canceled(at=1.0))


def owners(store: JobStore, job_ids: tuple[str, ...]) -> list[str]:
    return [store.get(job_id).job.owner for job_id in job_ids]


@pytest.fixture
def jobs(connection: Connection, tmp_path: Path) -> JobService:
    store = limited(connection, queued=5, user_queued=3)
    return JobService(store, FakePublisher(), LocalArtifacts(tmp_path / "artifacts"), Vault(b"k" * 32))


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
    store = limited(connection, running=2)
    mine = [added(store) for _ in range(4)]
    other = added(store, "key_b")
    assert set(store.dispatch()) == {*mine[:2], other}
    assert store.dispatch() == ()
    end(store, mine[0])
    assert store.dispatch() == (mine[2],)


def test_no_more_jobs_of_an_end_user_run_than_may(connection: Connection) -> None:
    store = limited(connection, user_running=1)
    ann = [added(store, user="ann") for _ in range(3)]
    bob = added(store, user="bob")
    # Jobs that name nobody are not an end user's.
    plain = [added(store) for _ in range(3)]
    assert set(store.dispatch()) == {ann[0], bob, *plain}
    end(store, ann[0])
    assert store.dispatch() == (ann[1],)


def test_an_end_user_of_one_key_is_not_the_one_of_another(connection: Connection) -> None:
    store = limited(connection, user_running=1)
    both = {added(store, "key_a", "ann"), added(store, "key_b", "ann")}
    assert set(store.dispatch()) == both


def test_a_job_that_ended_in_any_way_frees_its_slot(connection: Connection) -> None:
    store = limited(connection, running=1)
    first, second, third = (added(store) for _ in range(3))
    assert store.dispatch() == (first,)
    lease = store.claim(first, "w1", 60, lambda job, _: job.input)
    assert lease is not None
    store.change(first, lambda _: events.Requeued(at=1.0, outcome="failed", not_before=store.now() + 60))
    assert store.dispatch() == (second,)
    # Sent, not claimed: it holds the slot too.
    assert store.dispatch() == ()
    store.change(second, lambda _: events.Parked(at=1.0, reason="no_provider", until=store.now() + 60))
    assert store.dispatch() == (third,)


def test_a_keys_own_limit_and_its_change_hold_at_once(connection: Connection, client: redis.Redis) -> None:
    store = limited(connection, running=1, queued=1)
    key, _ = ApiKeyStore(connection).create("bot", limits={"running": 3, "queued": "none"})
    for _ in range(6):
        added(store, key.id)
    assert len(store.dispatch()) == 3
    client.hset(keys.API_KEYS, key.id, msgspec.json.encode(replace(key, limits={"running": 4})))
    assert len(store.dispatch()) == 1
    assert store.dispatch() == ()


def test_who_waits_at_a_limit_keeps_the_turn(connection: Connection) -> None:
    store = limited(connection, running=1)
    mine = [added(store, "key_a") for _ in range(2)]
    assert store.dispatch() == (mine[0],)
    others = {name: [added(store, name) for _ in range(2)] for name in ("key_b", "key_c")}
    store.dispatch()
    store.beat("w1", 3, 600, [])
    end(store, others["key_b"][0])
    end(store, mine[0])
    # Two slots are free, and two owners may run a job again: the one whose turn is longer ago comes first.
    assert owners(store, store.dispatch(most=1)) == ["key_a"]
    assert owners(store, store.dispatch(most=1)) == ["key_b"]


def test_slots_go_round_the_keys_and_then_round_their_end_users(connection: Connection) -> None:
    """Many names under one key are no way to get more than one key's share."""
    store = JobStore(connection)
    for number in range(40):
        added(store, "key_crowd", f"user-{number}")
    first = added(store, "key_b")
    store.beat("w1", 2, 600, [])
    assert first in store.dispatch()


def test_a_place_tells_both_crowds(connection: Connection, client: redis.Redis) -> None:
    store = limited(connection, running=2, user_running=1)
    for _ in range(3):
        added(store, user="ann")
    bob = [added(store, user="bob") for _ in range(2)]
    views = JobViews(connection, store)
    for job_id in store.dispatch():
        # On its way to a worker it waits for no limit.
        assert views.look(job_id)[1] == QueuePlace(position=0 if job_id != bob[0] else 2)
        store.claim(job_id, "w1", 60, lambda job, _: job.input)
    record, place = views.look(bob[1])
    assert views.places([record]) == {bob[1]: place}
    groups = (LimitGroup(running=2, limit=2, position=2), LimitGroup(running=1, limit=1, position=0))
    assert place == QueuePlace(position=2, groups=groups)
    assert all(group.is_full for group in groups)


# -- many who cannot run -------------------------------------------------------


def calls_until_served(store: JobStore, job_id: str, most: int, **looks: int) -> int:
    for call in range(1, most + 1):
        if job_id in store.dispatch(**looks):
            return call
    raise AssertionError(f"not within {most} calls")


@pytest.mark.parametrize("owner", ["key_a", "key_b"])
def test_users_who_cannot_run_hide_nobody(connection: Connection, owner: str, measured: HealthStore) -> None:
    store = JobStore(connection)
    store.beat("w1", 10, 600, [])
    measured.rest("asleep", store.now() + 600, "quota")
    for number in range(450):
        added(store, "key_a", f"user-{number}", route=("asleep",))
    last = added(store, owner, "last")
    # 200 of each turn are looked at a call: the first 100, and 100 that move on.
    assert calls_until_served(store, last, 5) <= (5 if owner == "key_a" else 1)
    assert store.dispatch() == ()


def test_keys_at_their_limit_hide_nobody(connection: Connection) -> None:
    store = limited(connection, running=1)
    for number in range(130):
        for _ in range(2):
            added(store, f"key_{number}")
    for _ in range(3):
        store.dispatch()
    assert store.overview().sent == 130
    last = added(store, "key_last")
    # 50 owners are looked at a call, 25 of them further on.
    assert calls_until_served(store, last, 6) <= 6


def test_the_thorough_look_finds_everybody_at_once(connection: Connection, measured: HealthStore) -> None:
    store = JobStore(connection)
    store.beat("w1", 10, 600, [])
    measured.rest("asleep", store.now() + 600, "quota")
    for number in range(450):
        added(store, "key_a", f"user-{number}", route=("asleep",))
    last = added(store, "key_a", "last")
    assert calls_until_served(store, last, 1, looks=4000) == 1


def test_a_mark_in_a_turn_goes_with_the_turn(
    connection: Connection, client: redis.Redis, measured: HealthStore
) -> None:
    store = JobStore(connection)
    store.beat("w1", 10, 600, [])
    measured.rest("asleep", store.now() + 600, "quota")
    ids = [added(store, "key_a", f"user-{number}", route=("asleep",)) for number in range(120)]
    store.dispatch()
    assert client.hlen("dr:look")
    for job_id in ids:
        store.change(job_id, lambda _: events.Canceled(at=1.0))
    assert not client.exists("dr:look", keys.TURN, "dr:turn:key_a")


# -- waiting -------------------------------------------------------------------


def test_no_more_jobs_of_a_key_wait_than_may_and_a_refused_one_leaves_nothing(
    client: redis.Redis, jobs: JobService
) -> None:
    jobs.store.beat("w1", 0, 600, [])
    for _ in range(5):
        jobs.submit(submission(credentials={"hf_token": "hf_x"}))
    before = {bytes(name) for name in client.scan_iter("*")}
    with pytest.raises(QuotaExceeded) as refused:
        jobs.submit(submission(credentials={"hf_token": "hf_x"}))
    assert (refused.value.limit, refused.value.most) == ("queued", 5)
    assert {bytes(name) for name in client.scan_iter("*")} == before
    assert len(files(jobs)) == 5
    jobs.submit(submission("key_b"))


def files(jobs: JobService) -> list[Path]:
    assert isinstance(jobs.artifacts, LocalArtifacts)
    return [path for path in jobs.artifacts._root.rglob("*") if path.is_file()]


def test_no_more_jobs_of_an_end_user_wait_than_may(jobs: JobService) -> None:
    jobs.store.beat("w1", 0, 600, [])
    for _ in range(3):
        jobs.submit(submission(user="ann"))
    with pytest.raises(QuotaExceeded) as refused:
        jobs.submit(submission(user="ann"))
    assert (refused.value.limit, refused.value.most) == ("user_queued", 3)
    jobs.submit(submission(user="bob"))
    jobs.submit(submission())
    with pytest.raises(QuotaExceeded, match="queued is at most 5"):
        jobs.submit(submission())


def test_there_is_room_again_when_a_job_has_started_or_ended(connection: Connection) -> None:
    store = limited(connection, queued=2)
    first, second = added(store), added(store)
    with pytest.raises(QuotaExceeded):
        added(store)
    end(store, store.dispatch(most=1)[0])
    added(store)
    store.change(second, lambda _: events.Canceled(at=1.0))
    added(store)
    with pytest.raises(QuotaExceeded):
        added(store)
    assert store.get(first).job.status == "canceled"


def test_a_job_that_comes_back_to_the_queue_is_never_refused(connection: Connection) -> None:
    store = limited(connection, queued=1)
    first = added(store)
    store.dispatch()
    store.claim(first, "w1", 60, lambda job, _: job.input)
    second = added(store)
    store.change(first, lambda _: events.Requeued(at=1.0, outcome="lost"))
    assert store.overview().queued == 2
    assert second in store.dispatch()


def test_a_request_that_was_sent_again_is_not_refused(jobs: JobService) -> None:
    jobs.store.beat("w1", 0, 600, [])
    once = jobs.once(owner="key_a", route="POST /v1/jobs", path="/v1/jobs", body=b"{}", key="k")
    first = jobs.accept(submission(), once)
    for _ in range(4):
        jobs.submit(submission())
    again = jobs.accept(submission(), once)
    assert (again.record.job.id, again.replayed) == (first.record.job.id, True)
    refused = jobs.once(owner="key_a", route="POST /v1/jobs", path="/v1/jobs", body=b"{}", key="other")
    with pytest.raises(QuotaExceeded):
        jobs.accept(submission(), refused)
    # Its key was not spent: once there is room, the request is taken.
    jobs.cancel(first.record.job.id, "key_a")
    assert not jobs.accept(submission(), refused).replayed


def test_a_batch_is_taken_as_a_whole_or_not_at_all(
    connection: Connection, client: redis.Redis, jobs: JobService
) -> None:
    store = jobs.store
    assert isinstance(store, JobStore)
    store.beat("w1", 0, 600, [])
    batches = BatchService(connection, store, jobs)
    batches.accept("key_a", [submission(user="ann")] * 2, marks())
    for refused in ([submission()] * 4, [submission(user="ann"), submission(user="ann"), submission(user="bob")]):
        before = {bytes(name) for name in client.scan_iter("*")}
        with pytest.raises(QuotaExceeded):
            batches.accept("key_a", [replace_credentials(one) for one in refused], marks())
        assert {bytes(name) for name in client.scan_iter("*")} == before
        assert len(files(jobs)) == 2
    batches.accept("key_a", [submission(user="ann"), submission(), submission(user="bob")], marks())
    assert store.overview().queued == 5


def replace_credentials(one: Submission) -> Submission:
    return submission(user=one.metadata.get("user"), credentials={"hf_token": "hf_x"})


def marks() -> Idempotency:
    return Idempotency(fingerprint="f")


@pytest.fixture
def crowded(client: redis.Redis, connection: Connection, redis_server: str, tmp_path: Path) -> Iterator[JobService]:
    client = connect(redis_server)
    client.flushdb()
    store = JobStore(connection, limits=Limits(queued=30, user_queued=7))
    yield JobService(store, FakePublisher(), LocalArtifacts(tmp_path / "artifacts"), Vault(b"k" * 32))
    client.close()


@pytest.mark.real
def test_a_hundred_at_once_never_are_one_too_many(
    client: redis.Redis, connection: Connection, crowded: JobService
) -> None:
    """Single jobs and batches together, over many connections."""
    store = crowded.store
    assert isinstance(store, JobStore)
    batches = BatchService(connection, store, crowded)

    def ask(number: int) -> int:
        user = ("ann", "bob", None)[number % 3]
        try:
            if number % 4 == 0:
                batches.accept("key_a", [submission(user=user)] * 3, marks())
                return 3
            crowded.submit(submission(user=user))
        except QuotaExceeded:
            return 0
        return 1

    with ThreadPoolExecutor(32) as threads:
        accepted = sum(threads.map(ask, range(100)))
    waiting = client.zcard(keys.waiting("key_a"))
    assert accepted == store.overview().queued == waiting == len(list(client.scan_iter("dr:job:*")))
    assert 28 <= accepted <= 30, "all is taken but for what a batch of three left"
    for user in ("ann", "bob"):
        assert client.zcard(keys.waiting(fair_user("key_a", user))) <= 7
    assert len(files(crowded)) == accepted


def test_a_store_that_is_away_is_not_a_limit(tmp_path: Path) -> None:
    store = JobStore(Connection(connect("redis://127.0.0.1:1")), limits=Limits(queued=1))
    jobs = JobService(store, FakePublisher(), LocalArtifacts(tmp_path), Vault(b"k" * 32))
    with pytest.raises(StoreUnavailable):
        jobs.submit(submission())
