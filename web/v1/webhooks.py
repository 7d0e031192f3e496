"""Webhooks: the log of deliveries, sending one again, the signing secret, a test."""

from __future__ import annotations

import threading
import time
from typing import Final

from flask import Blueprint, Response, request

from jobs.egress import BadAddress
from jobs.webhooks.deliveries import Delivery
from web.http.operation import Operation, json_response, ok, only
from web.http.problems import Problem, invalid
from web.http.reply import NO_STORE
from web.services import caller, services
from web.v1.job_answers import look
from web.v1.schemas.webhooks import WEBHOOK_TEST, DeliveryList, DeliveryResource, WebhookSecret, delivery_resource

blueprint = Blueprint("webhooks", __name__)

#: Seconds that a request waits for its test message, and most requests that wait at once: each keeps a thread busy.
_TEST_SECONDS: Final = 20.0
_waiting = threading.BoundedSemaphore(8)


@blueprint.get("/jobs/<job:job_id>/deliveries")
@Operation(
    "listDeliveries",
    "Webhooks",
    "read",
    answers=(ok("All deliveries of the job, oldest first.", DeliveryList),),
    errors=("invalid_input", "not_found", "gone"),
)
def deliveries(job_id: str) -> Response:
    """List a job's deliveries.

    The messages to the job's webhook, sent or waiting, with the result of each try. They are deleted with the job.
    """
    only(request)
    look(job_id)
    data = [delivery_resource(delivery) for delivery in services().webhooks.deliveries(job_id)]
    return json_response(DeliveryList(data=data, has_more=False), headers=NO_STORE)


@blueprint.post("/jobs/<job:job_id>/deliveries/<delivery:delivery_id>/redeliver")
@Operation(
    "redeliver",
    "Webhooks",
    "submit",
    answers=(ok("The delivery is sent again.", DeliveryResource, status=202),),
    errors=("not_found", "gone"),
)
def redeliver(job_id: str, delivery_id: str) -> Response:
    """Send a delivery again.

    It keeps its id and body, and may have ended in any way. If it fails, the whole schedule of retries begins again.
    """
    look(job_id)
    delivery = services().webhooks.redeliver(job_id, delivery_id)
    if delivery is None:
        raise Problem("not_found", "The job has no such delivery.")
    return json_response(delivery_resource(delivery), 202, NO_STORE)


@blueprint.get("/webhooks/default/secret")
@Operation(
    "getWebhookSecret", "Webhooks", "submit", answers=(ok("The secret.", WebhookSecret),), errors=("invalid_input",)
)
def secret() -> Response:
    """Get the secret that signs your webhooks.

    It is made when you first ask for it. A Standard Webhooks library uses it to verify signature and time of a message.
    """
    only(request)
    return json_response(WebhookSecret(key=services().webhooks.secret(caller().owner)), headers=NO_STORE)


@blueprint.post("/webhooks/default/secret/rotate")
@Operation("rotateWebhookSecret", "Webhooks", "submit", answers=(ok("The new secret.", WebhookSecret),))
def rotate() -> Response:
    """Replace the secret that signs your webhooks.

    For 24 hours every message is signed with the old one too.
    """
    return json_response(WebhookSecret(key=services().webhooks.rotate(caller().owner)), headers=NO_STORE)


@blueprint.post("/webhooks/test")
@Operation(
    "testWebhook",
    "Webhooks",
    "submit",
    body=WEBHOOK_TEST,
    answers=(
        ok("The result.", DeliveryResource),
        ok("The message was not sent within 20 seconds.", DeliveryResource, status=202),
    ),
    errors=("invalid_input",),
)
def test() -> Response:
    """Send a test message.

    Sends one signed `webhook.test` to any address that a job's webhook may have. The answer tells the result.
    """
    body = WEBHOOK_TEST.of(request)
    try:
        delivery = _attempted(services().webhooks.test(caller().owner, body.url))
    except BadAddress as error:
        raise invalid("/url", str(error)) from None
    return json_response(delivery_resource(delivery), 202 if delivery.state == "pending" else 200, NO_STORE)


def _attempted(delivery: Delivery) -> Delivery:
    """The delivery after its try, or as it is if the try takes too long."""
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
