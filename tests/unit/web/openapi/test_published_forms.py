"""The public form of a job, and of what can be asked for, against the schemas that the API publishes."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import msgspec
import pytest
from flask.testing import FlaskClient
from msgspec.structs import replace

from jobs import events
from jobs.model import Failure, Job, Output, Priority, Recipe, Status, Upstream, Waiting
from jobs.record.types import Record
from jobs.resources.base import Links, rfc3339
from jobs.resources.job import JobResource, job_resource
from jobs.states import apply
from web.http.error_responses import ProblemResource
from web.monitoring import HealthResource
from web.openapi.schemas import complete_schema
from web.v1.job_documents import Seen, etag
from web.v1.lists import JobList
from web.v1.schemas.catalog import ModelList, ModelResource, ProviderList, ProviderResource

LINKS = Links("http://host")
JOB = Job(
    id="job_01M7WPZNWEP4CHRCXW42VP97XB", owner="o", user="u", model="echo", route=("echo",), given={},
    input={"prompt": "x"}, created_at=1000.0,
)  # fmt: skip
FAILURE = Failure(code="provider_busy", detail="busy", retryable=True, provider="echo", retry_after=9.0)
RUNNING = apply(JOB, events.Started(at=1001.0, provider="echo", worker="w1", input={"prompt": "x", "seed": 1}))
SUCCEEDED = events.Succeeded(
    at=1005.5,
    outputs=(
        Output(index=0, kind="image", content_type="image/webp", width=8, height=8, bytes=9, sha256="a" * 64, seed=1),
        Output(index=1, kind="text", text="two dogs"),
    ),
    recipe=Recipe(
        model="echo",
        version="1",
        job_id=JOB.id,
        at=1000.0,
        space="me/echo",
        url="https://me-echo.hf.space",
        revision="0a1",
        fixed={"seed": 2},
    ),
)


def after(job: Job, *happened: events.JobEvent) -> Job:
    for event in happened:
        job = apply(job, event)
    return job


JOBS = {
    "queued": (JOB, Waiting(reason="workers_busy", position=0, eta_seconds=10.0)),
    "parked": (
        after(JOB, events.Parked(at=1001.0, reason="provider_cooldown", until=2000.0)),
        Waiting(reason="provider_cooldown", position=3, until=2000.0),
    ),
    "upstream": (
        after(RUNNING, events.UpstreamQueued(at=1002.0, rank=0, size=4, eta_seconds=3.5)),
        Waiting(reason="upstream_queue", eta_seconds=5.0),
    ),
    "running": (
        after(
            RUNNING,
            events.Progressed(at=1002.0, stage="generating", fraction=0.25, step=1, total=4, message="steps"),
            events.Previewed(at=1003.0, index=0),
            events.Noted(at=1003.0, note="resumed"),
            events.CancelRequested(at=1004.0),
        ),
        None,
    ),
    "again": (after(RUNNING, events.Requeued(at=1002.0, outcome="failed", error=FAILURE)), None),
    "succeeded": (after(RUNNING, SUCCEEDED), None),
    "failed": (after(RUNNING, events.Failed(at=1004.0, error=FAILURE)), None),
    "canceled": (after(JOB, events.Canceled(at=1004.0)), None),
    "expired": (after(replace(JOB, deadline_at=1003.0), events.Expired(at=1004.0)), None),
    "asked": (
        replace(JOB, requested_provider="echo", priority=Priority.HIGH, metadata={"a": "b"}, has_credentials=True, warnings=("w",)),
        None,
    ),
}  # fmt: skip


def holds(kind: type, value: Any) -> None:
    """The value is what the schema says, and has nothing that it does not name."""
    schema = complete_schema(kind)
    for found in schema["components"]["schemas"].values():
        if "properties" in found:
            found.setdefault("additionalProperties", False)
    jsonschema_rs.Draft202012Validator(schema).validate(value)


def shown_job(job: Job, waiting: Waiting | None = None) -> Any:
    return msgspec.to_builtins(job_resource(Record(job, 3, "1-0"), waiting, LINKS))


@pytest.mark.parametrize("name", JOBS)
def test_a_job_in_any_state_is_as_its_schema_says(name: str) -> None:
    job, waiting = JOBS[name]
    shown = shown_job(job, waiting)
    holds(JobResource, shown)
    assert None not in shown.values()
    assert shown["status"] == job.status


def test_the_examples_cover_every_status() -> None:
    assert {job.status for job, _ in JOBS.values()} == set(Status)


def test_a_finished_job_says_what_it_took() -> None:
    shown = shown_job(JOBS["succeeded"][0])
    assert shown["metrics"] == {"queue_seconds": 1.0, "run_seconds": 4.5, "total_seconds": 5.5}
    assert shown["expires_at"] == shown["outputs"][0]["expires_at"] == rfc3339(1005.5 + 86_400)
    assert [output["url"].rpartition("/")[2] for output in shown["outputs"]] == ["0", "1"]


def test_the_upstreams_rank_and_our_estimate_stand_side_by_side() -> None:
    job, waiting = JOBS["upstream"]
    shown = shown_job(job, waiting)
    assert shown["queue"] == {
        "eta_seconds": 5.0,
        "reason": "upstream_queue",
        "message": "The provider has its own queue, and the job is in it.",
        "upstream": {"rank": 0, "size": 4, "eta_seconds": 3.5},
    }
    assert replace(job, upstream=Upstream()).upstream == Upstream()


def test_what_the_job_waits_for_is_part_of_its_version() -> None:
    record = Record(JOB, 3, "1-0")
    marks = {
        etag(Seen(record, None)),
        etag(Seen(Record(JOB, 4, "1-0"), None)),
        etag(Seen(record, Waiting(reason="workers_busy", position=1))),
        etag(Seen(record, Waiting(reason="workers_busy", position=2))),
        etag(Seen(record, Waiting(reason="paused", position=1))),
        etag(Seen(record, Waiting(reason="workers_busy", position=1, until=5.0))),
        etag(Seen(record, Waiting(reason="provider_waking", provider="a", position=1))),
        etag(Seen(record, Waiting(reason="provider_waking", provider="b", position=1))),
    }
    assert len(marks) == 8
    assert etag(Seen(record, Waiting(reason="workers_busy", position=1, eta_seconds=3.0))) in marks


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "1970-01-01T00:00:00.000Z"),
        (1.9996, "1970-01-01T00:00:02.000Z"),
        (1795186218.25, "2026-11-20T14:50:18.250Z"),
    ],
)
def test_times_are_rfc_3339_in_utc_with_milliseconds(seconds: float, text: str) -> None:
    assert rfc3339(seconds) == text


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/models", ModelList),
        ("/v1/models/flux-dev", ModelResource),
        ("/v1/providers", ProviderList),
        ("/v1/providers/g4f", ProviderResource),
        ("/v1/jobs", JobList),
        ("/healthz", HealthResource),
        ("/v1/models/nothing", ProblemResource),
        ("/v1/providers/nobody", ProblemResource),
        ("/v1/jobs?limit=x", ProblemResource),
        ("/readyz", None),
        ("/nothing", ProblemResource),
    ],
)
def test_answers_are_as_the_document_says(client: FlaskClient, path: str, name: type | None) -> None:
    answer = client.get(path).get_json()
    if name is not None:
        holds(name, answer)
    else:
        assert answer["checks"] == {"redis": "ok", "database": "ok", "memory": "ok", "workers": "no worker is alive"}
