"""What a card says, and that it can be drawn from anything."""

from __future__ import annotations

import io

import pytest
from msgspec.structs import replace
from PIL import Image

from jobs.model import Failure, Job, Output, Progress, Status, Upstream, Waiting
from web.images.status_card import Card, describe, draw, size_of

JOB = Job(id="job_x", owner="o", user="o", model="flux", route=(), given={}, input={}, created_at=1.0)
RUNNING = replace(JOB, status=Status.RUNNING, progress=Progress(stage="generating"))


@pytest.mark.parametrize(
    ("job", "waiting", "title", "lines"),
    [
        (JOB, Waiting(reason="workers_busy", position=2, eta_seconds=40.0), "#3 in the queue",
         ("flux", "All workers are busy.", "about 40 s")),
        (JOB, Waiting(reason="provider_cooldown", provider="echo", eta_seconds=600.0), "Queued",
         ("flux", "echo takes no jobs.", "about 10 min")),
        (replace(RUNNING, progress=Progress(stage="generating", fraction=0.4, step=8, total=20)), None, "Step 8 of 20",
         ("flux is being generated",)),
        (replace(RUNNING, progress=Progress(stage="saving", fraction=0.25)), None, "25%", ("flux is being saved",)),
        (replace(RUNNING, progress=Progress(stage="waiting_upstream"), upstream=Upstream(rank=0)),
         Waiting(reason="upstream_queue"), "#1 at the provider", ("flux waits in the provider's queue",)),
        (replace(JOB, status=Status.FAILED, error=Failure(code="provider_quota", detail="Try again.")), None, "No image",
         ("The provider's quota is used up", "Try again.")),
        (replace(JOB, status=Status.CANCELED), None, "Canceled", ("It was canceled on request.",)),
        (replace(JOB, status=Status.EXPIRED), None, "Expired", ("Its deadline passed before it could run.",)),
        (replace(JOB, status=Status.SUCCEEDED, outputs=(Output(index=0, kind="text", text="Two dogs."),)), None, "Done",
         ("Two dogs.",)),
    ],
)  # fmt: skip
def test_a_card_says_what_the_job_does(job: Job, waiting: Waiting | None, title: str, lines: tuple[str, ...]) -> None:
    card = describe(job, waiting)
    assert (card.title, card.lines) == (title, lines)


@pytest.mark.parametrize(
    "card",
    [
        Card(title=""),
        Card(
            title="x" * 500,
            lines=("y" * 5000, "\u6a21\u578b\u9519\u8bef", "\x1b[31m\n\n", "word " * 1000),
            fraction=2.0,
        ),
        Card(title="0%", fraction=-1.0, trouble=True),
    ],
)
@pytest.mark.parametrize("size", [(512, 512), (512, 256), (256, 512)])
def test_anything_can_be_drawn(card: Card, size: tuple[int, int]) -> None:
    data = draw(card, size)
    picture = Image.open(io.BytesIO(data))
    assert (picture.format, picture.size) == ("PNG", size)
    assert len(data) < 32_000


@pytest.mark.parametrize(
    ("given", "size"),
    [
        ({}, (512, 512)),
        ({"width": 1024, "height": 576}, (512, 288)),
        ({"width": 32, "height": 2048}, (256, 512)),
        ({"width": "wide", "height": 3}, (512, 512)),
        ({"width": 0, "height": 3}, (512, 512)),
    ],
)
def test_a_card_has_the_shape_of_the_picture(given: dict[str, object], size: tuple[int, int]) -> None:
    assert size_of(given) == size
