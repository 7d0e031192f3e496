"""The record under any order of moves: nothing is in two places, nothing is forgotten, nothing final changes."""

from __future__ import annotations

import contextlib
import json
import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from jobs import events
from jobs.access.rates import DAY, Charge, Window
from jobs.errors import JobGone, LeaseLost
from jobs.ids import new_id
from jobs.limits import Limits
from jobs.model import Failure, Job, Priority, Status, Tombstone
from jobs.record import keys
from jobs.record.commit import lane_of
from jobs.record.connection import Connection
from jobs.record.messages import QUEUE
from jobs.record.types import Accepted, Lease
from jobs.scheduling.health_store import HealthStore
from jobs.scheduling.provider_states import ProviderStates
from jobs.states import apply
from tests.support.connections import RiggedConnection
from tests.support.records import Records

SLOTS = 3
LIMITS = {"a": 1, "b": 2, "c": None}
FAILURE = Failure(code="provider_busy", detail="full", retryable=True)
#: Has room for every request of a test.
REQUESTS = Window("submit", "submits_per_minute", 10**6, DAY)
LIMITS_OF_GROUPS = Limits(running=2, user_running=1)
accounts = st.sampled_from([None, "x", "y"])
users = st.sampled_from(["ann", "bob", "bob/1", "bob/2"])
routes = st.sampled_from([("a",), ("a", "b"), ("b", "a"), ("c",), ("gone",), ()])


