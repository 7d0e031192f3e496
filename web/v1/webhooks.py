"""Webhooks: the log of deliveries, making one again, the signing secret, a test."""

from __future__ import annotations

import threading
import time
from typing import Final

import msgspec
from flask import Blueprint, Response, request
from jsonschema_rs import Draft202012Validator

from jobs.egress import BadAddress
from jobs.webhooks.deliveries import Delivery
from web.http.json_body import SMALL_BODY, read_json
from web.http.operation import Answer, ok, operation
from web.http.problems import Problem, invalid
from web.http.query import only
from web.services import services
from web.v1.context import caller, look
from web.v1.schemas import webhooks
from web.v1.schemas.jobs import check

blueprint = Blueprint("webhooks", __name__)

#: A test is waited for so many seconds, by so many requests at once: waiting keeps a thread busy.
_TEST_SECONDS: Final = 20.0
_waiting = threading.BoundedSemaphore(8)
_validator: Final = Draft202012Validator(webhooks.TEST)


def _json(body: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, {"Cache-Control": "no-store"}, content_type="application/json")


@blueprint.get("/jobs/<job:job_id>/deliveries")
@operation(
    "listDeliveries",
    "Webhooks",
    "read",
    answers=(ok("All deliveries of the job, oldest first.", "DeliveryList"),),
    errors=("invalid_input", "not_found", "gone"),
)
def deliveries(job_id: str) -> Response:
    """List a job's deliveries.

    What was sent to the job's webhook or is about to be, and what came of each try. They go with the job.
    """
    only(request)
    look(job_id)
    data = [webhooks.delivery_json(delivery) for delivery in services().webhooks.deliveries(job_id)]
    return _json({"object": "list", "data": data, "has_more": False})


@blueprint.post("/jobs/<job:job_id>/deliveries/<delivery:delivery_id>/redeliver")
@operation(
    "redeliver",
    "Webhooks",
    "submit",
    answers=(Answer(status=202, description="It is sent again now.", content={"application/json": "Delivery"}),),
    errors=("not_found", "gone"),
)
def redeliver(job_id: str, delivery_id: str) -> Response:
    """Send a delivery again.

    Under its old id and with its old body, whatever became of it; if it fails, the whole schedule lies before it again.
    """
    look(job_id)
    delivery = services().webhooks.redeliver(job_id, delivery_id)
    if delivery is None:
        raise Problem("not_found", "The job has no such delivery.")
    return _json(webhooks.delivery_json(delivery), 202)


@blueprint.get("/webhooks/default/secret")
@operation(
    "getWebhookSecret",
    "Webhooks",
    "submit",
    answers=(ok("The secret.", "WebhookSecret"),),
    errors=("invalid_input",),
)
def secret() -> Response:
    """Get the secret that signs your webhooks.

    Made at first use. Give it to a Standard Webhooks library, which checks signature and time of a message.
    """
    only(request)
    return _json({"key": services().webhooks.secret(caller().owner)})


@blueprint.post("/webhooks/default/secret/rotate")
@operation(
    "rotateWebhookSecret",
    "Webhooks",
    "submit",
    answers=(ok("The new secret.", "WebhookSecret"),),
)
def rotate() -> Response:
    """Replace the secret that signs your webhooks.

    For 24 hours every message carries a signature by the old one too.
    """
    return _json({"key": services().webhooks.rotate(caller().owner)})


@blueprint.post("/webhooks/test")
@operation(
    "testWebhook",
    "Webhooks",
    "submit",
    body="WebhookTest",
    answers=(
        ok("What came of it.", "Delivery"),
        Answer(
            status=202, description="It has not been sent within 20 seconds.", content={"application/json": "Delivery"}
        ),
    ),
    errors=("invalid_input",),
)
def test() -> Response:
    """Send a test message.

    A signed `webhook.test`, once, to any address that a job's webhook may have; the answer says what came of it.
    """
    body = check(_validator, read_json(request, SMALL_BODY))
    try:
        delivery = _attempted(services().webhooks.test(caller().owner, body["url"]))
    except BadAddress as error:
        raise invalid("/url", str(error)) from None
    return _json(webhooks.delivery_json(delivery), 202 if delivery.state == "pending" else 200)


def _attempted(delivery: Delivery) -> Delivery:
    """The delivery once it has been tried, or as it is where that takes too long."""
    if not _waiting.acquire(blocking=False):
        return delivery
    try:
        ends = time.monotonic() + _TEST_SECONDS
        while delivery.state == "pending" and time.monotonic() < ends:
            time.sleep(0.1)
            delivery = services().webhooks.again(delivery)
        return delivery
    finally:
        _waiting.release()
