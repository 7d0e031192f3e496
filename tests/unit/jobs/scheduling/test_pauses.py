"""What an operator sets by hand, and what the dispatcher makes of it."""

from __future__ import annotations

import logging

import pytest
import redis

from jobs.record import keys
from jobs.record.connection import Connection
from jobs.record.job_queue import JobQueue
from jobs.record.leases import Leases
from jobs.record.store import JobStore
from jobs.scheduling.pauses import Override, Pause, Pauses
from jobs.scheduling.provider_states import ProviderStates
from tests.support.sample_jobs import add_job


def waiting(store: JobStore, leases: Leases, provider_states: ProviderStates, jobs: int) -> None:
    """Jobs for the provider ``p``, and a worker with room for all."""
    provider_states.announce({"p": 2})
    leases.beat("w1", 100, 60, [])
    for _ in range(jobs):
        add_job(store, route=("p",))


def test_the_limit_that_an_operator_sets_wins_until_it_is_lifted(
    connection: Connection, store: JobStore, provider_states: ProviderStates, leases: Leases, queue: JobQueue
) -> None:
    pauses = Pauses(connection)
    waiting(store, leases, provider_states, 8)
    pauses.limit("p", 1, by="key_1")
    assert len(queue.choose()) == 1
    pauses.limit("p", 4, by="key_1")
    # A worker that starts tells what the configuration says.
    provider_states.announce({"p": 2})
    assert pauses.provider("p") == Override(limit=4)
    assert len(queue.choose()) == 3
    pauses.limit("p", None, by="key_1")
    assert pauses.provider("p") == Override()
    assert len(queue.choose()) == 0


@pytest.mark.parametrize("setting", ["draining", "disabled"])
def test_a_provider_that_is_held_gets_nothing(
    connection: Connection,
    store: JobStore,
    provider_states: ProviderStates,
    setting: str,
    leases: Leases,
    queue: JobQueue,
) -> None:
    pauses = Pauses(connection)
    waiting(store, leases, provider_states, 1)
    pauses.hold("p", "disabled" if setting == "disabled" else "draining", reason="why", by="key_1")
    assert pauses.provider("p").setting == setting
    assert queue.choose() == ()
    assert pauses.resume("p", by="key_1")
    assert not pauses.resume("p", by="key_1")
    assert pauses.provider("p").setting == "enabled"
    assert len(queue.choose()) == 1


def test_a_pause_of_an_earlier_version_still_holds(connection: Connection, client: redis.Redis) -> None:
    client.hset(keys.provider("p"), "paused", "1")
    client.set(keys.PAUSED, b"1")
    assert Pauses(connection).provider("p") == Override(pause=Pause())
    assert Pauses(connection).queue() == Pause()


def test_each_action_leaves_a_line_with_who_and_what(connection: Connection, caplog: pytest.LogCaptureFixture) -> None:
    pauses = Pauses(connection)
    with caplog.at_level(logging.INFO, "audit"):
        pauses.pause(reason="night", by="key_1")
        pauses.resume(by="key_2")
        pauses.hold("p", "disabled", reason="gone", by="key_3")
        pauses.limit("p", 3, by="key_4")
    said = [
        {name: vars(line)[name] for name in ("by", "provider", "state", "limit", "reason") if name in vars(line)}
        for line in caplog.records
    ]
    assert said == [
        {"by": "key_1", "reason": "night"},
        {"by": "key_2", "provider": "everything"},
        {"by": "key_3", "provider": "p", "state": "disabled", "reason": "gone"},
        {"by": "key_4", "provider": "p", "limit": 3},
    ]
