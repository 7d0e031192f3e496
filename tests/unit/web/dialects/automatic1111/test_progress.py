"""What is global in the web UI is each key's own: progress, interruption and the chosen model."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from jobs import events
from jobs.record.followed import MOST, Followed
from tests.support.fake_worker import FakeWorker
from tests.unit.web.dialects.automatic1111.conftest import Asker
from web.services import Services

PROGRESS = "/sdapi/v1/progress"
IDLE = {
    "progress": 0.0,
    "eta_relative": 0.0,
    "state": {
        "skipped": False, "interrupted": False, "stopping_generation": False, "job": "", "job_count": 0,
        "job_timestamp": "0", "job_no": 0, "sampling_step": 0, "sampling_steps": 0,
    },
    "current_image": None,
    "textinfo": None,
    "current_task": None,
}  # fmt: skip


def start(services: Services, fake_worker: FakeWorker, job_id: str) -> Any:
    return fake_worker.claim(services.store.get(job_id).job)


def other_user(ask: Asker) -> Asker:
    return Asker(ask.client, ask.services, {"X-OpenWebUI-User-Id": "u2"})


def test_who_has_no_open_job_sees_none_whatever_others_do(
    ask: Asker, services: Services, fake_worker: FakeWorker
) -> None:
    fake_worker.submit()
    fake_worker.submit(owner="other")
    other_user(ask).in_background()
    assert ask.get(PROGRESS) == IDLE
    assert ask.get("/internal/pending-tasks") == {"size": 0, "tasks": []}


def test_a_job_is_seen_from_its_submission_to_its_end(ask: Asker, services: Services, fake_worker: FakeWorker) -> None:
    waiting = ask.in_background()
    (job_id,) = waiting.jobs
    found = ask.get(PROGRESS)
    assert (found["progress"], found["current_image"], found["current_task"]) == (0.0, None, job_id)
    assert (found["state"]["job"], found["state"]["job_count"]) == (job_id, 1)
    assert found["textinfo"].startswith("Place 1 in the queue. ")
    lease = start(services, fake_worker, job_id)
    fake_worker.write(lease, events.Progressed, stage="generating", step=8, total=20, message="8 of 20")
    preview = fake_worker.preview(lease, 0)
    found = ask.get(PROGRESS)
    assert (found["progress"], found["textinfo"]) == (0.4, "8 of 20")
    assert (found["state"]["sampling_step"], found["state"]["sampling_steps"]) == (8, 20)
    assert base64.b64decode(found["current_image"]) == preview
    assert ask.get(PROGRESS, skip_current_image="true")["current_image"] is None
    fake_worker.succeed(lease)
    assert ask.get(PROGRESS) == IDLE
    assert waiting.answer().status_code == 200


def test_the_one_that_runs_comes_before_newer_ones(ask: Asker, services: Services, fake_worker: FakeWorker) -> None:
    first, second = (ask.in_background(prompt=prompt) for prompt in ("a", "b"))
    assert ask.get(PROGRESS)["state"]["job"] == second.jobs[0]
    start(services, fake_worker, first.jobs[0])
    found = ask.get(PROGRESS)["state"]
    assert (found["job"], found["job_count"]) == (first.jobs[0], 2)


def test_those_that_have_ended_are_looked_at_once(ask: Asker, services: Services, fake_worker: FakeWorker) -> None:
    open_one = ask.in_background().jobs[0]
    ended = [fake_worker.submit().id for _ in range(60)]
    for job_id in ended:
        services.jobs.cancel(job_id, None)
    remembered = Followed(services.connection)
    remembered.add("local", [*ended, "job_01ARZ3NDEKTSV4RRFFQ69G5FAV"])
    assert ask.get(PROGRESS)["state"]["job"] == open_one
    assert remembered.newest("local") == [open_one]


def test_no_more_are_remembered_than_can_be_looked_at(services: Services) -> None:
    remembered = Followed(services.connection)
    for number in range(3):
        remembered.add("local", [f"{number}-{index}" for index in range(MOST // 2)])
    assert len(remembered.newest("local")) == MOST


def test_an_interruption_ends_the_callers_own_jobs_of_these_routes(
    ask: Asker, services: Services, fake_worker: FakeWorker
) -> None:
    mine = [ask.in_background(prompt=prompt).jobs[0] for prompt in ("a", "b")]
    others = [other_user(ask).in_background().jobs[0], fake_worker.submit().id, fake_worker.submit(owner="other").id]
    lease = start(services, fake_worker, mine[0])
    assert ask.post("/sdapi/v1/interrupt") == {}
    assert services.store.get(mine[0]).job.cancel_requested_at is not None
    assert ask.get(PROGRESS)["state"]["interrupted"]
    assert services.store.get(mine[1]).job.status == "canceled"
    assert [services.store.get(job_id).job.status for job_id in others] == ["queued"] * 3
    fake_worker.write(lease, events.Canceled)


@pytest.mark.parametrize("path", ["/sdapi/v1/interrupt", "/sdapi/v1/skip"])
def test_a_request_that_was_named_can_be_meant_alone(ask: Asker, services: Services, path: str) -> None:
    named, other = ask.in_background(force_task_id="task(1)", n_iter=2), ask.in_background(prompt="b")
    ask.post(path, {"force_task_id": "task(2)"})
    assert other_user(ask).post(path, {"force_task_id": "task(1)"}) == {}
    assert [services.store.get(job_id).job.status for job_id in named.jobs] == ["queued"] * 2
    ask.post(path, {"force_task_id": "task(1)"})
    assert [services.store.get(job_id).job.status for job_id in named.jobs] == ["canceled"] * 2
    assert services.store.get(other.jobs[0]).job.status == "queued"


def test_another_keys_job_cannot_be_named(ask: Asker, services: Services, fake_worker: FakeWorker) -> None:
    job_id = fake_worker.submit(owner="other").id
    ask.post("/sdapi/v1/interrupt", {"force_task_id": job_id})
    assert services.store.get(job_id).job.status == "queued"
    unknown = ask.post("/internal/progress", {"id_task": "job_01ARZ3NDEKTSV4RRFFQ69G5FAV"})
    assert ask.post("/internal/progress", {"id_task": job_id}) == unknown


def test_another_users_job_cannot_be_named_either(ask: Asker, services: Services) -> None:
    (job_id,) = other_user(ask).in_background().jobs
    ask.post("/sdapi/v1/interrupt", {"force_task_id": job_id})
    assert services.store.get(job_id).job.status == "queued"
    assert not ask.post("/internal/progress", {"id_task": job_id})["queued"]
    assert other_user(ask).post("/internal/progress", {"id_task": job_id})["queued"]


def test_an_interruption_reaches_the_oldest_one(ask: Asker, services: Services, fake_worker: FakeWorker) -> None:
    """However many there are beside it, open or not."""
    (job_id,) = ask.in_background().jobs
    others = [fake_worker.submit().id for _ in range(50)]
    for other in others[::2]:
        services.jobs.cancel(other, None)
    Followed(services.connection).add("local", others)
    ask.post("/sdapi/v1/interrupt")
    assert {services.store.get(each).job.status for each in (job_id, *others)} == {"canceled"}
    assert ask.get(PROGRESS) == IDLE


def test_one_request_can_be_watched_by_its_name(ask: Asker, services: Services, fake_worker: FakeWorker) -> None:
    waiting = ask.in_background(force_task_id="task(1)")

    def look(**more: Any) -> Any:
        return ask.post("/internal/progress", {"id_task": "task(1)", "id_live_preview": -1, **more})

    found = look()
    assert (found["active"], found["queued"], found["completed"]) == (False, True, False)
    assert ask.get("/internal/pending-tasks") == {"size": 1, "tasks": ["task(1)"]}
    lease = start(services, fake_worker, waiting.jobs[0])
    preview = fake_worker.preview(lease, 3)
    found = look()
    assert (found["active"], found["queued"], found["id_live_preview"]) == (True, False, 3)
    assert found["live_preview"] == f"data:image/png;base64,{base64.b64encode(preview).decode()}"
    assert look(id_live_preview=3)["live_preview"] is None
    assert look(live_preview=False)["live_preview"] is None
    fake_worker.succeed(lease)
    assert look()["completed"]
    assert not other_user(ask).post("/internal/progress", {"id_task": "task(1)"})["completed"]
    assert ask.get(PROGRESS)["current_task"] is None


@pytest.mark.parametrize(
    ("path", "body"),
    [("/internal/progress", {}), ("/internal/progress", {"id_task": 7}), ("/sdapi/v1/interrupt", {"force_task_id": 7})],
)
def test_a_question_that_cannot_be_read_is_refused(ask: Asker, path: str, body: Any) -> None:
    answer = ask.client.post(path, json=body)
    assert (answer.status_code, set(answer.get_json())) == (422, {"error", "detail", "body", "errors"})
