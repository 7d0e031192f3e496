"""What may be said of a key, and how it is shown. Pure."""

from __future__ import annotations

from typing import Final

from jobs.access.api_keys import LONGEST_OVERLAP, OVERLAP_SECONDS, SCOPES, ApiKey
from jobs.limits import NAMES
from web.schemas import Json, optional_time, present

_LARGEST_LIMIT: Final = 10**15

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


def key_json(record: ApiKey, now: float) -> Json:
    """A key as an admin sees it at ``now``, in Unix seconds."""
    return present(
        {
            "id": record.id,
            "object": "key",
            "name": record.name,
            "hint": record.hint,
            "scopes": list(record.scopes),
            "limits": record.limits,
            "previous": [
                {"hint": old.hint, "ends_at": optional_time(old.ends_at)}
                for old in record.previous
                if old.ends_at > now
            ],
            "created_at": optional_time(record.created_at),
            "rotated_at": optional_time(record.rotated_at),
            "revoked_at": optional_time(record.revoked_at),
        }
    )
