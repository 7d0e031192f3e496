"""The operator hears once that Redis' memory runs short, before it is full."""

from __future__ import annotations

import logging

import pytest

from jobs.record.memory import Fill, Memory
from worker.scheduler.memory_watch import MemoryWatch


class Told(Memory):
    """A memory that is as full as a test says."""

    def __init__(self) -> None:
        self.fill = Fill(used=0, limit=100, policy="noeviction")

    def look(self) -> Fill:
        return self.fill


def test_each_crossing_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    memory = Told()
    watch = MemoryWatch(memory)
    said = []
    for used in (10, 79, 80, 85, 79, 81, 95, 77, 79, 80):
        memory.fill = Fill(used=used, limit=100, policy="noeviction")
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            watch.round()
        said += [(used, record.getMessage()) for record in caplog.records]
    first = "Redis uses 80 % of its memory; from 90 % on no new jobs are taken"
    assert said == [(80, first), (77, "Redis uses 77 % of its memory again"), (80, first)]


def test_a_server_that_would_drop_jobs_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    memory = Told()
    watch = MemoryWatch(memory)
    memory.fill = Fill(used=1, limit=100, policy="allkeys-lru")
    watch.round()
    watch.round()
    assert [record.getMessage() for record in caplog.records] == [
        "Redis drops keys when it is full (allkeys-lru), and jobs with them: set noeviction"
    ]


@pytest.mark.parametrize("policy", ["", "allkeys-lru"])
def test_without_a_limit_there_is_nothing_to_say(caplog: pytest.LogCaptureFixture, policy: str) -> None:
    memory = Told()
    memory.fill = Fill(used=1 << 40, limit=None, policy=policy)
    MemoryWatch(memory).round()
    assert not caplog.records
