"""Who is sent next, and how much work the choice is: it grows with what is sent, not with what waits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs import events
from jobs.limits import UNLIMITED, Limits
from jobs.model import Priority
from jobs.record import keys
from jobs.record.connection import Connection, connect
from jobs.scheduling.health_store import HealthStore
from jobs.scheduling.provider_states import ProviderStates
from jobs.submissions import fair_user
from tests.support.records import Records
from tests.support.redis_servers import commands
from tests.support.sample_jobs import add_job

FAR: Final = 3600.0


def records(url: str, limits: Limits = UNLIMITED) -> Records:
    client = connect(url)
    client.flushdb()
    return Records(Connection(client), limits=limits)


def added(record: Records, owner: str = "key_a", user: str | None = None, **changes: Any) -> str:
    return add_job(record.store, owner=owner, user=fair_user(owner, user), **changes).id


# -- the work of a call ----------------------------------------------------------


def one_owner(record: Records, many: int) -> None:
    for _ in range(many):
        added(record)


def many_owners(record: Records, many: int) -> None:
    for number in range(many):
        added(record, f"key_{number}")


def many_users(record: Records, many: int) -> None:
    for number in range(many):
        added(record, user=f"user-{number}")


def a_token_each(record: Records, many: int) -> None:
    ProviderStates(record.connection).announce({"echo": 1}, {"echo": 60})
    for number in range(many):
        added(record, account=f"account-{number}")


def a_user_and_a_token_each(record: Records, many: int) -> None:
    for number in range(many):
        added(record, user=f"user-{number}", account=f"account-{number}")


def one_token_that_rests(record: Records, many: int) -> None:
    for number in range(many):
        added(record, user=f"user-{number}", account="one")
    HealthStore(record.connection).rest("echo", record.store.now() + FAR, "quota", "one")
    added(record, "key_b")


def tokens_that_rest(record: Records, many: int) -> None:
    for number in range(many):
        added(record, account=f"account-{number}")
        HealthStore(record.connection).rest("echo", record.store.now() + FAR, "quota", f"account-{number}")
    added(record, "key_b")


def tokens_that_rest_at_one_of_two(record: Records, many: int) -> None:
    ProviderStates(record.connection).announce({"echo": 1, "asleep": None})
    for number in range(many):
        added(record, f"key_{number % 7}", account=f"account-{number}", route=("asleep", "echo"))
        HealthStore(record.connection).rest("asleep", record.store.now() + FAR, "quota", f"account-{number}")


def owners_to_whom_one_of_two_is_closed(record: Records, many: int) -> None:
    shut = msgspec.json.encode({f"@key_{number}": 1000 * (record.store.now() + FAR) for number in range(50)})
    record.connection.client.hset(keys.provider("asleep"), "shut", shut)
    ProviderStates(record.connection).announce({"echo": 1, "asleep": None})
    for number in range(many):
        owner = f"key_{number % 50}"
        added(record, owner, f"user-{number}", route=("asleep", "echo"))


def owners_on_a_provider_that_rests(record: Records, many: int) -> None:
    HealthStore(record.connection).rest("asleep", record.store.now() + FAR, "quota")
    for number in range(many):
        added(record, f"key_{number}", route=("asleep",))
    added(record)


def users_on_a_provider_that_rests(record: Records, many: int) -> None:
    HealthStore(record.connection).rest("asleep", record.store.now() + FAR, "quota")
    for number in range(many):
        added(record, user=f"user-{number}", route=("asleep",))
    added(record, user="last")


def parked(record: Records, many: int) -> None:
    for _ in range(many):
        added(record, not_before=record.store.now() + FAR)


def parked_until_now(record: Records, many: int) -> None:
    for _ in range(many):
        added(record, not_before=record.store.now())


def providers_that_rest(record: Records, many: int) -> None:
    for number in range(many):
        HealthStore(record.connection).rest(f"p{number}", record.store.now() + FAR, "quota")
        added(record, f"key_{number}", route=(f"p{number}",))
    added(record)


def providers_with_room(record: Records, many: int) -> None:
    for number in range(many):
        added(record, f"key_{number}", route=(f"p{number}",))


def owners_at_their_limit(record: Records, many: int) -> None:
    record.leases.beat("all", many, 600, [])
    for number in range(many):
        added(record, f"key_{number}")
        added(record, f"key_{number}")
    while record.queue.choose():
        pass
    added(record, "key_last")


SHAPES: Final = [
    one_owner, many_owners, many_users, a_token_each, a_user_and_a_token_each, one_token_that_rests, tokens_that_rest,
    tokens_that_rest_at_one_of_two, owners_to_whom_one_of_two_is_closed,
    owners_on_a_provider_that_rests, users_on_a_provider_that_rests, parked, parked_until_now, providers_that_rest,
    providers_with_room, owners_at_their_limit,
]  # fmt: skip


def most_work(url: str, build: Callable[[Records, int], None], many: int) -> int:
    """The most commands of one call, of those that end the jobs' first seconds in the queue."""
    record = records(url, Limits(running=1) if build is owners_at_their_limit else UNLIMITED)
    build(record, many)
    record.leases.beat("w1", record.queue.overview().sent + 10, 600, [])

    def call() -> None:
        for job_id in record.queue.choose(10):
            record.leases.claim(job_id, "w1", 600, lambda job, _: job.input)

    counts = [commands(record.connection.client, call) for _ in range(4)]
    counts.append(commands(record.connection.client, record.queue.recheck))
    assert build is parked or record.queue.overview().running, "something is sent"
    return max(counts)


