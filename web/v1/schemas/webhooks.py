"""What may be asked of webhooks, and the public form of a delivery. Pure."""

from __future__ import annotations

from typing import Final

from jobs.webhooks.deliveries import TERMINAL, TYPES, Call, Delivery
from web.schemas import Json, optional_time, present
from web.times import rfc3339

_URL: Final[Json] = {
    "type": "string",
    "minLength": 1,
    "maxLength": 2048,
    "format": "uri",
    "description": "A public https address, on port 443 or 8443. Kept encrypted and never shown.",
}
#: A submission's `webhook`.
WISH: Final[Json] = {
    "type": "object",
    "properties": {
        "url": _URL,
        "events": {
            "type": "array",
            "items": {"enum": list(TYPES)},
            "minItems": 1,
            "uniqueItems": True,
            "default": list(TERMINAL),
            "description": "What to tell.",
        },
        "payload": {
            "enum": ["full", "thin"],
            "default": "full",
            "description": "The whole job, or only its id, status and addresses.",
        },
    },
    "required": ["url"],
    "additionalProperties": False,
    "description": "Where to tell what happens (`url`), of what (`events`), and how much of the job (`payload`). See docs/how-to/receive-webhooks.md.",
}
#: The body of ``POST /v1/webhooks/test``.
TEST: Final[Json] = {
    "type": "object",
    "properties": {"url": _URL},
    "required": ["url"],
    "additionalProperties": False,
}


def delivery_json(delivery: Delivery) -> Json:
    """A delivery as the API shows it. Of a receiver's answer only the status: its text may be anybody's."""
    return present(
        {
            "id": delivery.id,
            "object": "delivery",
            "job_id": delivery.holder if delivery.holder.startswith("job_") else None,
            "type": delivery.type,
            "host": delivery.host,
            "status": delivery.state,
            "created_at": rfc3339(delivery.created_at),
            "next_attempt_at": optional_time(delivery.next_at),
            "attempt_count": delivery.made,
            "attempts": [_call_json(call) for call in delivery.calls],
        }
    )


def _call_json(call: Call) -> Json:
    return present(
        {"at": rfc3339(call.at), "seconds": call.seconds, "response_status": call.status, "error": call.error}
    )
