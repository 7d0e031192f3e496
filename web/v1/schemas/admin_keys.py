"""What may be said of a key, and how it is shown. Pure."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from jobs.access.api_keys import LONGEST_OVERLAP, OVERLAP_SECONDS, SCOPES, ApiKey, Scope
from jobs.limits import NAMES
from jobs.resources import examples
from jobs.resources.base import KeyId, ListOf, Resource, Time, optional_time
from jobs.times import rfc3339
from web.http.json_body import Json

_LARGEST_LIMIT: Final = 10**15
_OWN_LIMIT: Final[Json] = {"type": ["integer", "string"], "minimum": 1, "pattern": "^none$"}

_NAME: Final[Json] = {
    "type": "string",
    "minLength": 1,
    "maxLength": 100,
    "pattern": r"^[^\x00-\x1f\x7f]*$",
    "description": "Whose it is, for people.",
}
_SCOPES: Final[Json] = {
    "type": "array",
    "items": {"enum": list(SCOPES)},
    "minItems": 1,
    "maxItems": len(SCOPES),
    "uniqueItems": True,
    "description": "`submit`: make, cancel and delete jobs. `read`: see them. `admin`: `/v1/admin` and `/metrics`."
    " `proxy`: bring a proxy of their own, where the operator allows that.",
}
_NEW_SCOPES: Final[Json] = {
    **_SCOPES,
    "description": f"{_SCOPES['description']} Without it: `submit` and `read`; where no key is valid yet, `admin` as well.",
}
_LIMITS: Final[Json] = {
    "type": "object",
    "properties": {
        name: {"type": ["integer", "string", "null"], "pattern": "^none$", "minimum": 1, "maximum": _LARGEST_LIMIT}
        for name in NAMES
    },
    "additionalProperties": False,
    "description": (
        'Limits of its own: a number; `"none"`, no limit; null, as everybody. What each means: `GET /v1/usage`.'
    ),
}
#: The body of ``POST /v1/admin/keys``.
NEW: Final[Json] = {
    "type": "object",
    "properties": {"name": _NAME, "scopes": _NEW_SCOPES, "limits": _LIMITS},
    "required": ["name"],
    "additionalProperties": False,
}
#: The body of ``PATCH /v1/admin/keys/{id}``.
CHANGE: Final[Json] = {
    "type": "object",
    "properties": {"name": _NAME, "scopes": _SCOPES, "limits": _LIMITS},
    "minProperties": 1,
    "additionalProperties": False,
}
#: The body of ``POST /v1/admin/keys/{id}/rotate``.
ROTATION: Final[Json] = {
    "type": "object",
    "properties": {
        "overlap_seconds": {
            "type": "number",
            "minimum": 0,
            "maximum": LONGEST_OVERLAP,
            "default": OVERLAP_SECONDS,
            "description": "So long the old key works on.",
        }
    },
    "additionalProperties": False,
}


class PreviousKey(Resource, frozen=True, kw_only=True):
    """What a key was before it was rotated, while that still works."""

    hint: Annotated[str, Meta(description="The last four characters.")]
    ends_at: Time


class KeyResource(Resource, frozen=True, kw_only=True):
    """An API key, without the key itself."""

    id: Annotated[KeyId, Meta(description="Owns the jobs.", examples=[examples.KEY])]
    object: Literal["key"] = "key"
    name: Annotated[str, Meta(description="As an admin called it.", examples=["discord-bot"])]
    hint: Annotated[str, Meta(description="The key's last four characters.", examples=["x9Qf"])]
    scopes: Annotated[list[Scope], Meta(examples=[["submit", "read"]])]
    limits: Annotated[
        dict[str, Any],
        Meta(
            description="Limits of its own; for the others it has everybody's.",
            extra_json_schema={"properties": dict.fromkeys(NAMES, _OWN_LIMIT), "additionalProperties": False},
            examples=[{"running": 4, "queued": 200}],
        ),
    ]
    previous: Annotated[
        list[PreviousKey], Meta(description="What it was before, while that still works.", examples=[[]])
    ]
    created_at: Annotated[Time, Meta(examples=[examples.CREATED_AT])]
    rotated_at: Annotated[Time, Meta(examples=["2026-11-21T14:50:18.000Z"])] | UnsetType = UNSET
    revoked_at: Time | UnsetType = UNSET


class ShownKeyResource(KeyResource, frozen=True, kw_only=True):
    """An API key with the key itself, which is shown this once."""

    key: Annotated[str, Meta(description="The key itself, `dk_live_…`.", examples=["dk_live_" + "0" * 45 + "x9Qf"])]


class KeyList(ListOf[KeyResource], frozen=True, kw_only=True):
    """All keys."""


def key_resource(record: ApiKey, now: float) -> KeyResource:
    """A key as an admin sees it.

    Args:
        record: The key.
        now: By the store's clock, in Unix seconds: a previous key that still works is shown.
    """
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
