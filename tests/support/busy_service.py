"""A service on whose record everybody makes random moves, with a clock of its own; and what must hold after them."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import redis

from jobs import events
from jobs.limits import Limits
from jobs.model import Failure, Job, Priority, Status
from jobs.record import keys
from jobs.record.job_queue import SENT_TOGETHER
from jobs.record.types import Accepted, Lease
from jobs.scheduling import health
from jobs.scheduling.circuits import subject_of
from jobs.scheduling.health_store import HealthStore
from jobs.scheduling.pauses import Pauses
from jobs.scheduling.provider_states import ProviderStates
from tests.support.clocked import ClockedConnection
from tests.support.records import Records, take_messages
from tests.support.sample_jobs import make_job

PROVIDERS: Final = {"a": 1, "b": 2, "c": None, "d": 1, "e": 3}
ROUTES: Final = [("a",), ("a", "b"), ("b", "a"), ("c",), ("a", "d", "e"), ("e", "a"), ("d", "b"), ("d", "a"), ("gone",)]
USERS: Final = ["ann", "ann/1", "ann/2", "bob", "bob/1", "cid"]
LONG: Final = 10**7
BROKEN: Final = Failure(code="provider_error", detail="boom")


class Service:
    """Random moves of everybody, and what must hold after them."""

    def __init__(self, client: redis.Redis, dice: random.Random) -> None:
        self.client, self.dice = client, dice
        self.connection = ClockedConnection(client)
        self.limits = Limits(running=6, user_running=4)
        self.record = Records(self.connection, limits=self.limits)
        self.measured, self.states = HealthStore(self.connection), ProviderStates(self.connection)
        self.pauses = Pauses(self.connection)
        self.trials = {name: 60 for name in PROVIDERS if dice.random() < 0.4}
        self.states.announce(PROVIDERS, self.trials)
        self.leases: dict[str, Lease] = {}
        self.set_slots(dice.choice([3, 30, 30]))

    def set_slots(self, slots: int) -> None:
        self.slots = slots
        self.record.leases.beat("w", slots, LONG, [])

    def move(self) -> None:
        moves = [self.submit] * 4 + [self.choose] * 2 + [self.end] * 3
        moves += [self.cancel, self.park, self.wait, self.rest, self.fail, self.operate, self.hedge, self.reconfigure]
        self.dice.choice(moves)()

    # -- moves -----------------------------------------------------------------

    def submit(self) -> None:
        job = self.new_job()
        self.accept(job, self.dice.choice([0, SENT_TOGETHER]))

    def new_job(self) -> Job:
        user, now = self.dice.choice(USERS), self.connection.now()
        return make_job(
            owner=user.partition("/")[0], user=user, route=self.dice.choice(ROUTES), created_at=now,
            account=self.dice.choice([None, "x", "y"]), priority=self.dice.choice(list(Priority)),
        )  # fmt: skip

    def accept(self, job: Job, send: int) -> Accepted:
        """Accept a job, and run what is sent with it."""
        with self.nobody_gets_too_much():
            accepted = self.record.store.accept(job, send=send)
            self.claim(take_messages(self.connection))
        return accepted

    def choose(self) -> None:
        with self.nobody_gets_too_much():
            chosen = self.record.queue.choose()
            assert list(chosen) == take_messages(self.connection)
            self.claim(chosen)

    @contextmanager
    def nobody_gets_too_much(self) -> Iterator[None]:
        before = {name: self.client.scard(keys.busy(name)) for name in PROVIDERS}
        room = {name: self.room(name) for name in PROVIDERS}
        yield
        for name in PROVIDERS:
            assert self.client.scard(keys.busy(name)) - before[name] <= max(0, room[name])

    def claim(self, sent: Sequence[str]) -> None:
        assert not sent or self.free >= 0
        for job_id in sent:
            lease = self.record.leases.claim(job_id, "w", LONG, lambda job, _: job.input)
            assert lease is not None
            self.leases[job_id] = lease
            job = lease.job
            assert self.client.scard(keys.held(job.owner)) <= (self.limits.running or math.inf)
            if job.user != job.owner:
                assert self.client.scard(keys.held(job.user)) <= (self.limits.user_running or math.inf)

    @property
    def free(self) -> int:
        return int(self.slots - self.client.zcard(keys.RUNNING) - self.client.zcard(keys.SENT))

    def end(self) -> None:
        if not self.leases:
            return
        job_id, lease = self.leases.popitem()
        job, now = self.record.store.get(job_id).job, self.connection.now()
        provider, subject = job.attempts[-1].provider, subject_of(job.owner, job.account)
        ends: list[events.JobEvent] = [
            events.Succeeded(at=now, outputs=()), events.Canceled(at=now), events.Requeued(at=now, outcome="lost"),
            events.Requeued(at=now, outcome="failed", error=BROKEN, route=("b",)),
            events.Requeued(at=now, outcome="handed_back", not_before=now + 0.5),
        ]  # fmt: skip
        event = self.dice.choice(ends)
        self.record.store.change(job_id, lambda _: event, fence=lease.fence)
        if isinstance(event, events.Succeeded):
            self.measured.update(provider, lambda known, at: health.succeeded(known, 0.1, 1.0, at, subject))
            self.measured.works(provider, now, job.account)
        elif isinstance(event, events.Requeued) and event.error:
            self.measured.rest(provider, now + self.dice.choice([0.3, 100]), "provider_quota", job.account)

    def some_queued(self) -> str | None:
        found: Any = self.client.zrange(keys.QUEUED, 0, 9)
        return self.dice.choice(found).decode() if found else None

    def cancel(self) -> None:
        if job_id := self.some_queued():
            self.record.store.change(job_id, lambda _: events.Canceled(at=self.connection.now()))

    def park(self) -> None:
        if job_id := self.some_queued():
            until = self.connection.now() + self.dice.choice([-1, 0.5, 3])
            event = events.Parked(at=self.connection.now(), reason="no_provider", until=until)
            self.record.store.change(job_id, lambda _: event)

    def wait(self) -> None:
        self.connection.pass_ms(self.dice.choice([10, 10, 200, 900, 3000, 61_000]))

    def rest(self) -> None:
        provider, account = self.dice.choice(list(PROVIDERS)), self.dice.choice([None, "x", "x", "y", "y"])
        if self.dice.random() < 0.1:
            self.measured.works(provider, self.connection.now(), account)
        else:
            until = self.connection.now() + self.dice.choice([-1, 0.3, 3600, 3600])
            self.measured.rest(provider, until, "provider_quota", account)

    def fail(self) -> None:
        provider, subject = self.dice.choice(list(PROVIDERS)), self.dice.choice(["@ann", "@bob", "x"])
        for _ in range(self.dice.choice([1, 5])):
            self.measured.update(provider, lambda known, at: health.failed(known, BROKEN, at, subject))

    def operate(self) -> None:
        provider, change = self.dice.choice(list(PROVIDERS)), self.dice.choice([None, "an endpoint is gone"])
        match self.dice.randrange(5):
            case 0:
                self.pauses.hold(provider, "draining", by="me")
            case 1:
                self.pauses.resume(provider)
            case 2:
                self.pauses.limit(provider, self.dice.choice([None, 1, 5]), by="me")
            case 3:
                self.pauses.resume() if self.client.exists(keys.PAUSED) else self.pauses.pause()
            case _:
                self.measured.update(provider, lambda known, at: health.probed(known, "s", change, at))

    def hedge(self) -> None:
        if not self.leases:
            return
        job_id, lease = self.dice.choice(list(self.leases.items()))
        job, other = self.record.store.get(job_id).job, self.dice.choice(list(PROVIDERS))
        if len(job.running) != 1 or job.running[0].provider == other:
            return
        taken = self.record.leases.take_hedge(job_id, lease.fence, (other,))
        if taken is None:
            return
        hedged = events.Hedged(at=1.0, provider=taken, worker="w", input={})
        ended, kept = self.record.store.change(job_id, lambda _: hedged, fence=lease.fence).job.running
        if self.dice.random() < 0.5:
            ended, kept = kept, ended
        failed = events.AttemptFailed(at=1.0, attempt=ended.n, error=BROKEN, route=(kept.provider,))
        self.record.store.change(job_id, lambda _: failed, fence=lease.fence)
        self.record.leases.release_loser(job_id, lease.fence, kept.provider)

    def reconfigure(self) -> None:
        match self.dice.randrange(3):
            case 0:
                self.states.announce(
                    {name: n for name, n in PROVIDERS.items() if self.dice.random() < 0.8}, self.trials
                )
            case 1:
                self.set_slots(self.dice.choice([0, 1, 30, 30]))
            case _:
                self.limits = Limits(
                    running=self.dice.choice([1, 6, None]), user_running=self.dice.choice([1, 4, None])
                )
                self.record = Records(self.connection, limits=self.limits)

    # -- what must hold ----------------------------------------------------------

    def fields(self, key: str, *names: str) -> list[str]:
        found: Any = self.client.hmget(key, *names)
        return [(field or b"").decode() for field in found]

    def room(self, provider: str) -> float:
        limit, cap, paused, opens = self.fields(keys.provider(provider), "limit", "cap", "paused", "open")
        absent = self.client.exists(keys.PROVIDERS) and not self.client.sismember(keys.PROVIDERS, provider)
        if absent or paused or self.is_later(opens):
            return 0
        most = min(float(cap or limit or math.inf), 1 if opens else math.inf)
        return most - self.client.scard(keys.busy(provider))

    def is_later(self, moment: str) -> bool:
        return float(moment or 0) > self.connection.now() * 1000

    def takes(self, provider: str, job: Job) -> bool:
        (wary, shut) = self.fields(keys.provider(provider), "wary", "shut")
        quota = keys.account(job.account, provider) if job.account else keys.provider(provider)
        until, works, scout, scouted = self.fields(quota, "until", "works", "scout", "scouted")
        if self.room(provider) <= 0 or self.is_later(until):
            return False
        on_trial = scout and self.client.sismember(keys.busy(provider), scout)
        waits = until or (wary and self.is_later(str(float(scouted or 0) + float(wary))))
        if on_trial and waits and not self.is_later(works):
            return False
        closed = json.loads(shut or "{}").get(subject_of(job.owner, job.account))
        if closed is None:
            return True
        probes = self.client.sinter([keys.busy(provider), keys.held(job.owner)])
        return not self.is_later(str(closed)) and not probes

    def could_run(self, job: Job) -> bool:
        if self.client.scard(keys.held(job.owner)) >= (self.limits.running or math.inf):
            return False
        if job.user != job.owner and self.client.scard(keys.held(job.user)) >= (self.limits.user_running or math.inf):
            return False
        last = {name for name in job.route if self.fields(keys.provider(name), "shun") == ["1"]}
        usable = [name for name in job.route if name not in last or len(last) == len(job.route)]
        return any(self.takes(name, job) for name in usable)

    def waits_in_vain(self) -> list[Job]:
        if self.client.exists(keys.PAUSED) or self.free <= 0:
            return []
        ids: Any = self.client.zrange(keys.QUEUED, 0, -1)
        parked: Any = self.client.zrangebyscore(keys.DUE, self.connection.now() * 1000, "+inf")
        found = self.record.store.get_many(job_id.decode() for job_id in ids if job_id not in parked)
        return [
            record.job for record in found.values() if record.job.status is Status.QUEUED and self.could_run(record.job)
        ]