@pytest.mark.real
@pytest.mark.parametrize("build", SHAPES, ids=lambda build: build.__name__)
def test_the_work_does_not_grow_with_what_waits(redis_server: str, build: Callable[[Records, int], None]) -> None:
    few, many = (most_work(redis_server, build, size) for size in (700, 1400))
    assert many <= few * 1.1 + 10
    assert many < 6000


# -- whose turn it is ------------------------------------------------------------

PROVIDERS: Final = {"a": 1, "b": 2, "c": None}
LIMITS: Final = Limits(running=3, user_running=2)
OWNERS: Final = ("ann", "bob", "cid")


@dataclass
class Turns:
    """What the choice means, told simply: every owner, user and job is looked at each time."""

    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    running: dict[str, tuple[dict[str, Any], str]] = field(default_factory=dict)
    places: dict[tuple[str, ...], float] = field(default_factory=dict)
    served: dict[tuple[str, ...], int] = field(default_factory=dict)
    resting: frozenset[tuple[str, str | None]] = frozenset()
    tick: int = 0
    arrivals: int = 0

    def add(self, job_id: str, job: dict[str, Any]) -> None:
        for turn, name in ((("user", job["owner"]), job["user"]), (("owner",), job["owner"])):
            if (*turn, name) not in self.places:
                self.arrivals += 1
                entry = self.tick - 0.5 + self.arrivals * 4e-7
                self.places[*turn, name] = max(entry, self.served.get((*turn, name), -1))
        self.jobs[job_id] = job

    def holds(self, what: str, name: str) -> int:
        return sum(job[what] == name for job, _ in self.running.values())

    def provider(self, job: dict[str, Any]) -> str | None:
        for name in job["route"]:
            limit, busy = PROVIDERS[name], sum(at == name for _, at in self.running.values())
            if (name, job["account"]) not in self.resting and (limit is None or busy < limit):
                return str(name)
        return None

    def next(self) -> str | None:
        """The job that is sent next, and it is sent."""
        able = {
            job_id: job
            for job_id, job in self.jobs.items()
            if self.provider(job)
            and self.holds("owner", job["owner"]) < (LIMITS.running or 0)
            and (job["user"] == job["owner"] or self.holds("user", job["user"]) < (LIMITS.user_running or 0))
        }
        # Of each lane only its first job counts.
        lanes: dict[Any, list[str]] = {}
        for job_id, job in self.jobs.items():
            lanes.setdefault((job["user"], job["account"], job["route"]), []).append(job_id)
        firsts = {min(lane, key=lambda job_id: (self.jobs[job_id]["rank"], job_id)) for lane in lanes.values()}
        able = {job_id: job for job_id, job in able.items() if job_id in firsts}
        if not able:
            return None

        def turn(job_id: str) -> tuple[float, float, float]:
            job = able[job_id]
            return self.places["owner", job["owner"]], self.places["user", job["owner"], job["user"]], job["rank"]

        chosen = min(able, key=turn)
        job = self.jobs.pop(chosen)
        self.tick += 1
        for key in (("owner", job["owner"]), ("user", job["owner"], job["user"])):
            self.places[key] = self.served[key] = self.tick
        self.running[chosen] = (job, self.provider(job) or "")
        self.leave(job)
        return chosen

    def leave(self, job: dict[str, Any]) -> None:
        if not any(other["user"] == job["user"] for other in self.jobs.values()):
            self.places.pop(("user", job["owner"], job["user"]), None)
        if not any(other["owner"] == job["owner"] for other in self.jobs.values()):
            self.places.pop(("owner", job["owner"]), None)

    def end(self, job_id: str) -> None:
        del self.running[job_id]

    def cancel(self, job_id: str) -> None:
        self.leave(self.jobs.pop(job_id))