class AnyMoves(RuleBasedStateMachine):
    """Every public move of the store, in any order, by anybody."""

    ids = Bundle("ids")
    taken = Bundle("taken")

    #: The database; one of its own where none is given.
    client: redis.Redis | None = None

    @initialize()
    def start(self) -> None:
        self.connection = RiggedConnection(self.client)
        self.redis = self.connection.client
        self.measured = HealthStore(self.connection)
        record = Records(self.connection, limits=LIMITS_OF_GROUPS)
        self.store, self.leases, self.queue, self.views = record.store, record.leases, record.queue, record.views
        #: Another process on the same database.
        self.other = Records(Connection(self.redis), limits=LIMITS_OF_GROUPS)
        self.first: dict[str, Job] = {}
        self.purged: set[str] = set()
        self.final: dict[str, bytes] = {}
        self.fences: dict[str, int] = {}
        ProviderStates(self.connection).announce(LIMITS, {"a": 60})
        self.leases.beat("w", SLOTS, 3600, [])

    # -- clients -------------------------------------------------------------

    # Few jobs, so that much happens to each.
    @precondition(lambda self: len(self.first) < 6)
    @rule(
        target=ids, user=users, route=routes, priority=st.sampled_from(Priority), late=st.booleans(), account=accounts,
        send=st.sampled_from([0, 1, 5]),
    )  # fmt: skip
    def submit(
        self, *, user: str, route: tuple[str, ...], priority: Priority, late: bool, account: str | None, send: int
    ) -> str:
        now = self.store.now()
        job = Job(
            id=new_id("job"), owner=user.partition("/")[0], user=user, model="m", route=route, given={}, input={}, created_at=now,
            priority=priority, deadline_at=now - 1 if late else None, has_credentials=account is not None, account=account,
        )  # fmt: skip
        charge = Charge(job.owner, [(REQUESTS, 1)])
        accepted = self.store.accept(job, b"locked" if account else None, charge=charge, send=send)
        assert (accepted.record.job, charge.spent.refused) == (job, None)
        self.first[job.id] = job
        if self.is_alone:
            assert accepted == Accepted(accepted.record, *self.views.look(job.id)[1:])
        return job.id

    @rule(job_id=ids)
    def cancel(self, job_id: str) -> None:
        def decide(job: Job) -> events.JobEvent | None:
            if job.status is Status.QUEUED:
                return events.Canceled(at=self.store.now())
            if job.status is Status.RUNNING:
                return events.CancelRequested(at=self.store.now())
            return None

        self.change(job_id, decide)

    @rule(job_id=ids)
    def delete(self, job_id: str) -> None:
        self.change(job_id, lambda job: None if job.status.is_terminal else events.Canceled(at=self.store.now()))
        self.purge(job_id)

    # -- workers -------------------------------------------------------------

    @rule(most=st.integers(1, 5))
    def dispatch(self, most: int) -> None:
        self.queue.choose(most)

    @rule(target=taken, job_id=ids, lapsed=st.booleans())
    def message(self, *, job_id: str, lapsed: bool) -> Lease | None:
        return self.claim(job_id, lapsed=lapsed)

    def claim(self, job_id: str, *, lapsed: bool) -> Lease | None:
        alone, sent = self.is_alone, self.redis.zscore(keys.SENT, job_id) is not None
        lease = self.leases.claim(job_id, "w", 0 if lapsed else 3600, lambda job, _: job.input)
        assert not alone or (lease is not None) == sent
        self.note_fence(lease)
        return lease

    def note_fence(self, lease: Lease | None) -> None:
        if lease is not None:
            assert lease.fence == self.fences.get(lease.job.id, 0) + 1
            self.fences[lease.job.id] = lease.fence

    @rule(target=taken)
    def work(self) -> Lease | None:
        """As a worker does it; the one that was sent last is kept for later moves."""
        lease = None
        for job_id in self.queue.choose():
            lease = self.claim(job_id, lapsed=False)
        return lease

    @rule(
        lease=taken,
        event=st.sampled_from(
            [
                events.Progressed(at=1.0, stage="generating", fraction=0.5),
                events.Logged(at=1.0, text="hello"),
                events.Noted(at=1.0, note="resumed"),
            ]
        ),
    )
    def report(self, lease: Lease | None, event: Any) -> None:
        self.write(lease, event)

    @rule(lease=taken, how=st.sampled_from(["succeeded", "failed", "canceled"]))
    def finish(self, lease: Lease | None, how: str) -> None:
        at = self.store.now()
        ends: dict[str, events.JobEvent] = {
            "succeeded": events.Succeeded(at=at, outputs=()),
            "failed": events.Failed(at=at, error=FAILURE),
            "canceled": events.Canceled(at=at),
        }
        self.write(lease, ends[how])

    @rule(lease=taken, wait=st.sampled_from([None, -1.0, 3600.0]), elsewhere=st.booleans())
    def give_back(self, *, lease: Lease | None, wait: float | None, elsewhere: bool) -> None:
        now = self.store.now()
        event = events.Requeued(
            at=now, outcome="failed", error=FAILURE, route=("b",) if elsewhere else None,
            not_before=None if wait is None else now + wait,
        )  # fmt: skip
        self.write(lease, event)

    @rule(lease=taken, provider=st.sampled_from(sorted(LIMITS)))
    def hedge(self, *, lease: Lease | None, provider: str) -> None:
        """As a race does it: a slot, then the event; at most one in an attempt."""
        if lease is None or (self.is_held(lease) and len(self.store.get(lease.job.id).job.running) != 1):
            return
        if self.is_held(lease) and self.store.get(lease.job.id).job.attempts[-1].provider == provider:
            return
        held = self.is_held(lease)
        try:
            taken = self.leases.take_hedge(lease.job.id, lease.fence, (provider,))
        except LeaseLost:
            assert not held or not self.is_alone
            return
        assert held
        if taken is not None:
            self.write(lease, events.Hedged(at=1.0, provider=taken, worker="w", input={}))

    @rule(lease=taken, first=st.booleans())
    def fail_one(self, *, lease: Lease | None, first: bool) -> None:
        if lease is None or not self.is_held(lease):
            return
        running = self.store.get(lease.job.id).job.running
        if len(running) == 2:
            ended, kept = running if first else reversed(running)
            failed = events.AttemptFailed(at=1.0, attempt=ended.n, error=FAILURE, route=(kept.provider,))
            self.write(lease, failed)
            self.leases.release_loser(lease.job.id, lease.fence, kept.provider)

    @rule(lease=taken)
    def checkpoint(self, lease: Lease | None) -> None:
        if lease is None:
            return
        try:
            self.leases.save_checkpoints(lease.job.id, lease.fence, {"a": {"n": 1}})
            self.leases.save_preview(lease.job.id, lease.fence, 0, b"x")
            assert self.is_held(lease) or not self.is_alone
        except LeaseLost:
            assert not self.is_held(lease)

    @rule(lease=taken)
    def beat(self, lease: Lease | None) -> None:
        if lease is not None:
            (state,) = self.leases.beat("w", SLOTS, 3600, [(lease.job.id, lease.fence)])
            assert (state > 0) == self.is_held(lease) or not self.is_alone

    # -- scheduler -----------------------------------------------------------

    @rule(job_id=ids, wait=st.sampled_from([None, -1.0, 3600.0]))
    def park(self, job_id: str, wait: float | None) -> None:
        now = self.store.now()
        event = events.Parked(at=now, reason="no_provider", until=None if wait is None else now + wait)
        self.change(job_id, lambda job: event if job.status is Status.QUEUED else None)

    @rule()
    def requeue_lost(self) -> None:
        for job_id in self.queue.lost():
            self.change(
                job_id,
                lambda job: events.Requeued(at=1.0, outcome="lost") if job.status is Status.RUNNING else None,
                lapsed=True,
            )

    @rule()
    def expire(self) -> None:
        for job_id in self.queue.overdue():
            self.change(
                job_id, lambda job: events.Expired(at=self.store.now()) if job.status is Status.QUEUED else None
            )

    @rule()
    def recheck(self) -> None:
        self.queue.recheck()

    @rule()
    def resend(self) -> None:
        self.queue.unsent(0.0)

    @rule(job_id=ids)
    def purge(self, job_id: str) -> None:
        try:
            job = self.store.get(job_id).job
        except JobGone:
            assert job_id in self.purged or not self.is_alone
            return
        stone = Tombstone(
            id=job_id, owner=job.owner, status=job.status, reason="deleted", finished_at=1.0, deleted_at=2.0
        )
        purged = self.store.purge(stone)
        assert purged == job.status.is_terminal or not self.is_alone
        if purged:
            assert self.store.purge(stone)
            self.purged.add(job_id)

    @rule(provider=st.sampled_from(sorted(LIMITS)), wait=st.sampled_from([-1.0, 3600.0]), account=accounts)
    def rest(self, provider: str, wait: float, account: str | None) -> None:
        self.measured.rest(provider, self.store.now() + wait, "quota", account)

    @rule(provider=st.sampled_from(sorted(LIMITS)), ago=st.sampled_from([0.0, 7200.0]), account=accounts)
    def show_life(self, provider: str, ago: float, account: str | None) -> None:
        self.measured.works(provider, self.store.now() - ago, account)

    @rule()
    def lose_answers(self) -> None:
        self.connection.lost_answers ^= {"commit", "accept"}

    # -- several clients at once -------------------------------------------------

    @rule(job_id=ids, what=st.sampled_from(["dispatch", "claim", "cancel", "park", "lost", "succeed"]))
    def meanwhile(self, job_id: str, what: str) -> None:
        """Another process is faster, after the next move has read and before it writes."""
        moves: dict[str, Callable[[], object]] = {
            "dispatch": self.other.queue.choose,
            "claim": lambda: self.note_fence(self.other.leases.claim(job_id, "w2", 0, lambda job, _: job.input)),
            "cancel": lambda: self.move(job_id, Status.QUEUED, events.Canceled(at=1.0)),
            "park": lambda: self.move(
                job_id, Status.QUEUED, events.Parked(at=1.0, reason="no_provider", until=self.other.store.now() - 1)
            ),
            "lost": lambda: self.move(job_id, Status.RUNNING, events.Requeued(at=1.0, outcome="lost"), lapsed=True),
            "succeed": lambda: self.move(job_id, Status.RUNNING, events.Succeeded(at=1.0, outputs=())),
        }
        self.connection.before.setdefault("commit", []).append(moves[what])

    def move(self, job_id: str, status: Status, event: events.JobEvent, **options: Any) -> None:
        with contextlib.suppress(JobGone):
            self.other.store.change(job_id, lambda job: event if job.status is status else None, **options)

    @property
    def is_alone(self) -> bool:
        return not self.connection.before.get("commit")

    # -- helpers -------------------------------------------------------------

    def change(self, job_id: str, decide: Any, **options: Any) -> None:
        try:
            self.store.change(job_id, decide, **options)
        except JobGone:
            assert job_id in self.purged or not self.is_alone

    def is_held(self, lease: Lease) -> bool:
        row: Any = self.redis.hmget(keys.job(lease.job.id), "status", "fence")
        return bool(row[0] == b"running" and int(row[1]) == lease.fence)

    def write(self, lease: Lease | None, event: events.JobEvent) -> None:
        if lease is None:
            return
        alone, held = self.is_alone, self.is_held(lease)
        try:
            self.store.change(lease.job.id, lambda _: event, fence=lease.fence)
            assert held
        except (LeaseLost, JobGone):
            assert not held or not alone

    def members(self, key: str) -> set[str]:
        kind = self.redis.type(key)
        found: Any = self.redis.smembers(key) if kind == b"set" else self.redis.zrange(key, 0, -1)
        return {member.decode() for member in found}

    # -- what always holds ---------------------------------------------------

    @invariant()
    def each_job_is_where_its_state_says(self) -> None:
        if not hasattr(self, "store"):
            return
        records = self.store.get_many(self.first)
        assert set(records) == set(self.first) - self.purged
        by = {status: {i for i, record in records.items() if record.job.status is status} for status in Status}
        sent, running, due = (self.members(key) for key in (keys.SENT, keys.RUNNING, keys.DUE))
        lanes = {key.decode(): self.members(key.decode()) for key in self.redis.scan_iter("dr:lane:*")}
        waiting = [member for members in lanes.values() for member in members]
        assert sorted([*waiting, *sent, *due]) == sorted(by[Status.QUEUED])
        assert self.members(keys.QUEUED) == by[Status.QUEUED]
        assert running == by[Status.RUNNING]
        assert self.members(keys.RETAIN) == {i for i, record in records.items() if record.job.status.is_terminal}
        assert self.members(keys.DEADLINE) == {i for i in by[Status.QUEUED] if records[i].job.deadline_at}
        assert all(i in lanes[f"dr:lane:{lane_of(record.job)}"] for i, record in records.items() if i in waiting), (
            "a job stands in another job's lane"
        )
        self.turns_match(lanes, {record.job.user: record.job.owner for record in records.values()})
        self.shown_match(lanes, {record.job.user: record.job.owner for record in records.values()})
        self.slots_match(sent, running)
        self.crowds_match("held", [records[i].job for i in sent | running])
        self.crowds_match("waiting", [records[i].job for i in by[Status.QUEUED]])
        self.requests_were_counted_once()
        assert sent <= {json.loads(row)["headers"]["id"] for row in self.connection.redis.lrange(QUEUE, 0, -1)}
        for i, record in records.items():
            self.log_tells_the_same(i, record.job)
            self.final_stays(i, record.job)
            assert record.job.status is Status.RUNNING or not self.redis.hexists(keys.job(i), "cancel")

    def turns_match(self, lanes: dict[str, set[str]], owners: dict[str, str]) -> None:
        standing: dict[str, set[str]] = {}
        for lane in lanes:
            name = lane.removeprefix("dr:lane:")
            standing.setdefault(name.partition("|")[0], set()).add(name)
        assert self.all_of("dr:lanes:") == standing
        users: dict[str, set[str]] = {}
        for user in standing:
            users.setdefault(owners[user], set()).add(user)
        assert self.all_of("dr:turn:") == users
        assert self.members(keys.TURN) == set(users)

    def shown_match(self, lanes: dict[str, set[str]], owners: dict[str, str]) -> None:
        """What a dispatch sees: each lane, but for those that all providers refuse, and of groups at their limit."""
        full = {group for groups in self.all_of("dr:full:").values() for group in groups}
        assert self.members(keys.FULL) == {group.partition("/")[0] for group in full}
        shown: dict[tuple[str, ...], dict[str, float]] = {}
        resting: dict[str, set[str]] = {}
        narrowed: set[str] = set()
        for lane in (name.removeprefix("dr:lane:") for name in lanes):
            user, *accounts, route = lane.split("|")
            account = accounts[0] if accounts else ""
            owner, pool = owners[user], f"+{route}" if account else route
            subject = account or f"@{owner}"
            if self.redis.zscore(keys.resting(subject, route), lane) is not None:
                resting.setdefault(f"{subject}|{route}", set()).add(lane)
                found: Any = self.redis.hget(keys.NARROWED, lane)
                if found is None:
                    continue
                pool = found.decode()
                narrowed.add(lane)
            rank = min(self.scored(keys.lane(lane)).values())
            shown.setdefault(("dr:poollanes", f"{pool}|{user}"), {})[lane] = rank
            shown.setdefault(("dr:userpools", user), {})[pool] = 0
            if user == owner or user not in full:
                place: Any = self.redis.zscore(keys.turn(owner), user)
                shown.setdefault(("dr:poolusers", f"{pool}|{owner}"), {})[user] = float(place)
                shown.setdefault(("dr:ownerpools", owner), {})[pool] = 0
                if owner not in full:
                    shown.setdefault(("dr:poolowners", pool), {})[owner] = self.scored(keys.TURN)[owner]
                    for provider in filter(None, pool.removeprefix("+").split(",")):
                        shown.setdefault(("dr:pools", provider), {})[pool] = 0
        families = ("dr:poollanes", "dr:userpools", "dr:poolusers", "dr:ownerpools", "dr:poolowners", "dr:pools")
        seen = {
            (family, name): self.scored(f"{family}:{name}") for family in families for name in self.all_of(f"{family}:")
        }
        assert seen == shown
        names: Any = self.redis.hkeys(keys.NARROWED)
        assert {name.decode() for name in names} == narrowed
        assert self.members(keys.POOLS) == {pool for family, pool in shown if family == "dr:poolowners"}
        assert self.all_of("dr:resting:") == resting
        assert self.members(keys.RESTING) == set(resting)
        assert {
            f"{account}|{route}" for account, routes in self.all_of("dr:rests:").items() for route in routes
        } == set(resting)

    def scored(self, key: str) -> dict[str, float]:
        if self.redis.type(key) == b"set":
            return dict.fromkeys(self.members(key), 0)
        rows: Any = self.redis.zrange(key, 0, -1, withscores=True)
        return {member.decode(): score for member, score in rows}

    def crowds_match(self, what: str, counted: list[Job]) -> None:
        groups: dict[str, set[str]] = {}
        for job in counted:
            for party in {job.owner, job.user}:
                groups.setdefault(party, set()).add(job.id)
        assert self.all_of(f"dr:{what}:") == groups
        for job in counted:
            limits = {
                job.owner: LIMITS_OF_GROUPS.running,
                **({job.user: LIMITS_OF_GROUPS.user_running} if job.user != job.owner else {}),
            }
            if what == "held":
                assert all(len(groups[party]) <= (limit or SLOTS) for party, limit in limits.items())

    def requests_were_counted_once(self) -> None:
        counted: dict[str, int] = {}
        for owner in {job.owner for job in self.first.values()}:
            found: Any = self.redis.hmget(keys.rate("submit", owner), "n", "before")
            counted[owner] = sum(map(int, found))
        assert counted == Counter(job.owner for job in self.first.values())

    def all_of(self, prefix: str) -> dict[str, set[str]]:
        names = [key.decode() for key in self.redis.scan_iter(f"{prefix}*")]
        return {name.removeprefix(prefix): self.members(name) for name in names}

    def slots_match(self, sent: set[str], running: set[str]) -> None:
        assert len(sent) + len(running) <= SLOTS
        holders: dict[str, set[str]] = {}
        for job_id in sent | running:
            held: Any = self.redis.hmget(keys.job(job_id), "provider", "hedge")
            ledger = [attempt.provider for attempt in self.store.get(job_id).job.running]
            assert job_id in sent or set(ledger) == {name.decode() for name in held if name is not None}
            for provider in filter(None, held):
                holders.setdefault(provider.decode(), set()).add(job_id)
        busy = {
            key.decode().removeprefix("dr:busy:"): self.members(key.decode())
            for key in self.redis.scan_iter("dr:busy:*")
        }
        assert busy == holders
        for provider, jobs in holders.items():
            limit = LIMITS[provider]
            assert limit is None or len(jobs) <= limit

    def log_tells_the_same(self, job_id: str, job: Job) -> None:
        replayed = self.first[job_id]
        for entry in self.store.log(job_id)[1:]:
            replayed = apply(replayed, entry.event)
        assert replayed == job

    def final_stays(self, job_id: str, job: Job) -> None:
        if job.status.is_terminal:
            doc: Any = self.redis.hget(keys.job(job_id), "doc")
            assert self.final.setdefault(job_id, doc) == doc
            assert not self.redis.exists(keys.secret(job_id))
        elif job.has_credentials:
            assert self.redis.exists(keys.secret(job_id))

    def teardown(self) -> None:
        """Whatever happened, what may run does run once there is room."""
        if not hasattr(self, "store"):
            return
        for provider in LIMITS:
            for key in (keys.provider(provider), keys.account("x", provider), keys.account("y", provider)):
                self.redis.hdel(key, "until")
        # The rests are over, and so is the time for which a dispatch trusts them.
        for name in self.members(keys.RESTING):
            self.redis.zadd(keys.RESTING, {name: 0})
        for name in self.members(keys.POOLS):
            self.redis.zadd(keys.POOLS, {name: 0})
        for _ in range(len(self.first) + SLOTS + 1):
            for job_id in self.members(keys.SENT):
                self.leases.claim(job_id, "w", 3600, lambda job, _: job.input)
            for job_id in self.members(keys.RUNNING):
                self.store.change(job_id, lambda _: events.Succeeded(at=1.0, outputs=()))
            self.queue.choose()
        left = self.store.get_many(self.members(keys.QUEUED) - self.members(keys.DUE))
        assert all(not set(record.job.route) & set(LIMITS) for record in left.values()), "a job is stuck"


