"""A real worker and a real scheduler on a real server: killed, cut off, told to stop, and searched for secrets."""

from __future__ import annotations

import json
import signal
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

import pytest

from jobs import events
from jobs.model import Job
from jobs.record.messages import QUEUE, RUN_JOB
from tests.support.celery_client import client_app
from tests.support.eventually import eventually
from tests.support.processes import Process, Stack
from tests.support.redis_monitor import RedisMonitor

pytestmark = pytest.mark.real

ENDS = (events.Succeeded, events.Failed, events.Canceled, events.Expired)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("stack") / "it") as found:
        found.scheduler()
        yield found


@pytest.fixture
def worker(stack: Stack) -> Process:
    """A worker that takes jobs: the last one, or a new one where a test has ended that."""
    live = [process for process in stack.processes if process.alive and "worker ready" in process.output]
    return live[-1] if live else stack.worker()


def ended_once(stack: Stack, jobs: list[Job]) -> bool:
    return all(sum(isinstance(entry.event, ENDS) for entry in stack.store.log(job.id)) == 1 for job in jobs)


def outcomes(jobs: list[Job]) -> set[tuple[str | None, ...]]:
    return {tuple(attempt.outcome for attempt in job.attempts) for job in jobs}


def test_the_jobs_of_a_killed_worker_run_again_and_none_is_lost(stack: Stack, worker: Process) -> None:
    ids = [stack.submit("progress 10 2s") for _ in range(20)]
    stack.wait_for_status(ids, "running")
    worker.kill()
    stack.worker()
    jobs = stack.wait_for_status(ids, seconds=40)
    assert {job.status for job in jobs} == {"succeeded"}
    assert outcomes(jobs) == {("lost", "succeeded")}
    assert ended_once(stack, jobs)


def test_running_jobs_survive_a_redis_that_is_away_for_longer_than_their_leases(stack: Stack, worker: Process) -> None:
    ids = [stack.submit("progress 10 2s", "wait 1s") for _ in range(10)]
    stack.wait_for_status(ids, "running")
    stack.redis.crash()
    seen = len(worker.output)
    eventually(lambda: worker.output[seen:].count("no beat") >= 3, "the leases have run out")
    stack.redis.start()
    jobs = stack.wait_for_status(ids, seconds=40)
    assert {job.status for job in jobs} == {"succeeded"}
    assert outcomes(jobs) == {("succeeded",)}
    assert ended_once(stack, jobs)
    assert worker.alive


def test_a_running_job_that_is_canceled_ends_and_frees_its_place(stack: Stack, worker: Process) -> None:
    (job_id,) = ids = [stack.submit("wait 10m")]
    stack.wait_for_status(ids, "running")
    stack.jobs.cancel(job_id, "local")
    (job,) = stack.wait_for_status(ids, seconds=10)
    assert (job.status, outcomes([job])) == ("canceled", {("canceled",)})
    eventually(lambda: stack.queue.overview().running == 0, "nothing runs", within=5)


def test_a_job_that_is_deleted_while_it_runs_leaves_nothing(stack: Stack, worker: Process) -> None:
    job_id = stack.submit("wait 10m")
    stack.wait_for_status([job_id], "running")
    seen = len(worker.output)
    stack.jobs.delete(job_id, "local")
    eventually(lambda: "lost its lease" in worker.output[seen:], "the worker lets go", within=10)
    assert not list(stack.client.scan_iter(f"*{job_id}*"))


def test_a_worker_is_shown_with_tasks_that_have_their_jobs_names(stack: Stack, worker: Process) -> None:
    """What Flower shows: a task's id is its job's id, and so is its only argument."""
    job_id = stack.submit("wait 10m")
    stack.wait_for_status([job_id], "running")
    app = client_app(stack.redis.url)
    active: dict[str, list[dict[str, Any]]] = app.control.inspect(timeout=3).active() or {}
    app.close()
    tasks = [task for listed in active.values() for task in listed]
    assert [(task["id"], task["name"], task["args"], task["kwargs"]) for task in tasks] == [
        (job_id, RUN_JOB, [job_id], {})
    ]
    stack.jobs.cancel(job_id, "local")
    stack.wait_for_status([job_id], "canceled")