jobs = st.fixed_dictionaries(
    {
        "owner": st.sampled_from(OWNERS),
        "user": st.sampled_from([None, "1", "2"]),
        "route": st.sampled_from([("a",), ("a", "b"), ("b", "a"), ("c",), ("b", "c")]),
        "account": st.sampled_from([None, None, "x", "y"]),
        "priority": st.sampled_from(Priority),
    }
)
moves = st.one_of(
    jobs, jobs, jobs, st.just("send"), st.just("send"), st.tuples(st.just("end"), st.integers(0, 9)),
    st.tuples(st.just("cancel"), st.integers(0, 9)), st.tuples(st.just("slots"), st.integers(0, 4)),
)  # fmt: skip
RESTS: Final = st.frozensets(st.tuples(st.sampled_from(sorted(PROVIDERS)), st.sampled_from([None, "x"])), max_size=3)


@pytest.mark.real
@settings(
    max_examples=120, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)  # fmt: skip
@given(moves=st.lists(moves, min_size=10, max_size=60), resting=RESTS)
def test_those_who_can_be_served_are_served_in_turn(
    redis_server: str, moves: list[Any], resting: frozenset[tuple[str, str | None]]
) -> None:
    record = records(redis_server, LIMITS)
    ProviderStates(record.connection).announce(PROVIDERS)
    for provider, account in sorted(resting, key=str):
        HealthStore(record.connection).rest(provider, record.store.now() + FAR, "quota", account)
    model, slots, clock = Turns(resting=resting), 2, 1_700_000_000.0
    record.leases.beat("w1", slots, 600, [])
    for move in [*moves, ("slots", 9), "send"]:
        if isinstance(move, dict):
            # No two jobs have the same rank: which of them came first would be chance.
            clock += 7.003
            job = add_job(record.store, **{**move, "user": fair_user(move["owner"], move["user"])}, created_at=clock)
            head_start = {Priority.HIGH: 300, Priority.NORMAL: 0, Priority.LOW: -300}[move["priority"]]
            model.add(job.id, {**move, "user": job.user, "rank": clock - head_start})
        elif move == "send":
            expected = []
            while len(model.running) < slots and (chosen := model.next()):
                expected.append(chosen)
            assert list(record.queue.choose()) == expected
        elif move[0] == "slots":
            slots = move[1]
            record.leases.beat("w1", slots, 600, [])
        elif move[0] == "end" and model.running:
            job_id = list(model.running)[move[1] % len(model.running)]
            model.end(job_id)
            record.store.change(job_id, lambda _: events.Canceled(at=1.0))
        elif move[0] == "cancel" and model.jobs:
            job_id = list(model.jobs)[move[1] % len(model.jobs)]
            model.cancel(job_id)
            record.store.change(job_id, lambda _: events.Canceled(at=1.0))


@pytest.mark.real
def test_jobs_that_stand_nowhere_are_found(redis_server: str) -> None:
    """As after an upgrade: the queue of an earlier version shows nobody to the dispatch."""
    record = records(redis_server)
    ids = [added(record, f"key_{number}") for number in range(3)]
    client = record.connection.client
    shown = [key for key in client.scan_iter("dr:*") if b":pool" in key or b"pools" in key]
    assert shown
    client.delete(*shown, keys.TURN)
    record.leases.beat("w1", 10, 600, [])
    assert record.queue.choose() == ()
    record.queue.recheck()
    assert set(record.queue.choose()) == set(ids)
