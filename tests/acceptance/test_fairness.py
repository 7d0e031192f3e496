"""Users take turns: whoever has one job does not stand behind another's thousands."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest

from jobs import events
from jobs.ids import new_id
from jobs.model import Job
from jobs.record.connection import Connection, connect
from tests.support.api_client import ApiClient
from tests.support.eventually import eventually
from tests.support.processes import Stack
from tests.support.records import Records
from tests.support.redis_servers import RedisServer

SLOTS: Final = 4
TRIES: Final = 3


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with Stack(tmp_path / "stack", environ={"DARKROOM_WORKER_CONCURRENCY": str(SLOTS)}) as running:
        running.whole()
        yield running


def submitted(client: ApiClient, user: str, number: int) -> str:
    # Of different lengths, so that the slots do not all come free at once.
    script = [f"wait {900 + 130 * (number % 7)}ms", "image"]
    job = client.submit("echo", input={"prompt": f"{user} {number}", "script": script}, metadata={"user": user})
    return str(job["id"])


@pytest.mark.real
@pytest.mark.acceptance
def test_the_one_job_of_a_user_starts_in_the_next_slot_that_frees(stack: Stack) -> None:
    clients = [ApiClient(stack.url) for _ in range(8)]
    with ThreadPoolExecutor(len(clients)) as pool:
        ids = list(pool.map(lambda number: submitted(clients[number % 8], "many", number), range(1000)))

    def overtakers(number: int) -> int:
        """Jobs of the other user that started while this one waited."""
        eventually(lambda: (stack.queue.overview().running, stack.queue.overview().sent) == (SLOTS, 0), "all slots run")
        one = submitted(clients[0], "one", number)
        (job,) = stack.wait_for_status([one], "succeeded", seconds=60)
        # The Redis time of the write, which is what counts; the job's own time is a little before it.
        written = int(stack.store.log(one)[0].id.partition("-")[0]) / 1000
        started = [record.job.started_at for record in stack.records(ids).values()]
        assert job.started_at is not None
        return sum(at is not None and written < at < job.started_at for at in started)

    found = [overtakers(0)]
    # A job that was already sent when this one came is no breach, but must not be the rule.
    while found[-1] and len(found) < TRIES:
        found.append(overtakers(len(found)))
    assert min(found) == 0, f"overtaken by {found}"
    assert max(found) < SLOTS
    assert stack.queue.overview().queued > 900, "the others still wait"


@pytest.mark.real
def test_ten_thousand_jobs_delay_another_users_first_by_one_a_slot_at_most(own_redis_server: RedisServer) -> None:
    record = Records(Connection(connect(own_redis_server.url)))
    store, queue = record.store, record.queue

    def add(user: str) -> str:
        job = Job(
            id=new_id("job"), owner=user, user=user, model="echo", route=("echo",), given={}, input={},
            created_at=store.now(),
        )  # fmt: skip
        return store.accept(job).record.job.id

    record.leases.beat("w", SLOTS, 600, [])
    for _ in range(10_000):
        add("many")
    running = list(queue.choose())
    assert len(running) == SLOTS
    # These run, and others of the user are sent whenever one ends: for a while nobody else is there.
    for _ in range(20):
        store.change(running.pop(0), lambda _: events.Canceled(at=1.0))
        running += queue.choose()
    first = add("late")
    order: list[str] = []
    while first not in order:
        assert len(order) <= SLOTS, "more than one for each slot"
        store.change(running.pop(0), lambda _: events.Canceled(at=1.0))
        sent = queue.choose()
        running += sent
        order += sent
    assert order == [first], "the next slot is theirs"