TestAnyMoves = AnyMoves.TestCase
TestAnyMoves.settings = settings(
    max_examples=12, stateful_step_count=80, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)  # fmt: skip


class Crowd(AnyMoves):
    """The same moves by several clients at once on a real server: what a call finds may have changed when it returns."""

    is_alone = False

    def start(self) -> None:
        super().start()
        self.taken_fences: set[tuple[str, int]] = set()
        self.lock = threading.Lock()

    def note_fence(self, lease: Lease | None) -> None:
        if lease is not None:
            with self.lock:
                assert (lease.job.id, lease.fence) not in self.taken_fences
                self.taken_fences.add((lease.job.id, lease.fence))

    def play(self, dice: random.Random, moves: int) -> None:
        """One client's moves."""
        lease: Any = None
        for _ in range(moves):
            ids = [*self.first]
            job_id = dice.choice(ids) if ids else ""
            match dice.randrange(12):
                case 0 | 1 if len(ids) < 40:
                    self.submit(
                        user=dice.choice(["ann", "bob", "bob/1", "bob/2"]), route=dice.choice([("a",), ("a", "b"), ("c",)]),
                        priority=Priority.NORMAL, late=dice.random() < 0.1, account=dice.choice([None, "x"]),
                        send=dice.choice([0, 5]),
                    )  # fmt: skip
                case 2 | 3 | 4:
                    lease = self.work() or lease
                case 5 if ids:
                    lease = self.message(job_id=job_id, lapsed=dice.random() < 0.5) or lease
                case 6:
                    self.finish(lease, dice.choice(["succeeded", "failed", "canceled"]))
                case 7:
                    self.give_back(lease=lease, wait=dice.choice([None, -1.0]), elsewhere=dice.random() < 0.5)
                case 8 if ids:
                    dice.choice([self.cancel, self.purge])(job_id)
                case 9 if ids:
                    self.park(job_id, dice.choice([None, -1.0]))
                case 10:
                    dice.choice([self.requeue_lost, self.expire, self.resend, self.recheck])()
                case _:
                    self.checkpoint(lease)
                    self.rest("b", dice.choice([-1.0, 0.05]), dice.choice([None, "x"]))
                    self.show_life("b", 0.0, dice.choice([None, "x"]))


@pytest.mark.real
@pytest.mark.parametrize("seed", range(3))
def test_several_clients_at_once(redis_server: str, seed: int) -> None:
    crowd = Crowd()
    crowd.client = redis.Redis.from_url(redis_server)
    crowd.client.flushdb()
    crowd.start()
    with ThreadPoolExecutor(6) as pool:
        clients = [pool.submit(crowd.play, random.Random(f"{seed} {number}"), 250) for number in range(6)]
        for client in clients:
            client.result()
    crowd.each_job_is_where_its_state_says()
    AnyMoves.teardown(crowd)
    crowd.client.close()
