"""Deliveries in the store, on fakeredis and on a real server."""

from __future__ import annotations

import msgspec
import pytest
import redis

from jobs import events
from jobs.ids import new_id
from jobs.model import Job, Output, Tombstone, Webhook
from jobs.record import keys
from jobs.record.connection import Connection
from jobs.record.job_queue import JobQueue
from jobs.record.leases import Leases
from jobs.record.store import JobStore
from jobs.vault import Vault
from jobs.webhooks.deliveries import TEST, Call, Delivery, again, settled
from jobs.webhooks.notices import message
from jobs.webhooks.outbox import Outbox, Taken
from jobs.webhooks.secrets import OVERLAP_SECONDS, Secrets
from tests.support.connections import RiggedConnection
from tests.support.sample_jobs import add_job

SUCCESS = (Output(index=0, kind="text", text="hello"),)


@pytest.fixture
def outbox(connection: Connection) -> Outbox:
    return Outbox(connection)


def hooked(store: JobStore, host: str = "a.example.com", wanted: tuple[str, ...] = (), owner: str = "key_1") -> Job:
    webhook = Webhook(host=host, target="locked", base="http://here", events=wanted)
    return add_job(store, owner=owner, webhook=webhook)


def end(store: JobStore, job: Job) -> None:
    store.change(job.id, lambda _: events.Canceled(at=store.now()))


def take(
    outbox: Outbox, most: int = 100, *, per_host: int = 100, per_owner: int = 100, lease: float = 60
) -> tuple[Taken, ...]:
    return outbox.take(most, lease_seconds=lease, per_host=per_host, per_owner=per_owner)


def test_the_end_of_a_job_and_its_delivery_come_together(store: JobStore, outbox: Outbox) -> None:
    job = hooked(store)
    assert (outbox.deliveries(job.id), take(outbox)) == ((), ())
    end(store, job)
    (delivery,) = outbox.deliveries(job.id)
    assert (delivery.type, delivery.state, delivery.calls) == ("job.canceled", "pending", ())
    (taken,) = take(outbox)
    assert taken.delivery == delivery
    assert msgspec.json.decode(taken.body)["data"]["status"] == store.get(job.id).job.status == "canceled"


def test_what_is_taken_is_taken_by_one_until_its_lease_ends(store: JobStore, outbox: Outbox) -> None:
    job = hooked(store)
    end(store, job)
    (first,) = take(outbox, lease=0.001)
    (second,) = retaken(outbox)
    assert take(outbox) == ()
    assert first.delivery.id == second.delivery.id
    done = settled(first.delivery, Call(at=1.0, status=200))
    assert not outbox.settle(first, done), "its lease was over"
    assert outbox.deliveries(job.id)[0].state == "pending"
    assert outbox.settle(second, done)
    assert outbox.deliveries(job.id) == (done,)
    assert take(outbox) == ()


def retaken(outbox: Outbox) -> tuple[Taken, ...]:
    for _ in range(1000):
        if found := take(outbox):
            return found
    raise AssertionError("it never came back")


def test_what_is_no_delivery_stands_in_nobodys_way(client: redis.Redis, store: JobStore, outbox: Outbox) -> None:
    job = hooked(store)
    end(store, job)
    due, sent = keys.hooks_due("key_1", "a.example.com"), keys.hooks_sent("key_1")
    client.zadd(due, {b"\xff\xfe": 1, b"job_\xff/msg_1": 1, b"odd": 1})
    client.zadd(sent, {b"odd": 1, b"\xff": 1})
    assert [taken.delivery.holder for taken in take(outbox)] == [job.id]
    assert not client.zcard(due)
    assert client.zcard(sent) == 1


def test_a_failed_delivery_comes_back_when_its_time_comes(store: JobStore, outbox: Outbox) -> None:
    job = hooked(store)
    end(store, job)
    (taken,) = take(outbox)
    now = store.now()
    later = msgspec.structs.replace(taken.delivery, next_at=now + 100)
    assert outbox.settle(taken, later)
    assert take(outbox) == ()
    assert outbox.redeliver(job.id, taken.delivery.id) is not None
    (sooner,) = take(outbox)
    assert outbox.settle(sooner, msgspec.structs.replace(sooner.delivery, next_at=now - 1))
    assert [one.delivery.id for one in take(outbox)] == [taken.delivery.id]


