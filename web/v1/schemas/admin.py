"""What an admin may set, and how it is shown. Pure."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from jobs.resources import examples
from jobs.resources.base import Count, ListOf, Resource, Time, optional, optional_time
from jobs.resources.job import JobResource
from jobs.scheduling.pauses import SETTINGS, Pause, Setting
from jobs.scheduling.provider_states import ProviderState
from web.http.json_body import Json
from web.http.problems import invalid

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


HoldReason = Annotated[str, Meta(description="The admin's reason.", examples=["its owner rebuilds it"])]
ChangedBy = Annotated[
    str,
    Meta(
        description="The id of the admin's key, `local`, or `operator` for the command line.", examples=[examples.KEY]
    ),
]
ChangedAt = Annotated[Time, Meta(examples=[examples.CREATED_AT])]


class AdminJobResource(JobResource, frozen=True, kw_only=True):
    """A job in an admin's list."""

    owner: Annotated[str, Meta(description="The id of its owner's key, or `local`.", examples=[examples.KEY])]


class AdminJobList(ListOf[AdminJobResource], frozen=True, kw_only=True):
    """A part of the list of everybody's jobs, newest first."""


class QueueControl(Resource, frozen=True, kw_only=True):
    """Whether everything is paused."""

    object: Literal["queue"] = "queue"
    paused: Annotated[bool, Meta(examples=[True])]
    reason: HoldReason | UnsetType = UNSET
    changed_by: ChangedBy | UnsetType = UNSET
    changed_at: ChangedAt | UnsetType = UNSET


class ProviderControl(Resource, frozen=True, kw_only=True):
    """What an admin has set for a provider."""

    object: Literal["provider_control"] = "provider_control"
    name: Annotated[str, Meta(examples=[examples.PROVIDER])]
    state: Annotated[Setting, Meta(description="As an admin set it.", examples=["draining"])]
    limit: (
        Annotated[Count, Meta(description="As an admin set it; absent: as the configuration says.", examples=[2])]
        | UnsetType
    ) = UNSET
    configured_limit: (
        Annotated[Count, Meta(description="As the configuration says; absent is no limit.", examples=[8])] | UnsetType
    ) = UNSET
    in_flight: Annotated[Count, Meta(description="Jobs there now.", examples=[1])]
    reason: HoldReason | UnsetType = UNSET
    changed_by: ChangedBy | UnsetType = UNSET
    changed_at: ChangedAt | UnsetType = UNSET


def admin_job_resource(job: JobResource, owner: str) -> AdminJobResource:
    """A job in an admin's list."""
    return AdminJobResource(**msgspec.structs.asdict(job), owner=owner)


def queue_control(pause: Pause | None) -> QueueControl:
    """Whether everything is paused, as an admin sees it."""
    return QueueControl(paused=pause is not None, **_pause(pause))


def provider_control(name: str, state: ProviderState, configured: int | None) -> ProviderControl:
    """What is set for a provider, as an admin sees it.

    Args:
        name: The provider.
        state: What the scheduler knows of it.
        configured: The limit in its configuration.
    """
    return ProviderControl(
        name=name,
        state=state.override.setting,
        limit=optional(state.override.limit),
        configured_limit=optional(configured),
        in_flight=state.in_flight,
        **_pause(state.override.pause),
    )


def _pause(pause: Pause | None) -> dict[str, Any]:
    if pause is None:
        return {}
    return {"reason": optional(pause.reason), "changed_by": optional(pause.by), "changed_at": optional_time(pause.at)}
