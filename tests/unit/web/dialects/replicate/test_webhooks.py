"""The webhook of a prediction: which events it gets, and what is in each message."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from msgspec.structs import replace

from jobs import events
from jobs.model import Job, Output, Status, Webhook
from jobs.webhooks.deliveries import TYPES
from jobs.webhooks.notices import BODY_LIMIT, notices
from tests.support.fake_worker import FakeWorker
from web.services import Services

HOOK = "https://hooks.example.com/x?token=secret"
ENDS = ("job.succeeded", "job.failed", "job.canceled", "job.expired")


@pytest.mark.parametrize(
    ("body", "types"),
    [
        ({"webhook": HOOK}, ("job.output", "job.progress", *ENDS)),
        ({"webhook": HOOK, "webhook_events_filter": ["completed", "start"]}, ("job.started", *ENDS)),
        ({"webhook": HOOK, "webhook_events_filter": ["logs"]}, ("job.progress",)),
        ({"webhook_completed": HOOK}, ENDS),
    ],
)
def test_which_events_it_gets(client: FlaskClient, services: Services, body: Any, types: tuple[str, ...]) -> None:
    answer = client.post("/v1/models/darkroom/echo/predictions", json={"input": {"prompt": "x"}, **body})
    webhook = services.store.get(answer.get_json()["id"]).job.webhook
    assert webhook is not None
    assert (webhook.payload, webhook.events, webhook.host) == ("prediction", types, "hooks.example.com")
    assert "secret" not in answer.text


@pytest.fixture
def job(fake_worker: FakeWorker) -> Job:
    webhook = Webhook(
        host="hooks.example.com", target="x", base="https://here.example.com", events=TYPES, payload="prediction"
    )
    return fake_worker.submit(webhook=webhook)


def told(job: Job, event: events.JobEvent) -> list[Any]:
    return [json.loads(notice.body) for notice in notices(job, event)]


def test_a_message_is_the_prediction_and_nothing_around_it(job: Job) -> None:
    (body,) = told(replace(job, status=Status.RUNNING), events.Started(at=1.0, provider="echo", worker="w", input={}))
    assert (body["id"], body["status"], body["output"]) == (job.id, "processing", None)
    assert body["urls"]["get"] == f"https://here.example.com/v1/predictions/{job.id}"


def test_what_is_done_on_success_is_done_once(job: Job) -> None:
    outputs = (Output(index=0, kind="image"), Output(index=1, kind="text", text="a boat"))
    ended = replace(job, status=Status.SUCCEEDED, outputs=outputs, finished_at=job.created_at + 1)
    output, completed = told(ended, events.Succeeded(at=1.0, outputs=outputs))
    assert (output["status"], completed["status"]) == ("processing", "succeeded")
    assert completed["output"] == [f"https://here.example.com/v1/jobs/{job.id}/outputs/0", "a boat"]


def test_one_that_is_too_large_comes_without_input_and_output(job: Job) -> None:
    outputs = (Output(index=0, kind="text", text="x" * BODY_LIMIT),)
    ended = replace(job, status=Status.SUCCEEDED, outputs=outputs)
    _, completed = told(ended, events.Succeeded(at=1.0, outputs=outputs))
    assert (completed["status"], completed["input"], completed["output"]) == ("succeeded", {}, None)


def test_one_that_expired_is_canceled(job: Job) -> None:
    """Version 1 of the client raises on any status that it does not know."""
    (body,) = told(replace(job, status=Status.EXPIRED), events.Expired(at=1.0))
    assert (body["status"], bool(body["error"])) == ("canceled", True)
