"""What a key may use and uses, as the API shows it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, UnsetType

from jobs.limits import MEANINGS
from jobs.resources import examples
from jobs.resources.base import Count, Resource, about

_FILES: Final = {"files": "Files that are kept (`/v1/files`).", "file_bytes": "Bytes of these files together."}


def _counts(texts: Mapping[str, str]) -> dict[str, Any]:
    return {
        "properties": {name: {"type": "integer", "minimum": 0, "description": text} for name, text in texts.items()}
    }


class UsageKey(Resource, frozen=True, kw_only=True):
    """The key that asks."""

    name: Annotated[str, about("As an admin named it.", example="discord-bot")]
    hint: Annotated[str, about("The key's last four characters.", example="x9Qf")]
    scopes: Annotated[list[str], about("What it may do.", example=["submit", "read"])]


class UsageResource(Resource, frozen=True, kw_only=True):
    """What the caller's key may use, and uses."""

    object: Literal["usage"] = "usage"
    owner: Annotated[str, about("The key's id; `local` if no key is needed.", example=examples.KEY)]
    key: UsageKey | UnsetType = UNSET
    user: Annotated[str | UnsetType, about("The end user that was asked for.", example="discord-1234")] = UNSET
    limits: Annotated[
        dict[str, Count],
        about(
            "What the key may use; absent is no limit.",
            example={"submits_per_minute": 6000, "queued": 200, "running": 4, "files": 1000},
            **_counts({**MEANINGS, **_FILES}),
        ),
    ]
    used: Annotated[
        dict[str, Count],
        about(
            "What the key uses now. Rates are counted only if they are limited.",
            example={"submits_per_minute": 3, "queued": 7, "running": 4, "files": 2},
            **_counts({**MEANINGS, **_FILES}),
        ),
    ]
    resets_in: Annotated[
        dict[str, Count],
        about(
            "Seconds until the window moves on; from then on, earlier use counts less and less.",
            example={"submits_per_minute": 33},
            **_counts({name: "Seconds." for name in MEANINGS if "_per_" in name}),
        ),
    ]