def test_all_that_flower_shows_of_many_jobs_comes_in_few_messages(stack: Stack, worker: Process) -> None:
    """Each job is received, started and succeeds."""
    seen: list[dict[str, Any]] = []
    with RedisMonitor(stack.client) as monitor:
        ids = [stack.submit("text done") for _ in range(60)]
        stack.wait_for_status(ids, "succeeded")

        def told() -> set[tuple[str, str]]:
            published = [command for command in list(monitor.commands) if command.startswith("PUBLISH ")]
            bodies = [
                json.loads(command.partition(" ")[2].partition(" ")[2].replace("\\\\", "\\")) for command in published
            ]
            seen[:] = [body for body in bodies if body["properties"]["delivery_info"]["routing_key"] == "task.multi"]
            found = [json.loads(b64decode(body["body"])) for body in seen]
            return {(event["type"], event["uuid"]) for events in found for event in events}

        kinds = ("task-received", "task-started", "task-succeeded")
        wanted = {(kind, job_id) for kind in kinds for job_id in ids}
        eventually(lambda: told() >= wanted, "all events are published", within=10)
        monitor.end(stack.client)
    # Alone, each event would come by itself. Celery sends 24 at once in any case.
    assert len(seen) < 60


def test_a_message_holds_the_id_of_its_job_and_nothing_else(stack: Stack, worker: Process) -> None:
    with RedisMonitor(stack.client) as monitor:
        ids = [stack.submit("image", credentials={"api_key": "canary0f3b9c1d7"}) for _ in range(3)]
        stack.wait_for_status(ids, "succeeded")
        monitor.end(stack.client)
    assert not any(stack.client.exists(f"dr:secret:{job_id}") for job_id in ids)
    messages = [command for command in monitor.commands if command.startswith(f"LPUSH {QUEUE} ")]
    assert len(messages) == 3, "none is sent twice"
    eventually(lambda: not stack.client.exists("unacked", "unacked_index", QUEUE), "all are taken and acknowledged")
    for message in messages:
        # MONITOR shows a backslash as two.
        body = json.loads(message.removeprefix(f"LPUSH {QUEUE} ").replace("\\\\", "\\"))
        ((job_id,), kwargs, _) = json.loads(body["body"])
        assert (body["headers"]["id"], kwargs) == (job_id, {})


def test_a_worker_that_is_told_to_stop_finishes_what_runs_and_takes_nothing_new(stack: Stack, worker: Process) -> None:
    running = stack.submit("wait 2s", "image")
    stack.wait_for_status([running], "running")
    worker.popen.send_signal(signal.SIGTERM)
    eventually(lambda: "Warm shutdown" in worker.output, "the worker stops", within=10)
    eventually(lambda: sum(stack.queue.overview().workers.values()) <= 1, "it offers no more slots", within=10)
    waiting = stack.submit("image")
    assert worker.popen.wait(timeout=30) == 0
    assert stack.job(running).status == "succeeded"
    assert (stack.job(waiting).status, stack.queue.overview().workers) == ("queued", {})
    stack.worker()
    stack.wait_for_status([waiting], "succeeded")


def test_a_worker_that_is_told_twice_hands_its_jobs_back(stack: Stack, worker: Process) -> None:
    ids = [stack.submit("wait 10m") for _ in range(3)]
    stack.wait_for_status(ids, "running")
    worker.popen.send_signal(signal.SIGTERM)
    eventually(lambda: "Warm shutdown" in worker.output, "the worker stops", within=10)
    worker.popen.send_signal(signal.SIGTERM)
    assert worker.popen.wait(timeout=15) == 0
    jobs = stack.wait_for_status(ids, "queued", seconds=5)
    assert outcomes(jobs) == {("handed_back",)}
    for job_id in ids:
        stack.jobs.cancel(job_id, "local")
    stack.wait_for_status(ids, "canceled")
