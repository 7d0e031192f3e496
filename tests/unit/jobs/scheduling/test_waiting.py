"""Why a job waits, until when and how long: one row a reason."""

from __future__ import annotations

from typing import get_args

import pytest
from msgspec.structs import replace

from jobs.model import Job, Status, Upstream, Waiting, WaitReason
from jobs.record.types import LimitGroup, QueuePlace
from jobs.scheduling.waiting import ProviderView, Situation, explain
from tests.support.sample_jobs import make_job

AT = 1000.0
JOB = make_job(route=("a", "b"), created_at=900.0, provider="a")


def at(position: int, *groups: LimitGroup) -> QueuePlace:
    return QueuePlace(position=position, groups=groups)


def situation(a: ProviderView | None = None, b: ProviderView | None = None, slots: int = 4, **more: bool) -> Situation:
    return Situation(providers={n: v for n, v in (("a", a), ("b", b)) if v is not None}, slots=slots, **more)


SENT = QueuePlace(position=3, is_sent=True)
OPEN = ProviderView(run_seconds=8.0)
ON_TRIAL = ProviderView(on_trial=True, run_seconds=8.0)
RESTING = ProviderView(blocked_until=AT + 588, run_seconds=8.0)


def group(running: int, limit: int | None, position: int) -> LimitGroup:
    return LimitGroup(running=running, limit=limit, position=position)


RESTING_LONGER = ProviderView(blocked_until=AT + 9999)


@pytest.mark.parametrize(
    ("job", "place", "world", "expected"),
    [
        (JOB, at(0), situation(OPEN), Waiting(reason="workers_busy", position=0, eta_seconds=8.0)),
        (JOB, at(9), situation(OPEN), Waiting(reason="workers_busy", position=9, eta_seconds=24.0)),
        (JOB, at(9), situation(ProviderView(run_seconds=8.0, limit=1)), Waiting(reason="workers_busy", position=9, eta_seconds=80.0)),
        (JOB, at(0), situation(OPEN, slots=0), Waiting(reason="workers_busy", position=0)),
        (JOB, at(0), situation(RESTING, OPEN), Waiting(reason="workers_busy", position=0, eta_seconds=8.0)),
        (JOB, at(2), situation(RESTING, RESTING_LONGER), Waiting(reason="provider_cooldown", provider="a", position=2, until=AT + 588, eta_seconds=596.0)),
        (JOB, at(1), situation(ON_TRIAL), Waiting(reason="provider_waking", provider="a", position=1, eta_seconds=8.0)),
        (JOB, at(1), situation(ON_TRIAL, RESTING), Waiting(reason="provider_waking", provider="a", position=1, eta_seconds=8.0)),
        (JOB, at(1), situation(ON_TRIAL, OPEN), Waiting(reason="workers_busy", position=1, eta_seconds=8.0)),
        (JOB, at(9), situation(RESTING), Waiting(reason="provider_cooldown", provider="a", position=9, until=AT + 588, eta_seconds=612.0)),
        (JOB, at(0), situation(), Waiting(reason="no_provider", position=0)),
        (JOB, at(0), situation(ProviderView(paused=True)), Waiting(reason="paused", provider="a", position=0)),
        (JOB, at(0), situation(OPEN, paused=True), Waiting(reason="paused", position=0)),
        (
            replace(JOB, not_before=AT + 60, waiting="provider_waking"), at(1), situation(OPEN),
            Waiting(reason="provider_waking", position=1, until=AT + 60, eta_seconds=68.0),
        ),
        (
            replace(JOB, status=Status.RUNNING, upstream=Upstream(rank=2)), None, situation(OPEN),
            Waiting(reason="upstream_queue", provider="a", eta_seconds=32.0),
        ),
        (
            replace(JOB, status=Status.RUNNING, upstream=Upstream(rank=2, eta_seconds=5.5)), None, situation(),
            Waiting(reason="upstream_queue", provider="a", eta_seconds=16.0),
        ),
        # It has its slot: nothing that holds for the next job keeps it back. Without a worker it is on its way to nobody.
        (JOB, SENT, situation(OPEN), Waiting(reason="starting", eta_seconds=8.0)),
        (JOB, SENT, situation(RESTING, paused=True), Waiting(reason="starting", eta_seconds=8.0)),
        (JOB, SENT, situation(OPEN, slots=0), Waiting(reason="workers_busy", position=3)),
        # The key may run two, and does: three of its own stand before this job, whatever else waits.
        (JOB, at(50, group(2, 2, 3)), situation(OPEN, slots=100), Waiting(reason="key_limit", position=3, eta_seconds=24.0)),
        (JOB, at(50, group(1, 2, 3)), situation(OPEN, slots=100), Waiting(reason="workers_busy", position=50, eta_seconds=8.0)),
        (JOB, at(50, group(9, None, 3)), situation(OPEN, slots=100), Waiting(reason="workers_busy", position=50, eta_seconds=8.0)),
        # Of two limits the one counts that takes longer.
        (JOB, at(9, group(4, 4, 7), group(1, 1, 2)), situation(OPEN, slots=9), Waiting(reason="key_limit", position=2, eta_seconds=32.0)),
        # The line before the workers may be the longer wait.
        (JOB, at(90, group(2, 2, 0)), situation(OPEN, slots=9), Waiting(reason="key_limit", position=0, eta_seconds=88.0)),
        (JOB, at(0, group(2, 2, 0)), situation(OPEN, slots=0), Waiting(reason="key_limit", position=0)),
        # A provider that rests is the better reason: it would rest without the limit too.
        (JOB, at(0, group(2, 2, 0)), situation(RESTING), Waiting(reason="provider_cooldown", provider="a", position=0, until=AT + 588, eta_seconds=596.0)),
        (replace(JOB, status=Status.RUNNING), None, situation(OPEN), None),
        (replace(JOB, status=Status.SUCCEEDED), None, situation(OPEN), None),
    ],
)  # fmt: skip
def test_a_wait_is_explained(job: Job, place: QueuePlace | None, world: Situation, expected: Waiting | None) -> None:
    assert explain(job, place, world, AT) == expected


@pytest.mark.parametrize("reason", get_args(WaitReason))
def test_every_reason_is_a_sentence(reason: WaitReason) -> None:
    for provider in (None, "flux-dev"):
        message = Waiting(reason=reason, provider=provider, until=AT).message
        assert message.endswith(".")
        assert "{" not in message


def test_a_message_names_the_provider_and_the_time() -> None:
    message = Waiting(reason="provider_cooldown", provider="flux-dev", until=1_795_186_218.4).message
    assert message == "flux-dev takes no jobs until 2026-11-20 14:50:18 UTC."
    assert Waiting(reason="provider_cooldown").message == "The provider takes no jobs."
    assert Waiting(reason="paused").message == "The service is paused."
    assert Waiting(reason="paused", provider="flux-dev").message == "flux-dev is paused."
