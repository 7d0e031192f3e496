"""A new job is not sent before one that waits and whose turn it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest
import redis

from jobs import events
from jobs.limits import Limits
from jobs.record.job_queue import SENT_TOGETHER
from jobs.scheduling.health_store import HealthStore
from jobs.scheduling.pauses import Pauses
from jobs.scheduling.provider_states import ProviderStates
from tests.support.clocked import ClockedConnection
from tests.support.records import Records, take_messages
from tests.support.sample_jobs import add_job, make_job

FAR: Final = 10**6


class Setting:
    """The record before the new job comes, which is `bob`'s, or `ann`'s; `c` has room."""

    def __init__(self, client: redis.Redis) -> None:
        self.connection = ClockedConnection(client)
        self.record = Records(self.connection, limits=Limits(running=2))
        self.announce(1)
        self.slots(0)

    def announce(self, limit: int) -> None:
        ProviderStates(self.connection).announce({"a": limit, "c": None})

    def slots(self, number: int) -> None:
        self.record.leases.beat("w", number, FAR, [])

    def add(self, owner: str, *route: str, **fields: object) -> str:
        return add_job(self.record.store, owner=owner, user=owner, route=route, **fields).id

    def run(self, owner: str, *route: str) -> str:
        """A job that runs."""
        job_id = self.add(owner, *route)
        self.slots(1)
        assert self.record.queue.choose() == (job_id,)
        assert self.record.leases.claim(job_id, "w", FAR, lambda job, _: job.input)
        take_messages(self.connection)
        return job_id

    def end(self, job_id: str) -> None:
        self.record.store.change(job_id, lambda _: events.Canceled(at=1.0))

    def look_in_vain(self, slots: int) -> None:
        """A dispatch finds that who waits cannot be served."""
        self.slots(slots)
        assert self.record.queue.choose() == ()

    def rest(self, account: str | None = None) -> None:
        HealthStore(self.connection).rest("a", self.connection.now() + 0.5, "quota", account)


def a_job_whose_time_has_come(at: Setting) -> str:
    parked = at.add("ann", "c", not_before=at.connection.now() + 0.1)
    at.connection.pass_ms(200)
    return parked


def another_in_its_pool(at: Setting) -> str:
    return at.add("cid", "c")


def another_in_another_pool(at: Setting) -> str:
    return at.add("cid", "a")


def one_whose_provider_got_room(at: Setting) -> str:
    running, waits = at.run("dan", "a"), at.add("cid", "a")
    at.look_in_vain(2)
    at.end(running)
    at.slots(1)
    return waits


def one_whose_provider_rested(at: Setting) -> str:
    waits = at.add("cid", "a")
    at.rest()
    at.look_in_vain(1)
    at.connection.pass_ms(600)
    return waits


def one_whose_account_rested(at: Setting) -> str:
    waits = at.add("cid", "a", account="x")
    at.rest("x")
    at.look_in_vain(1)
    at.connection.pass_ms(600)
    return waits


def one_of_its_owner(at: Setting) -> str:
    return at.add("ann", "a")


SETTINGS: Final = [
    a_job_whose_time_has_come, another_in_its_pool, another_in_another_pool, one_whose_provider_got_room,
    one_whose_provider_rested, one_whose_account_rested, one_of_its_owner,
]  # fmt: skip


@pytest.fixture
def setting(client: redis.Redis) -> Setting:
    return Setting(client)


def submit(at: Setting, owner: str, *route: str) -> str:
    at.connection.pass_ms(1)
    job = make_job(owner=owner, user=owner, route=route, created_at=at.connection.now())
    at.record.store.accept(job, send=SENT_TOGETHER)
    return job.id


@pytest.mark.parametrize("build", SETTINGS, ids=lambda build: build.__name__)
def test_who_waits_goes_first(setting: Setting, build: Callable[[Setting], str]) -> None:
    waits = build(setting)
    setting.slots(1)
    submit(setting, "ann", "c")
    assert take_messages(setting.connection) == [waits]


def test_a_closed_pool_is_closed_to_a_new_job_too(setting: Setting) -> None:
    """Its provider may have room again, which the next look finds: then it is the turn of those who waited."""
    setting.run("dan", "a")
    waits = setting.add("cid", "a")
    setting.look_in_vain(3)
    setting.announce(2)
    submit(setting, "ann", "a")
    assert take_messages(setting.connection) in ([], [waits])


@pytest.mark.parametrize("what", ["a pause", "the limit of running jobs", "the limit of its provider"])
def test_what_keeps_others_keeps_a_new_job(setting: Setting, what: str) -> None:
    match what:
        case "a pause":
            Pauses(setting.connection).pause()
        case "the limit of running jobs":
            setting.run("ann", "c")
            setting.slots(2)
            submit(setting, "ann", "c")
            take_messages(setting.connection)
        case _:
            setting.run("dan", "a")
    setting.slots(9)
    new = submit(setting, "ann", "a")
    assert take_messages(setting.connection) == []
    assert setting.record.views.look(new)[1] is not None


def test_a_new_job_goes_at_once_beside_those_who_cannot_be_served(setting: Setting) -> None:
    setting.run("dan", "a")
    setting.add("cid", "a")
    setting.look_in_vain(3)
    new = submit(setting, "ann", "c")
    assert take_messages(setting.connection) == [new]