def test_a_slow_host_holds_up_nobody_else(store: JobStore, outbox: Outbox) -> None:
    slow = [hooked(store, "slow.example.com") for _ in range(6)]
    for job in slow:
        end(store, job)
    end(store, hooked(store, "quick.example.com"))
    first = take(outbox, per_host=2)
    assert sorted(one.delivery.host for one in first) == ["quick.example.com", "slow.example.com", "slow.example.com"]
    assert take(outbox, per_host=2) == ()
    busy = next(one for one in first if one.delivery.host == "slow.example.com")
    outbox.settle(busy, settled(busy.delivery, Call(at=1.0, status=200)))
    assert [one.delivery.host for one in take(outbox, per_host=2)] == ["slow.example.com"]


def test_an_owner_of_thousands_holds_up_nobody_else(store: JobStore, outbox: Outbox) -> None:
    for n in range(30):
        end(store, hooked(store, f"{n}.example.com"))
    first = take(outbox, per_owner=4)
    assert len(first) == 4, "so many at once, whatever the number of hosts"
    end(store, hooked(store, "0.example.com", owner="key_2"))
    (other,) = take(outbox, per_owner=4)
    assert (other.delivery.owner, other.delivery.host) == ("key_2", "0.example.com")
    outbox.settle(first[0], settled(first[0].delivery, Call(at=1.0, status=200)))
    (following,) = take(outbox, per_owner=4)
    assert following.delivery.owner == "key_1"


def test_owners_and_their_hosts_take_turns(client: redis.Redis, store: JobStore, outbox: Outbox) -> None:
    for owner in ("key_1", "key_2", "key_3"):
        for n in range(4):
            end(store, hooked(store, f"{n % 2}.example.com", owner=owner))
    served = []
    for _ in range(12):
        (one,) = take(outbox, 1)
        served.append((one.delivery.owner, one.delivery.host))
        outbox.settle(one, settled(one.delivery, Call(at=1.0, status=200)))
    assert take(outbox) == ()
    for turn in range(4):
        assert {owner for owner, _ in served[3 * turn : 3 * turn + 3]} == {"key_1", "key_2", "key_3"}
    assert [host for owner, host in served if owner == "key_1"][:2] in (
        ["0.example.com", "1.example.com"],
        ["1.example.com", "0.example.com"],
    )
    for left in ("dr:hookowners", "dr:hookhosts:*", "dr:hookdue:*", "dr:hooksent:*"):
        assert client.keys(left) == []


def test_no_more_are_taken_than_asked_for(store: JobStore, outbox: Outbox) -> None:
    for n in range(10):
        end(store, hooked(store, f"{n % 3}.example.com"))
    counts = [len(take(outbox, 4)) for _ in range(4)]
    assert counts == [4, 4, 2, 0]


def test_progress_is_thinned_out_and_the_end_is_not(
    store: JobStore, outbox: Outbox, leases: Leases, queue: JobQueue
) -> None:
    job = hooked(store, wanted=("job.started", "job.progress", "job.output", "job.succeeded"))
    leases.beat("w", 10, 60, [])
    queue.choose()
    lease = leases.claim(job.id, "w", 60, lambda job, _: job.input)
    assert lease is not None
    for step in range(20):
        event = events.Progressed(at=store.now(), stage="generating", step=step)
        store.change(job.id, lambda _, event=event: event, fence=lease.fence)  # type: ignore[misc]
    store.change(job.id, lambda _: events.Succeeded(at=store.now(), outputs=SUCCESS), fence=lease.fence)
    types = sorted(delivery.type for delivery in outbox.deliveries(job.id))
    assert types == ["job.output", "job.progress", "job.started", "job.succeeded"]
    assert len(take(outbox)) == 4


def test_deliveries_go_with_the_job(client: redis.Redis, store: JobStore, outbox: Outbox) -> None:
    job = hooked(store)
    end(store, job)
    now = store.now()
    stone = Tombstone(
        id=job.id, owner="key_1", status=store.get(job.id).job.status, reason="deleted", finished_at=now, deleted_at=now
    )
    store.purge(stone)
    assert outbox.deliveries(job.id) == ()
    assert take(outbox) == ()
    left = client.keys("dr:hook*")
    assert left == []


def test_a_job_that_is_deleted_during_a_call_leaves_nothing(
    client: redis.Redis, store: JobStore, outbox: Outbox
) -> None:
    job = hooked(store)
    end(store, job)
    (taken,) = take(outbox)
    client.delete(f"dr:hooks:{job.id}")
    outbox.settle(taken, msgspec.structs.replace(taken.delivery, next_at=1.0))
    assert take(outbox) == ()
    assert client.exists(f"dr:hooks:{job.id}") == 0


