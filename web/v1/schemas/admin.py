"""What an admin may set, and how it is shown. Pure."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from jobs.resources import examples
from jobs.resources.base import Count, ListOf, Resource, Time, about, optional, optional_time
from jobs.resources.job import JobResource
from jobs.scheduling.pauses import Pause, Setting
from jobs.scheduling.provider_states import ProviderState
from web.http.validation import NO_CONTROLS, BodyReader, RequestBody

#: Most jobs at once that a limit may name.
_LARGEST_LIMIT: Final = 100_000
_Reason = Annotated[str, Meta(min_length=1, max_length=200, pattern=NO_CONTROLS, description="Why, for people.")]


class QueueChange(RequestBody, frozen=True, kw_only=True):
    """A change of whether everything is paused."""

    paused: Annotated[bool, about("Whether nothing is sent to any worker.")]
    reason: _Reason | UnsetType = UNSET


QUEUE_CHANGE: Final = BodyReader(
    QueueChange,
    examples={
        "pause": {"summary": "Hold everything back", "value": {"paused": True, "reason": "a new machine"}},
        "resume": {"summary": "Go on", "value": {"paused": False}},
    },
)


class ProviderChange(RequestBody, frozen=True, kw_only=True):
    """A change of what is set for a provider."""

    state: Annotated[
        Setting | UnsetType,
        about("`draining`: no jobs for now, they wait for it. `disabled`: as if it were not there."),
    ] = UNSET
    limit: Annotated[
        Annotated[int, Meta(ge=1, le=_LARGEST_LIMIT)] | UnsetType | None,
        about("Most jobs there at once, instead of what its configuration says; null: as that says."),
    ] = UNSET
    reason: _Reason | UnsetType = UNSET


PROVIDER_CHANGE: Final = BodyReader(
    ProviderChange,
    extra={"minProperties": 1},
    examples={
        "drain": {
            "summary": "Send it nothing for now",
            "value": {"state": "draining", "reason": "its owner rebuilds it"},
        },
        "limit": {"summary": "At most two jobs there at once", "value": {"limit": 2}},
        "back": {"summary": "As its configuration says", "value": {"state": "enabled", "limit": None}},
    },
)


HoldReason = Annotated[str, about("The admin's reason.", example="its owner rebuilds it")]
ChangedBy = Annotated[
    str, about("The id of the admin's key, `local`, or `operator` for the command line.", example=examples.KEY)
]
ChangedAt = Annotated[Time, Meta(examples=[examples.CREATED_AT])]


class AdminJobResource(JobResource, frozen=True, kw_only=True):
    """A job in an admin's list."""

    owner: Annotated[str, about("The id of its owner's key, or `local`.", example=examples.KEY)]


class AdminJobList(ListOf[AdminJobResource], frozen=True, kw_only=True):
    """A part of the list of everybody's jobs, newest first."""


class QueueControl(Resource, frozen=True, kw_only=True):
    """Whether everything is paused."""

    object: Literal["queue"] = "queue"
    paused: Annotated[bool, about("Whether no job is sent to any worker.", example=True)]
    reason: HoldReason | UnsetType = UNSET
    changed_by: ChangedBy | UnsetType = UNSET
    changed_at: ChangedAt | UnsetType = UNSET


class ProviderControl(Resource, frozen=True, kw_only=True):
    """What an admin has set for a provider."""

    object: Literal["provider_control"] = "provider_control"
    name: Annotated[str, about("The provider.", example=examples.PROVIDER)]
    state: Annotated[Setting, about("As an admin set it.", example="draining")]
    limit: Annotated[Count | UnsetType, about("As an admin set it; absent: as the configuration says.", example=2)] = (
        UNSET
    )
    configured_limit: Annotated[
        Count | UnsetType, about("As the configuration says; absent is no limit.", example=8)
    ] = UNSET
    in_flight: Annotated[Count, about("Jobs there now.", example=1)]
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
    """What is set for a provider, as an admin sees it; ``configured`` is the limit in its configuration."""
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
