"""The record: compare-and-append, claims, leases, fairness, retention; on fakeredis and on a real server."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
import pytest
import redis

from jobs import events
from jobs.errors import IllegalTransition, JobGone, JobNotFound, LeaseLost
from jobs.model import Failure, Priority, Status, Tombstone
from jobs.record import keys
from jobs.record.constants import PREVIEW_GRACE_SECONDS
from jobs.record.job_queue import JobQueue
from jobs.record.leases import Leases
from jobs.record.lists.pages import JobPages
from jobs.record.lists.wanted import Wanted
from jobs.record.messages import QUEUE
from jobs.record.store import JobStore
from jobs.record.types import Lease
from jobs.record.views import JobViews
from jobs.scheduling.health_store import HealthStore
from jobs.scheduling.provider_states import ProviderStates
from tests.support.connections import RiggedConnection
from tests.support.eventually import eventually
from tests.support.lists import job_page
from tests.support.records import take_messages
from tests.support.sample_jobs import add_job, make_job, start_job


def worker(store: JobStore, leases: Leases, slots: int = 4, name: str = "w1") -> None:
    leases.beat(name, slots, 60, [])


def claim(store: JobStore, leases: Leases, job_id: str, lease: float = 60, name: str = "w1") -> Lease | None:
    return leases.claim(job_id, name, lease, lambda job, _: job.input)


def test_a_created_job_reads_back_with_its_first_event(store: JobStore) -> None:
    job = add_job(store)
    record = store.get(job.id)
    assert (record.job, record.version) == (job, 1)
    assert [entry.event for entry in store.log(job.id)] == [events.Submitted(at=job.created_at)]
    assert store.log(job.id)[-1].id == record.event_id


def test_an_unknown_job_is_not_found(store: JobStore) -> None:
    with pytest.raises(JobNotFound):
        store.get("job_x")


def test_a_change_writes_snapshot_version_and_event_together(store: JobStore, leases: Leases, queue: JobQueue) -> None:
    lease = start_job(store, leases, queue)
    record = store.change(lease.job.id, lambda _: events.Logged(at=1.0, text="hello"), fence=lease.fence)
    assert record.version == 3
    assert [type(entry.event).__name__ for entry in store.log(lease.job.id)] == ["Submitted", "Started", "Logged"]
    assert store.get(lease.job.id).version == 3


def test_a_move_that_the_table_lacks_changes_nothing(store: JobStore) -> None:
    job = add_job(store)
    with pytest.raises(IllegalTransition):
        store.change(job.id, lambda _: events.Succeeded(at=1.0, outputs=()))
    assert store.get(job.id).version == 1


def test_nothing_is_sent_without_a_worker(store: JobStore, queue: JobQueue) -> None:
    add_job(store)
    assert queue.choose() == ()


def test_no_more_is_sent_than_there_are_free_slots(store: JobStore, leases: Leases, queue: JobQueue) -> None:
    jobs = [add_job(store).id for _ in range(5)]
    worker(store, leases, slots=2)
    assert list(queue.choose()) == jobs[:2]
    assert queue.choose() == ()
    lease = claim(store, leases, jobs[0])
    assert lease is not None
    store.change(jobs[0], lambda _: events.Canceled(at=1.0), fence=lease.fence)
    assert list(queue.choose()) == jobs[2:3]


def test_users_are_served_in_turn(store: JobStore, leases: Leases, queue: JobQueue) -> None:
    many = [add_job(store, user="many").id for _ in range(10)]
    worker(store, leases, slots=2)
    queue.choose()
    one = add_job(store, user="one").id
    for job_id in many[:2]:
        claim(store, leases, job_id)
    store.change(many[0], lambda _: events.Canceled(at=1.0))
    assert queue.choose() == (one,)


def test_a_user_who_comes_one_at_a_time_gets_every_other_turn_at_most(
    store: JobStore, leases: Leases, queue: JobQueue
) -> None:
    for _ in range(10):
        add_job(store, user="many")
    worker(store, leases, slots=1)
    served = []
    for _ in range(6):
        add_job(store, user="aaa")
        (job_id,) = queue.choose()
        claim(store, leases, job_id)
        served.append(store.change(job_id, lambda _: events.Canceled(at=1.0)).job.user)
    assert served.count("aaa") == served.count("many") == 3


def test_priority_moves_a_job_ahead_of_its_own_user_only(store: JobStore, leases: Leases, queue: JobQueue) -> None:
    low = add_job(store, priority=Priority.LOW).id
    normal = add_job(store).id
    high = add_job(store, priority=Priority.HIGH).id
    worker(store, leases)
    assert list(queue.choose()) == [high, normal, low]


def test_a_provider_takes_no_more_than_its_limit(
    client: redis.Redis, store: JobStore, leases: Leases, queue: JobQueue
) -> None:
    client.hset(keys.provider("echo"), "limit", 1)
    first, second = add_job(store).id, add_job(store).id
    other = add_job(store, route=("other",)).id
    worker(store, leases)
    assert set(queue.choose()) == {first, other}
    claim(store, leases, first)
    assert queue.choose() == ()
    store.change(first, lambda _: events.Canceled(at=1.0))
    assert queue.choose() == (second,)


def test_a_route_falls_to_its_next_provider_when_the_first_is_full(
    client: redis.Redis, store: JobStore, leases: Leases, queue: JobQueue
) -> None:
    client.hset(keys.provider("a"), "limit", 0)
    job = add_job(store, route=("a", "b"))
    worker(store, leases)
    queue.choose()
    lease = claim(store, leases, job.id)
    assert lease is not None
    assert lease.job.provider == "b"


def test_a_duplicate_message_dies_at_the_claim(store: JobStore, leases: Leases, queue: JobQueue) -> None:
    lease = start_job(store, leases, queue)
    assert claim(store, leases, lease.job.id) is None


def test_a_message_for_a_job_that_was_not_sent_claims_nothing(store: JobStore, leases: Leases) -> None:
    job = add_job(store)
    assert claim(store, leases, job.id) is None


def test_a_lost_lease_writes_nothing(store: JobStore, leases: Leases, queue: JobQueue) -> None:
    stale = start_job(store, leases, queue)
    job_id = stale.job.id
    store.change(job_id, lambda _: events.Requeued(at=1.0, outcome="lost"))
    queue.choose()
    fresh = claim(store, leases, job_id)
    assert fresh is not None
    assert fresh.fence == stale.fence + 1
    with pytest.raises(LeaseLost):
        store.change(job_id, lambda _: events.Logged(at=1.0, text="ghost"), fence=stale.fence)
    with pytest.raises(LeaseLost):
        leases.save_checkpoints(job_id, stale.fence, {"echo": {}})
    assert leases.beat("w1", 4, 60, [(job_id, stale.fence), (job_id, fresh.fence)]) == [0, 1]


def test_a_lease_that_nobody_renews_is_lost(store: JobStore, leases: Leases, queue: JobQueue) -> None:
    job = add_job(store)
    worker(store, leases)
    queue.choose()
    lease = claim(store, leases, job.id, lease=0.05)
    assert lease is not None
    assert eventually(queue.lost) == (job.id,)
    leases.beat("w1", 4, 60, [(job.id, lease.fence)])
    assert queue.lost() == ()


def test_a_checkpoint_comes_back_with_the_next_claim(store: JobStore, leases: Leases, queue: JobQueue) -> None:
    lease = start_job(store, leases, queue)
    left: dict[str, dict[str, Any]] = {"echo": {"phase": "posted"}, "other": {"phase": "opened", "empty": []}}
    leases.save_checkpoints(lease.job.id, lease.fence, left)
    store.change(lease.job.id, lambda _: events.Requeued(at=1.0, outcome="lost"))
    queue.choose()
    again = claim(store, leases, lease.job.id)
    assert again is not None
    assert again.checkpoints == left


def test_a_cancel_reaches_the_worker_by_beat_and_by_control(store: JobStore, leases: Leases, queue: JobQueue) -> None:
    lease = start_job(store, leases, queue)
    store.change(lease.job.id, lambda _: events.CancelRequested(at=1.0))
    assert leases.beat("w1", 4, 60, [(lease.job.id, lease.fence)]) == [2]
    assert leases.wait_for_cancels("0", 0.01)[1] == (lease.job.id,)


def test_the_end_of_a_running_job_by_somebody_else_reaches_the_worker_at_once(
    store: JobStore, leases: Leases, queue: JobQueue
) -> None:
    lease, own = start_job(store, leases, queue), start_job(store, leases, queue)
    store.change(own.job.id, lambda _: events.Canceled(at=1.0), fence=own.fence)
    store.change(lease.job.id, lambda _: events.Canceled(at=1.0))
    assert leases.wait_for_cancels("0", 0.1)[1] == (lease.job.id,)


def test_a_parked_job_waits_for_its_time(
    connection: RiggedConnection, store: JobStore, leases: Leases, queue: JobQueue
) -> None:
    job = add_job(store)
    worker(store, leases)
    later = store.now() + 30
    store.change(job.id, lambda _: events.Parked(at=1.0, reason="provider_cooldown", until=later))
    assert queue.choose() == ()
    assert store.get(job.id).job.waiting == "provider_cooldown"
    # The same as a clock that goes ahead.
    connection.client.zincrby(keys.DUE, -30_000, job.id)
    assert queue.choose() == (job.id,)


def test_a_message_that_was_lost_is_sent_again(
    connection: RiggedConnection, store: JobStore, leases: Leases, queue: JobQueue
) -> None:
    job = add_job(store)
    worker(store, leases)
    queue.choose()
    assert take_messages(connection) == [job.id]
    assert queue.unsent(30) == ()
    connection.ahead = 60
    assert queue.unsent(30) == (job.id,)
    assert queue.unsent(30) == ()


def test_a_message_that_was_lost_is_missed_also_while_others_wait(
    client: redis.Redis, connection: RiggedConnection, store: JobStore, leases: Leases, queue: JobQueue
) -> None:
    ids = [add_job(store).id for _ in range(3)]
    worker(store, leases)
    queue.choose()
    client.rpop(QUEUE)
    connection.ahead = 60
    assert queue.unsent(30) == (ids[0],)
    assert queue.unsent(30) == (), "the others were looked at, too"
    client.delete(QUEUE)
    connection.ahead = 120
    assert set(queue.unsent(30)) == set(ids)


def test_a_repeated_write_counts_once(
    connection: RiggedConnection, store: JobStore, leases: Leases, queue: JobQueue
) -> None:
    """The answer of a write can be lost with the connection; redis-py then sends the script again."""
    lease = start_job(store, leases, queue)
    connection.lost_answers.add("commit")
    record = store.change(lease.job.id, lambda _: events.Logged(at=1.0, text="once"), fence=lease.fence)
    assert record.version == 3
    assert len(store.log(lease.job.id)) == 3
    assert store.get(lease.job.id) == dataclasses.replace(record)


def test_a_finished_job_gives_everything_back(
    client: redis.Redis, store: JobStore, leases: Leases, queue: JobQueue
) -> None:
    client.hset(keys.provider("echo"), "limit", 1)
    lease = start_job(store, leases, queue)
    error = Failure(code="internal", detail="x")
    store.change(lease.job.id, lambda _: events.Failed(at=store.now(), error=error), fence=lease.fence)
    left = {bytes(key).decode() for key in client.scan_iter("dr:*")}
    assert left == {
        "dr:tick", "dr:arrivals", "dr:pushed", "dr:served", "dr:workers", "dr:owners", "dr:jobs", "dr:slots", "dr:retain", "dr:provider:echo", "dr:owner:local", "dr:stirred",
        f"dr:job:{lease.job.id}", f"dr:events:{lease.job.id}",
    }  # fmt: skip


def test_the_secret_ends_with_the_job(store: JobStore, leases: Leases, client: redis.Redis) -> None:
    job = make_job(created_at=store.now())
    store.accept(job, b"locked")
    assert leases.secret(job.id) == b"locked"
    assert client.ttl(keys.secret(job.id)) == -1, "a job may wait for longer than any time that one could name"
    store.change(job.id, lambda _: events.Canceled(at=1.0))
    assert leases.secret(job.id) is None


@pytest.mark.parametrize("together", [False, True])
def test_no_secret_comes_back_where_the_answer_was_lost_and_a_worker_was_quick(
    store: JobStore, connection: RiggedConnection, leases: Leases, *, together: bool
) -> None:
    job = make_job(created_at=store.now(), batch_id="batch_1" if together else None)
    connection.before_repetition = lambda: store.change(job.id, lambda _: events.Canceled(at=1.0))
    if together:
        store.create_batch("batch_1", b"{}", [job], {job.id: b"locked"}, None)
    else:
        store.accept(job, b"locked")
    assert store.get(job.id).job.status is Status.CANCELED
    assert leases.secret(job.id) is None


def test_a_purged_job_leaves_a_tombstone(store: JobStore, leases: Leases, queue: JobQueue) -> None:
    lease = start_job(store, leases, queue)
    stone = Tombstone(
        id=lease.job.id, owner="local", status=Status.CANCELED, reason="deleted", finished_at=1.0, deleted_at=2.0
    )
    assert store.purge(stone) is False
    store.change(lease.job.id, lambda _: events.Canceled(at=1.0))
    assert store.purge(stone) is True
    with pytest.raises(JobGone) as gone:
        store.get(lease.job.id)
    assert gone.value.tombstone == stone
    assert job_page(store, "local", limit=10).records == ()


def test_pages_cover_every_job_once_also_within_one_millisecond(store: JobStore) -> None:
    at = store.now()
    ids = [add_job(store, created_at=at).id for _ in range(7)] + [add_job(store, owner="other").id]
    seen, cursor = [], None
    for _ in range(10):
        part = job_page(store, "local", cursor=cursor, limit=3)
        seen += [record.job.id for record in part.records]
        cursor = part.next_cursor
        if cursor is None:
            break
    assert seen == sorted(ids[:7], reverse=True)
    assert len(job_page(store, None, limit=20).records) == 8


@pytest.mark.parametrize("provider", ["echo", "other"])
def test_a_late_claim_runs_only_at_the_provider_that_the_job_is_sent_to(
    connection: RiggedConnection, store: JobStore, leases: Leases, queue: JobQueue, provider: str
) -> None:
    """A doubled message is read while the job waits after its first attempt; then it is sent, maybe to another."""
    lease = start_job(store, leases, queue, route=("echo", "other"))
    store.change(
        lease.job.id, lambda _: events.Requeued(at=1.0, outcome="failed", route=(provider,)), fence=lease.fence
    )
    connection.before["commit"] = [queue.choose]
    second = leases.claim(lease.job.id, "w2", 60, lambda job, _: job.input)
    assert (second and second.job.provider) == (provider if provider == "echo" else None)
    assert connection.client.smembers(keys.busy(provider)) == {lease.job.id.encode()}
    assert not connection.client.smembers(keys.busy("other" if provider == "echo" else "echo"))


def test_previews_keep_the_last_twelve(store: JobStore, leases: Leases, queue: JobQueue) -> None:
    lease = start_job(store, leases, queue)
    for index in range(20):
        leases.save_preview(lease.job.id, lease.fence, index, b"%d" % index)
    assert [store.preview(lease.job.id, index) for index in (7, 8, 19)] == [None, b"8", b"19"]


def test_previews_end_with_the_job_but_for_a_watcher_who_was_just_told_of_one(
    store: JobStore, leases: Leases, queue: JobQueue, client: redis.Redis
) -> None:
    lease = start_job(store, leases, queue)
    leases.save_preview(lease.job.id, lease.fence, 0, b"0")
    store.change(lease.job.id, lambda _: events.Succeeded(at=1.0, outputs=()), fence=lease.fence)
    assert store.preview(lease.job.id, 0) == b"0"
    assert 0 < client.ttl(keys.previews(lease.job.id)) <= PREVIEW_GRACE_SECONDS <= 60


def test_overdue_and_outlived_jobs_are_found(store: JobStore, queue: JobQueue) -> None:
    late = add_job(store, deadline_at=store.now() - 1)
    done = add_job(store, retention_seconds=0)
    store.change(done.id, lambda _: events.Canceled(at=store.now() - 1))
    assert queue.overdue() == (late.id,)
    assert queue.outlived() == (done.id,)


def test_the_overview_counts(store: JobStore, leases: Leases, queue: JobQueue) -> None:
    start_job(store, leases, queue)
    add_job(store)
    view = queue.overview()
    assert (view.queued, view.running, view.sent, dict(view.workers)) == (1, 1, 0, {"w1": 4})


def test_a_provider_that_rested_gets_one_job_first(
    client: redis.Redis, store: JobStore, measured: HealthStore, leases: Leases, queue: JobQueue
) -> None:
    ids = [add_job(store).id for _ in range(4)]
    worker(store, leases, slots=8)
    measured.rest("echo", store.now() + 0.8, "the quota is used up")
    assert queue.choose() == ()
    assert eventually(queue.choose) == (ids[0],)
    assert queue.choose() == (), "its scout is on the way"
    lease = claim(store, leases, ids[0])
    assert lease is not None
    assert queue.choose() == ()
    measured.rest("echo", store.now() + 0.8, "the quota is used up")
    store.change(ids[0], lambda _: events.Canceled(at=1.0))
    assert queue.choose() == ()
    assert eventually(queue.choose) == (ids[1],)
    lease = claim(store, leases, ids[1])
    assert lease is not None
    measured.works("echo", lease.job.attempts[-1].started_at)
    assert queue.choose() == (ids[2], ids[3])
    assert client.hget(keys.provider("echo"), "until") is None


def test_a_scout_that_learned_nothing_is_followed_by_another(
    store: JobStore, measured: HealthStore, leases: Leases, queue: JobQueue
) -> None:
    ids = [add_job(store).id for _ in range(3)]
    worker(store, leases)
    measured.rest("echo", store.now() - 1, "the quota is used up")
    assert queue.choose() == (ids[0],)
    store.change(ids[0], lambda _: events.Canceled(at=1.0))
    assert queue.choose() == (ids[1],)


def test_what_began_before_a_rest_does_not_end_it(
    client: redis.Redis, store: JobStore, measured: HealthStore, leases: Leases, queue: JobQueue
) -> None:
    lease = start_job(store, leases, queue)
    measured.rest("echo", store.now() + 60, "the quota is used up")
    measured.works("echo", lease.job.attempts[-1].started_at)
    add_job(store)
    assert queue.choose() == ()
    assert client.hget(keys.provider("echo"), "works") is None


def test_a_rest_is_never_made_shorter(
    client: redis.Redis, store: JobStore, measured: HealthStore, queue: JobQueue
) -> None:
    late = round(store.now() * 1000) + 600_000
    measured.rest("echo", late / 1000, "the quota is used up")
    measured.rest("echo", store.now() + 5, "the queue is full")
    assert client.hmget(keys.provider("echo"), "until", "reason") == [str(late).encode(), b"the quota is used up"]


def test_a_provider_that_may_have_a_quota_gets_one_job_first(
    store: JobStore, provider_states: ProviderStates, leases: Leases, queue: JobQueue
) -> None:
    provider_states.announce({"echo": None, "own": None}, trial_seconds={"echo": 60})
    ids = [add_job(store).id for _ in range(3)]
    own = [add_job(store, route=("own",)).id for _ in range(2)]
    both = add_job(store, route=("echo", "own")).id
    worker(store, leases, slots=16)
    assert set(queue.choose()) == {ids[0], *own, both}, "others go on"
    assert store.get(both).job.status == "queued"
    assert claim(store, leases, both).job.provider == "own"  # type: ignore[union-attr]
    assert queue.choose() == ()
    # It sits there and was not refused: that is no quota.
    provider_states.announce({"echo": None, "own": None}, trial_seconds={"echo": 0.0})
    assert queue.choose() == (ids[1], ids[2])


def test_a_rest_concerns_one_quota(
    client: redis.Redis, store: JobStore, measured: HealthStore, leases: Leases, queue: JobQueue
) -> None:
    """Ours and that of each account rest for themselves."""
    ours, mine, other = (add_job(store, account=account).id for account in (None, "mine", "other"))
    worker(store, leases)
    measured.rest("echo", store.now() + 60, "ours is used up")
    measured.rest("echo", store.now() + 0.8, "mine is used up", "mine")
    assert queue.choose() == (other,)
    assert eventually(queue.choose) == (mine,)
    assert store.get(ours).job.status == "queued"
    assert 0 < client.ttl(keys.account("mine", "echo")) <= 2 * 86_400


def test_each_account_has_a_scout_of_its_own(
    store: JobStore, provider_states: ProviderStates, measured: HealthStore, leases: Leases, queue: JobQueue
) -> None:
    provider_states.announce({"echo": None}, trial_seconds={"echo": 60})
    ids = {account: [add_job(store, account=account).id for _ in range(2)] for account in (None, "mine")}
    worker(store, leases, slots=8)
    assert set(queue.choose()) == {ids[None][0], ids["mine"][0]}
    lease = claim(store, leases, ids["mine"][0])
    assert lease is not None
    measured.works("echo", lease.job.attempts[-1].started_at, "mine")
    assert queue.choose() == (ids["mine"][1],)


def test_accounts_share_the_slots_of_a_provider(
    store: JobStore, provider_states: ProviderStates, leases: Leases, queue: JobQueue
) -> None:
    provider_states.announce({"echo": 2})
    for account in (None, "mine", "other"):
        add_job(store, account=account)
    worker(store, leases, slots=8)
    assert len(queue.choose()) == 2


def test_a_low_priority_waits_longer_but_not_for_ever(store: JobStore, leases: Leases, queue: JobQueue) -> None:
    now = store.now()
    low = add_job(store, priority=Priority.LOW, created_at=now - 700).id
    normal = add_job(store, priority=Priority.NORMAL, created_at=now - 350).id
    later = add_job(store, priority=Priority.HIGH, created_at=now).id
    young = add_job(store, priority=Priority.LOW, created_at=now - 200).id
    worker(store, leases, slots=1)
    order = []
    for _ in range(4):
        (job_id,) = queue.choose()
        order.append(job_id)
        store.change(job_id, lambda _: events.Canceled(at=1.0))
    assert order == [low, normal, later, young]


# -- a second slot --------------------------------------------------------------


def busy(client: redis.Redis, *providers: str) -> list[int]:
    return [int(client.scard(keys.busy(name))) for name in providers]


def test_a_hedge_takes_a_slot_of_the_next_provider_that_has_one(
    client: redis.Redis, store: JobStore, provider_states: ProviderStates, leases: Leases, queue: JobQueue
) -> None:
    provider_states.announce({"a": 1, "b": 1, "c": None})
    lease = start_job(store, leases, queue, route=("a", "b", "c"))
    other = start_job(store, leases, queue, route=("b",))
    assert leases.take_hedge(lease.job.id, lease.fence, ("b",)) is None
    assert leases.take_hedge(lease.job.id, lease.fence, ("b", "c")) == "c"
    assert busy(client, "a", "b", "c") == [1, 1, 1]
    assert leases.take_hedge(lease.job.id, lease.fence, ("b", "c")) == "c", "asked again, after a lost answer"
    store.change(lease.job.id, lambda _: events.Succeeded(at=1.0, outputs=()))
    store.change(other.job.id, lambda _: events.Requeued(at=1.0, outcome="lost"))
    assert busy(client, "a", "b", "c") == [0, 0, 0]


@pytest.mark.parametrize("kept", ["a", "b"])
def test_where_one_of_two_ends_only_its_slot_is_given_back(
    client: redis.Redis, store: JobStore, kept: str, provider_states: ProviderStates, leases: Leases, queue: JobQueue
) -> None:
    provider_states.announce({"a": 1, "b": 1})
    lease = start_job(store, leases, queue, route=("a", "b"))
    assert leases.take_hedge(lease.job.id, lease.fence, ("b",)) == "b"
    leases.release_loser(lease.job.id, lease.fence, kept)
    leases.release_loser(lease.job.id, lease.fence, kept)
    assert busy(client, "a", "b") == [int(kept == "a"), int(kept == "b")]
    store.change(lease.job.id, lambda _: events.Requeued(at=1.0, outcome="lost"))
    assert busy(client, "a", "b") == [0, 0]


def test_nobody_who_is_not_well_is_a_hedge(
    client: redis.Redis, store: JobStore, provider_states: ProviderStates, leases: Leases, queue: JobQueue
) -> None:
    names = ("paused", "resting", "open", "doubtful", "changed", "gone")
    provider_states.announce(dict.fromkeys(("a", *names[:-1])))
    now = round(store.now() * 1000)
    facts: dict[str, dict[Any, Any]] = {
        "paused": {"paused": "1"}, "resting": {"until": now + 60_000}, "open": {"open": now + 60_000},
        "doubtful": {"open": now - 1}, "changed": {"shun": "1"},
    }  # fmt: skip
    for name, fields in facts.items():
        client.hset(keys.provider(name), mapping=fields)
    lease = start_job(store, leases, queue, route=("a", *names))
    assert [leases.take_hedge(lease.job.id, lease.fence, (name,)) for name in names] == [None] * len(names)
    client.set(keys.PAUSED, "for repairs")
    assert leases.take_hedge(lease.job.id, lease.fence, ("a",)) is None
    client.delete(keys.PAUSED)
    assert leases.take_hedge(lease.job.id, lease.fence, ("a",)) == "a"


def test_a_stale_attempt_takes_and_gives_back_nothing(
    client: redis.Redis, store: JobStore, leases: Leases, queue: JobQueue
) -> None:
    stale = start_job(store, leases, queue, route=("a", "b"))
    store.change(stale.job.id, lambda _: events.Requeued(at=1.0, outcome="lost"))
    with pytest.raises(LeaseLost):
        leases.take_hedge(stale.job.id, stale.fence, ("b",))
    queue.choose()
    assert claim(store, leases, stale.job.id) is not None
    with pytest.raises(LeaseLost):
        leases.take_hedge(stale.job.id, stale.fence, ("b",))
    with pytest.raises(LeaseLost):
        leases.release_loser(stale.job.id, stale.fence, "b")
    assert busy(client, "a", "b") == [1, 0]


def test_a_hedge_can_be_the_one_job_that_goes_first(
    store: JobStore, provider_states: ProviderStates, measured: HealthStore, leases: Leases, queue: JobQueue
) -> None:
    provider_states.announce({"a": None, "b": None}, trial_seconds={"b": 60})
    lease = start_job(store, leases, queue, route=("a", "b"))
    assert leases.take_hedge(lease.job.id, lease.fence, ("b",)) == "b"
    add_job(store, route=("b",))
    assert queue.choose() == ()
    measured.works("b", lease.job.attempts[-1].started_at)
    assert len(queue.choose()) == 1


def test_a_record_that_cannot_be_read_keeps_no_other_from_a_list(client: redis.Redis, store: JobStore) -> None:
    good, bad = add_job(store).id, add_job(store).id
    client.hset(keys.job(bad), "doc", "{not JSON")
    with pytest.raises(msgspec.DecodeError):
        store.get_many([good, bad])
    pages, views = JobPages(store._connection), JobViews(store._connection, store)
    for wanted in (Wanted(), Wanted(model="echo")):
        part = pages.part("local", limit=10, wanted=wanted)
        assert [record.job.id for record, _ in views.looks(part.ids)] == [good]