def test_any_delivery_can_be_made_again_under_its_old_id(store: JobStore, outbox: Outbox) -> None:
    job = hooked(store)
    end(store, job)
    (taken,) = take(outbox)
    assert outbox.redeliver(job.id, taken.delivery.id) == taken.delivery, "it is being made already"
    outbox.settle(taken, settled(taken.delivery, Call(at=1.0, status=200)))
    renewed = outbox.redeliver(job.id, taken.delivery.id)
    assert renewed is not None
    assert renewed.state == "pending"
    (second,) = take(outbox)
    assert (second.delivery.id, second.body) == (taken.delivery.id, taken.body)
    assert second.delivery == again(second.delivery, second.delivery.next_at or 0)
    assert outbox.redeliver(job.id, "msg_unknown") is None
    assert outbox.redeliver("job_unknown", taken.delivery.id) is None


def test_a_test_belongs_to_no_job_and_does_not_stay(client: redis.Redis, store: JobStore, outbox: Outbox) -> None:
    now = store.now()
    delivery = Delivery(
        id=new_id("msg"), holder="test_1", owner="key_1", type=TEST, host="h.example.com", target="t",
        created_at=now, next_at=now,
    )  # fmt: skip
    outbox.add_test(delivery, message(TEST, now))
    assert outbox.get("test_1", delivery.id) == delivery
    assert 0 < client.ttl("dr:hooks:test_1") <= 3600
    assert [one.delivery for one in take(outbox)] == [delivery]


def test_an_address_that_is_gone_is_remembered_for_its_owner_only(outbox: Outbox) -> None:
    outbox.set_gone("key_1", "https://h.example.com/?secret", gone=True)
    assert outbox.is_gone("key_1", "https://h.example.com/?secret")
    assert not outbox.is_gone("key_2", "https://h.example.com/?secret")
    outbox.set_gone("key_1", "https://h.example.com/?secret", gone=False)
    assert not outbox.is_gone("key_1", "https://h.example.com/?secret")


def test_a_secret_is_made_once_kept_encrypted_and_replaced_with_an_overlap(
    client: redis.Redis, connection: Connection
) -> None:
    secrets = Secrets(connection, Vault(b"k" * 32))
    (first,) = secrets.valid("key_1")
    assert secrets.valid("key_1") == (first,)
    assert secrets.valid("key_2") != (first,)
    second = secrets.rotate("key_1")
    assert secrets.valid("key_1") == (second, first)
    kept = client.hgetall("dr:hooksecrets")
    assert first.removeprefix("whsec_").encode() not in repr(kept).encode()


def test_an_old_secret_ends_after_a_day(connection: RiggedConnection) -> None:
    secrets = Secrets(connection, Vault(b"k" * 32))
    (first,) = secrets.valid("key_1")
    second = secrets.rotate("key_1")
    connection.ahead = OVERLAP_SECONDS - 60
    assert secrets.valid("key_1") == (second, first)
    connection.ahead = OVERLAP_SECONDS + 60
    assert secrets.valid("key_1") == (second,)


def test_rotating_again_and_again_keeps_a_few(connection: Connection) -> None:
    secrets = Secrets(connection, Vault(b"k" * 32))
    made = [secrets.rotate("key_1") for _ in range(10)]
    assert secrets.valid("key_1") == tuple(reversed(made))[:4]


def test_the_number_of_pending_deliveries_is_kept_and_not_counted_each_time(
    store: JobStore, outbox: Outbox, client: redis.Redis
) -> None:
    assert outbox.pending() == 0
    jobs = [hooked(store, f"{number % 3}.example.com", owner=f"key_{number % 4}") for number in range(12)]
    for number, job in enumerate(jobs, 1):
        end(store, job)
        assert outbox.pending() == number
    # One is over, one is tried again, one is redelivered, and the lease of one ends.
    over, later, again_now, lost = take(outbox, 4, lease=0.0)
    assert outbox.pending() == 12
    assert outbox.settle(over, msgspec.structs.replace(over.delivery, state="delivered", next_at=None))
    assert outbox.pending() == 11
    assert outbox.settle(later, msgspec.structs.replace(later.delivery, next_at=store.now() + 60))
    outbox.give_back(again_now)
    assert outbox.redeliver(again_now.delivery.holder, again_now.delivery.id)
    assert outbox.redeliver(over.delivery.holder, over.delivery.id)
    assert outbox.pending() == 12
    assert lost.delivery.id in {taken.delivery.id for taken in take(outbox)}
    assert outbox.pending() == 12
    client.set(keys.HOOKS_PENDING, b"7")
    assert outbox.pending() == 7
    client.delete(keys.HOOKS_PENDING)
    assert outbox.pending() == 12
