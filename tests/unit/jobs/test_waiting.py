"""Why a job waits, until when and how long: one row a reason."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from jobs.model import Job, Status, Upstream
from jobs.waiting import ProviderView, Situation, Waiting, explain

AT = 1000.0
JOB = Job(
    id="job_1", owner="o", user="o", model="flux", route=("a", "b"), given={}, input={}, created_at=900.0, provider="a"
)  # fmt: skip


def situation(a: ProviderView | None = None, b: ProviderView | None = None, slots: int = 4, **more: bool) -> Situation:
    return Situation(providers={n: v for n, v in (("a", a), ("b", b)) if v is not None}, slots=slots, **more)


OPEN = ProviderView(run_seconds=8.0)
RESTING = ProviderView(blocked_until=AT + 588, run_seconds=8.0)
RESTING_LONGER = ProviderView(blocked_until=AT + 9999)


@pytest.mark.parametrize(
    ("job", "position", "world", "expected"),
    [
        (JOB, 0, situation(OPEN), Waiting(reason="workers_busy", position=0, eta_seconds=8.0)),
        (JOB, 9, situation(OPEN), Waiting(reason="workers_busy", position=9, eta_seconds=24.0)),
        (JOB, 9, situation(ProviderView(run_seconds=8.0, limit=1)), Waiting(reason="workers_busy", position=9, eta_seconds=80.0)),
        (JOB, 0, situation(OPEN, slots=0), Waiting(reason="workers_busy", position=0)),
        (JOB, 0, situation(RESTING, OPEN), Waiting(reason="workers_busy", position=0, eta_seconds=8.0)),
        (JOB, 2, situation(RESTING, RESTING_LONGER), Waiting(reason="provider_cooldown", position=2, until=AT + 588, eta_seconds=596.0)),
        (JOB, 0, situation(), Waiting(reason="no_provider", position=0)),
        (JOB, 0, situation(ProviderView(paused=True)), Waiting(reason="paused", position=0)),
        (JOB, 0, situation(OPEN, paused=True), Waiting(reason="paused", position=0)),
        (
            replace(JOB, not_before=AT + 60, waiting="provider_waking"), 1, situation(OPEN),
            Waiting(reason="provider_waking", position=1, until=AT + 60, eta_seconds=68.0),
        ),
        (
            replace(JOB, status=Status.RUNNING, upstream=Upstream(rank=2)), None, situation(OPEN),
            Waiting(reason="upstream_queue", eta_seconds=32.0),
        ),
        (
            replace(JOB, status=Status.RUNNING, upstream=Upstream(rank=2, eta_seconds=5.5)), None, situation(),
            Waiting(reason="upstream_queue", eta_seconds=16.0),
        ),
        (replace(JOB, status=Status.RUNNING), None, situation(OPEN), None),
        (replace(JOB, status=Status.SUCCEEDED), None, situation(OPEN), None),
    ],
)  # fmt: skip
def test_a_wait_is_explained(job: Job, position: int | None, world: Situation, expected: Waiting | None) -> None:
    assert explain(job, position, world, AT) == expected
