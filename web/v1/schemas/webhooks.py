"""What may be asked of webhooks, and a delivery as the API shows it. Pure."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, UnsetType

from jobs.resources import examples
from jobs.resources.base import (
    Count,
    DeliveryId,
    JobId,
    ListOf,
    Resource,
    Time,
    about,
    optional,
    optional_time,
    rfc3339,
)
from jobs.webhooks import deliveries
from jobs.webhooks.deliveries import TERMINAL, TYPES, Call, Delivery, State, Trouble
from web.http.validation import BodyReader, RequestBody

#: A public https address that messages are sent to.
_Url = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=2048,
        extra_json_schema={"format": "uri"},
        description="A public https address, on port 443 or 8443. Kept encrypted and never shown.",
    ),
]


class JobWebhook(RequestBody, frozen=True, kw_only=True):
    """Where to send a job's events (`url`), which of them (`events`), and how much of the job (`payload`).

    See docs/how-to/receive-webhooks.md.
    """

    url: _Url
    events: Annotated[
        tuple[Annotated[str, Meta(extra_json_schema={"enum": list(TYPES)})], ...],
        Meta(min_length=1, extra_json_schema={"uniqueItems": True}, description="The events to send."),
    ] = TERMINAL
    payload: Annotated[Literal["full", "thin"], about("The whole job, or only its id, status and addresses.")] = "full"

    def __repr__(self) -> str:
        """Without the address, whose query may hold a secret."""
        return "JobWebhook(…)"


class WebhookTest(RequestBody, frozen=True, kw_only=True):
    """A request for a test message."""

    url: _Url


WEBHOOK_TEST: Final = BodyReader(
    WebhookTest,
    examples={"test": {"summary": "Try a receiver", "value": {"url": "https://hooks.example.com/darkroom"}}},
)


#: What a delivery may report; ``unknown`` where its record could not be read.
_REPORTED: Final = [*TYPES, deliveries.TEST, deliveries.UNKNOWN]


class DeliveryAttempt(Resource, frozen=True, kw_only=True):
    """One try to send a delivery."""

    at: Annotated[Time, about("When it was sent.", example="2026-11-20T14:50:21.200Z")]
    seconds: Annotated[float | UnsetType, about("Until the answer.", example=0.084)] = UNSET
    response_status: Annotated[
        int | UnsetType, about("HTTP status of the answer. Only 2xx is success.", example=204)
    ] = UNSET
    error: Annotated[
        Trouble | UnsetType,
        about(
            "`unreachable`: no connection, or none allowed; `tls`: no valid certificate; `no_answer`: none within 15 seconds; `redirect`: not followed; `status`: another answer than 2xx; `internal`: no call, since something is wrong on this server."
        ),
    ] = UNSET


class DeliveryResource(Resource, frozen=True, kw_only=True):
    """A message to a job's webhook, and what came of it."""

    id: Annotated[DeliveryId, about("The header `webhook-id`; the same at every try.", example=examples.DELIVERY)]
    object: Literal["delivery"] = "delivery"
    job_id: Annotated[JobId | UnsetType, about("The job that it reports; absent for a test.", example=examples.JOB)] = (
        UNSET
    )
    type: Annotated[
        str,
        about(
            "The event that it reports.", example="job.succeeded", enum=[*TYPES, deliveries.TEST, deliveries.UNKNOWN]
        ),
    ]
    host: Annotated[str, about("The host that it is sent to.", example="hooks.example.com")]
    status: Annotated[
        State, about("`exhausted`: no try is left; `disabled`: its receiver answered 410.", example="delivered")
    ]
    created_at: Annotated[Time, about("When the event happened.", example="2026-11-20T14:50:21.200Z")]
    next_attempt_at: Annotated[Time | UnsetType, about("When it is tried again.")] = UNSET
    attempt_count: Annotated[Count, about("The number of tries so far.", example=1)]
    attempts: Annotated[list[DeliveryAttempt], about("The newest 20 tries.")]


class DeliveryList(ListOf[DeliveryResource], frozen=True, kw_only=True):
    """The deliveries of a job."""


class WebhookSecret(Resource, frozen=True, kw_only=True):
    """The secret that signs your webhooks."""

    key: Annotated[
        str,
        about("`whsec_` and base64, as Standard Webhooks wants it.", example="whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"),
    ]


def delivery_resource(delivery: Delivery) -> DeliveryResource:
    """A delivery as the API shows it. Of a receiver's answer it has the status alone: the text may be anything."""
    return DeliveryResource(
        id=delivery.id,
        job_id=delivery.holder if delivery.holder.startswith("job_") else UNSET,
        type=delivery.type,
        host=delivery.host,
        status=delivery.state,
        created_at=rfc3339(delivery.created_at),
        next_attempt_at=optional_time(delivery.next_at),
        attempt_count=delivery.made,
        attempts=[_attempt(call) for call in delivery.calls],
    )


def _attempt(call: Call) -> DeliveryAttempt:
    return DeliveryAttempt(
        at=rfc3339(call.at),
        seconds=optional(call.seconds),
        response_status=optional(call.status),
        error=optional(call.error),
    )
