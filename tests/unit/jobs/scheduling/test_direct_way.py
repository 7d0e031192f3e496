"""A new job that can be served at once does not enter the turns to leave them again. What comes of it is the same."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
import redis
from msgspec import structs

from jobs.access.rates import DAY, MINUTE, Charge, Window
from jobs.ids import new_id
from jobs.model import Job
from jobs.record import keys
from jobs.record.connection import Connection, connect
from jobs.record.job_queue import SENT_TOGETHER
from jobs.record.messages import QUEUE
from jobs.record.types import Accepted, QueuePlace
from jobs.scheduling.provider_states import ProviderStates
from tests.support.busy_service import Service
from tests.support.records import Records, take_messages
from tests.support.redis_servers import commands
from tests.support.sample_jobs import make_job

#: The scores of those who wait have a fraction, the number of their arrival, which orders them. The direct way counts no
#: arrival, so the fractions differ, and their order does not.
TURNS: Final = (b"dr:turn", b"dr:poolowners:", b"dr:poolusers:")
#: Chance, and the server's own clock.
BY_CHANCE: Final = {b"op", b"oe"}


class Twin(Service):
    """One of two services where the same happens; only how jobs enter them differs."""

    def __init__(self, client: redis.Redis, seed: int, ids: list[str]) -> None:
        super().__init__(client, random.Random(seed))
        self._ids = iter(ids)
        self.was_open = True
        self.entered: dict[str, Any] = {}
        self.place: QueuePlace | None = None

    def new_job(self) -> Job:
        return structs.replace(super().new_job(), id=next(self._ids))

    def accept(self, job: Job, send: int) -> Accepted:  # noqa: ARG002 - `enter` says how it is sent
        self.was_open = self.free > 0 and not self.client.exists(keys.PAUSED)
        with self.nobody_gets_too_much():
            accepted = self.enter(job)
            self.entered, self.place = self.everything(), accepted.place
            self.claim(take_messages(self.connection))
        return accepted

    def take_entered(self) -> dict[str, Any]:
        """What was in the database right after the job entered; empty: none did."""
        entered, self.entered = self.entered, {}
        return entered

    def enter(self, job: Job) -> Accepted:
        """As a client's request does it."""
        return self.record.store.accept(job, send=SENT_TOGETHER)

    def reconfigure(self) -> None:
        super().reconfigure()
        # Who was at a limit that is another now waits for this, on the long way.
        self.record.queue.recheck()

    def everything(self) -> dict[str, Any]:
        """All keys with what they hold."""
        names = sorted(name for name in self.client.scan_iter(count=1000) if name != keys.ARRIVALS.encode())
        pipe = self.client.pipeline(transaction=False)
        for name in names:
            pipe.type(name)
        for name, kind in zip(names, pipe.execute(), strict=True):
            READ[kind](pipe, name)
        return {name.decode(): told(name, value) for name, value in zip(names, pipe.execute(), strict=True)}


#: How a key of each type is read.
READ: Final[dict[bytes, Callable[[Any, bytes], object]]] = {
    b"hash": lambda pipe, name: pipe.hgetall(name),
    b"zset": lambda pipe, name: pipe.zrange(name, 0, -1, withscores=True),
    b"set": lambda pipe, name: pipe.smembers(name),
    b"stream": lambda pipe, name: pipe.xrange(name),
    b"list": lambda pipe, name: pipe.lrange(name, 0, -1),
    b"string": lambda pipe, name: pipe.get(name),
}


def told(name: bytes, value: Any) -> Any:
    """The value of a key without what chance or the server's own clock brings into it, and without arrivals."""
    if name.startswith(b"dr:events:"):
        return [fields for _, fields in value]
    if name.startswith(TURNS):
        return [(member, math.floor(score), score.is_integer()) for member, score in value]
    if name.startswith(b"dr:job:"):
        return {field: text for field, text in value.items() if field not in BY_CHANCE}
    return value


class LongWay(Twin):
    """Each job enters the turns, and is chosen then."""

    def enter(self, job: Job) -> Accepted:
        accepted = self.record.store.accept(job)
        self.record.queue.choose()
        return Accepted(accepted.record, self.record.views.look(job.id)[1])


@pytest.fixture
def databases(redis_server: str) -> Iterator[list[redis.Redis]]:
    clients = [connect(redis_server.removesuffix("0") + str(number)) for number in (0, 1)]
    for client in clients:
        client.flushdb()
    yield clients
    for client in clients:
        client.flushdb()
        client.close()


@pytest.mark.real
@pytest.mark.parametrize("seed", [3, 5, *(pytest.param(more, marks=pytest.mark.soak) for more in (6, 7, 8))])
def test_both_ways_come_to_the_same(databases: list[redis.Redis], seed: int) -> None:
    dice, ids = random.Random(seed), [new_id("job") for _ in range(300)]
    short, long = Twin(databases[0], seed, ids), LongWay(databases[1], seed, ids)
    direct = 0
    for _ in range(250):
        arrivals = short.client.get(keys.ARRIVALS)
        short.move()
        long.move()
        entered, expected = short.take_entered(), long.take_entered()
        if not entered or not expected:
            continue
        assert (entered.get(QUEUE), short.place) == (expected.get(QUEUE), long.place)
        direct += QUEUE in entered and short.client.get(keys.ARRIVALS) == arrivals
        # Where nothing can be sent, a request leaves it to the next dispatch to look after those who wait.
        if short.was_open:
            assert without_stirred(entered) == without_stirred(expected)
        if not short.was_open or dice.random() < 0.5:
            # A dispatch wakes some of the lanes that rested; the one that the long way has made was one more.
            for _ in range(5):
                short.choose()
                long.choose()
            assert short.everything() == long.everything()
    assert direct >= 5, "the direct way was hardly taken"


def without_stirred(found: dict[str, Any]) -> dict[str, Any]:
    """Without the providers that changed: where nobody waits, a request leaves them to the next dispatch."""
    return {name: value for name, value in found.items() if name != keys.STIRRED}


@pytest.mark.real
@pytest.mark.parametrize(("slots", "most"), [(10, 35), (0, 28)], ids=["a slot is free", "none is free"])
def test_a_submit_takes_few_commands(redis_server: str, slots: int, most: int) -> None:
    client = connect(redis_server)
    client.flushdb()
    record = Records(Connection(client))
    ProviderStates(record.connection).announce({"echo": None})
    record.leases.beat("w1", slots, 600, [])

    def submit() -> None:
        windows = (
            Window("submit", "submits_per_minute", 100, MINUTE),
            Window("input", "input_bytes_per_day", 100, DAY),
        )
        charge = Charge("ann", [(window, 1) for window in windows])
        accepted = record.store.accept(make_job(owner="ann", user="ann"), charge=charge, send=SENT_TOGETHER)
        assert accepted.place is not None
        assert accepted.place.is_sent == (slots > 0)

    submit()  # the first one loads the script, and opens the windows
    assert commands(client, submit) <= most
    client.close()
