"""What an admin may set, and how it is shown. Pure."""

from __future__ import annotations

from typing import Final

from jobs.record.views import ProviderState
from jobs.scheduling.pauses import SETTINGS, Control, Hold
from web.http.problems import invalid
from web.schemas import Json, optional_time, present

#: Most jobs at once that a limit may name.
_LARGEST_LIMIT: Final = 100_000
_REASON: Final[Json] = {
    "type": "string",
    "minLength": 1,
    "maxLength": 200,
    "pattern": r"^[^\x00-\x1f\x7f]*$",
    "description": "Why, for people.",
}
#: The body of ``PATCH /v1/admin/queue``.
QUEUE: Final[Json] = {
    "type": "object",
    "properties": {
        "paused": {"type": "boolean", "description": "Whether nothing is sent to any worker."},
        "reason": _REASON,
    },
    "required": ["paused"],
    "additionalProperties": False,
}
#: The body of ``PATCH /v1/admin/providers/{name}``.
PROVIDER: Final[Json] = {
    "type": "object",
    "properties": {
        "state": {
            "enum": list(SETTINGS),
            "description": "`draining`: no jobs for now, they wait for it. `disabled`: as if it were not there.",
        },
        "limit": {
            "type": ["integer", "null"],
            "minimum": 1,
            "maximum": _LARGEST_LIMIT,
            "description": "Most jobs there at once, instead of what its configuration says; null: as that says.",
        },
        "reason": _REASON,
    },
    "minProperties": 1,
    "additionalProperties": False,
}


def beyond_schema(body: Json) -> None:
    """What JSON Schema cannot say of a body that fits :data:`PROVIDER`.

    Raises:
        Problem: 422.
    """
    if isinstance(body.get("limit"), float):
        raise invalid("/limit", "must be a whole number, written without a point")
    if "reason" in body and body.get("state") not in {"draining", "disabled"}:
        raise invalid("/reason", "goes with the state draining or disabled")


def queue_json(hold: Hold | None) -> Json:
    """Whether everything is paused."""
    return {"object": "queue", "paused": hold is not None, **_hold_json(hold)}


def provider_json(name: str, state: ProviderState, configured: int | None) -> Json:
    """What is set for a provider, and what its configuration says."""
    control: Control = state.control
    return present(
        {
            "object": "provider_control",
            "name": name,
            "state": control.setting,
            "limit": control.limit,
            "configured_limit": configured,
            "in_flight": state.in_flight,
            **_hold_json(control.hold),
        }
    )


def _hold_json(hold: Hold | None) -> Json:
    if hold is None:
        return {}
    return present({"reason": hold.reason, "changed_by": hold.by, "changed_at": optional_time(hold.at)})
