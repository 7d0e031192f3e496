"""Requests about keys, and a key as an admin sees it. Pure."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType, field

from jobs.access.api_key_store import LONGEST_OVERLAP, OVERLAP_SECONDS
from jobs.access.api_keys import SCOPES, ApiKey, Scope
from jobs.limits import NAMES
from jobs.resources import examples
from jobs.resources.base import KeyId, ListOf, Resource, Time, about, optional_time, rfc3339
from web.http.validation import NO_CONTROLS, BodyReader, RequestBody

_LARGEST_LIMIT: Final = 10**15
_OWN_LIMIT: Final[dict[str, Any]] = {"type": ["integer", "string"], "minimum": 1, "pattern": "^none$"}

_SCOPES_TEXT: Final = (
    "`submit`: make, cancel and delete jobs. `read`: see them. `admin`: `/v1/admin` and `/metrics`. `proxy`: bring a proxy"
    " of their own, where the operator allows that."
)
_Name = Annotated[str, Meta(min_length=1, max_length=100, pattern=NO_CONTROLS, description="Whose it is, for people.")]
_Scopes = Annotated[
    tuple[Scope, ...], Meta(min_length=1, max_length=len(SCOPES), extra_json_schema={"uniqueItems": True})
]
_OwnLimits = Annotated[
    dict[str, Any],
    Meta(
        extra_json_schema={
            "properties": {
                name: {
                    "anyOf": [
                        {"type": "integer", "minimum": 1, "maximum": _LARGEST_LIMIT},
                        {"const": "none"},
                        {"type": "null"},
                    ]
                }
                for name in NAMES
            },
            "additionalProperties": False,
        },
        description='Limits of its own: a number; `"none"`, no limit; null, as everybody. What each means: `GET /v1/usage`.',
    ),
]


class NewKey(RequestBody, frozen=True, kw_only=True):
    """A request for a key."""

    name: _Name
    scopes: (
        Annotated[
            _Scopes,
            about(f"{_SCOPES_TEXT} Without it: `submit` and `read`; where no key is valid yet, `admin` as well."),
        ]
        | UnsetType
    ) = UNSET
    limits: _OwnLimits = field(default_factory=dict)


NEW_KEY: Final = BodyReader(
    NewKey,
    examples={
        "small": {"summary": "A key that may do everything", "value": {"name": "me"}},
        "bot": {
            "summary": "A key for a bot that shall not take everything",
            "value": {"name": "discord-bot", "scopes": ["submit", "read"], "limits": {"running": 4, "queued": 200}},
        },
    },
)


class KeyChange(RequestBody, frozen=True, kw_only=True):
    """A change of a key. What is not named stays as it is."""

    name: _Name | UnsetType = UNSET
    scopes: Annotated[_Scopes, about(_SCOPES_TEXT)] | UnsetType = UNSET
    limits: _OwnLimits = field(default_factory=dict)


KEY_CHANGE: Final = BodyReader(
    KeyChange,
    extra={"minProperties": 1},
    examples={
        "limits": {
            "summary": "More at once, and as many waiting as everybody",
            "value": {"limits": {"running": 8, "queued": None}},
        },
        "scopes": {"summary": "Only look", "value": {"name": "dashboard", "scopes": ["read"]}},
    },
)


class KeyRotation(RequestBody, frozen=True, kw_only=True):
    """A request to replace a key by a new one."""

    overlap_seconds: Annotated[
        float, Meta(ge=0, le=LONGEST_OVERLAP, description="Seconds that the old key still works.")
    ] = OVERLAP_SECONDS


KEY_ROTATION: Final = BodyReader(
    KeyRotation,
    optional=True,
    examples={
        "day": {"summary": "The old one works for a day", "value": {}},
        "now": {"summary": "The old one ends now", "value": {"overlap_seconds": 0}},
    },
)


class PreviousKey(Resource, frozen=True, kw_only=True):
    """What a key was before it was rotated, while that still works."""

    hint: Annotated[str, about("The last four characters.")]
    ends_at: Annotated[Time, about("When it stops working.")]


class KeyResource(Resource, frozen=True, kw_only=True):
    """An API key, without the key itself."""

    id: Annotated[KeyId, about("The owner of its jobs.", example=examples.KEY)]
    object: Literal["key"] = "key"
    name: Annotated[str, about("As an admin called it.", example="discord-bot")]
    hint: Annotated[str, about("The key's last four characters.", example="x9Qf")]
    scopes: Annotated[list[Scope], about("What it may do.", example=["submit", "read"])]
    limits: Annotated[
        dict[str, Any],
        about(
            "Limits of its own; for the others it has everybody's.",
            example={"running": 4, "queued": 200},
            properties=dict.fromkeys(NAMES, _OWN_LIMIT),
            additionalProperties=False,
        ),
    ]
    previous: Annotated[list[PreviousKey], about("What it was before, while that still works.", example=[])]
    created_at: Annotated[Time, about("When it was made.", example=examples.CREATED_AT)]
    rotated_at: Annotated[
        Time | UnsetType, about("When its secret was last replaced.", example="2026-11-21T14:50:18.000Z")
    ] = UNSET
    revoked_at: Annotated[Time | UnsetType, about("When it was revoked.")] = UNSET


class ShownKeyResource(KeyResource, frozen=True, kw_only=True):
    """An API key with the key itself, which is shown this once."""

    key: Annotated[str, about("The key itself, `dk_live_…`.", example="dk_live_" + "0" * 45 + "x9Qf")]


class KeyList(ListOf[KeyResource], frozen=True, kw_only=True):
    """A part of the list of keys, oldest first."""


def key_resource(record: ApiKey, now: float) -> KeyResource:
    """A key as an admin sees it, with the previous ones that still work ``now`` (Unix seconds by the store's clock)."""
    return KeyResource(
        id=record.id,
        name=record.name,
        hint=record.hint,
        scopes=list(record.scopes),
        limits=record.limits,
        previous=[
            PreviousKey(hint=old.hint, ends_at=rfc3339(old.ends_at)) for old in record.previous if old.ends_at > now
        ],
        created_at=rfc3339(record.created_at),
        rotated_at=optional_time(record.rotated_at),
        revoked_at=optional_time(record.revoked_at),
    )


def shown_key_resource(record: ApiKey, key: str, now: float) -> ShownKeyResource:
    """A new key as an admin sees it, this once with the key itself."""
    return ShownKeyResource(**msgspec.structs.asdict(key_resource(record, now)), key=key)
