"""What a key may use and uses, as the API shows it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, Meta, UnsetType

from jobs.limits import MEANINGS
from jobs.resources import examples
from jobs.resources.base import Count, Resource

_FILES: Final = {
    "files": "Files that are kept (`/v1/files`).",
    "file_bytes": "Bytes of these files together.",
}


def _counts(texts: Mapping[str, str]) -> dict[str, Any]:
    return {
        "properties": {name: {"type": "integer", "minimum": 0, "description": text} for name, text in texts.items()}
    }


class UsageKey(Resource, frozen=True, kw_only=True):
    """The key that asks."""

    name: Annotated[str, Meta(examples=["discord-bot"])]
    hint: Annotated[str, Meta(description="The key's last four characters.", examples=["x9Qf"])]
    scopes: Annotated[list[str], Meta(examples=[["submit", "read"]])]


class UsageResource(Resource, frozen=True, kw_only=True):
    """What the caller's key may use, and uses."""

    object: Literal["usage"] = "usage"
    owner: Annotated[str, Meta(description="The key's id; `local` where no key is needed.", examples=[examples.KEY])]
    key: UsageKey | UnsetType = UNSET
    user: (
        Annotated[str, Meta(description="The end user that was asked for.", examples=["discord-1234"])] | UnsetType
    ) = UNSET
    limits: Annotated[
        dict[str, Count],
        Meta(
            description="What the key may use; absent is no limit.",
            extra_json_schema=_counts({**MEANINGS, **_FILES}),
            examples=[
                {
                    "submits_per_minute": 6000,
                    "reads_per_minute": 60_000,
                    "queued": 200,
                    "running": 4,
                    "user_queued": 1000,
                    "user_running": 100,
                    "input_bytes_per_day": 10_737_418_240,
                    "streams": 500,
                    "files": 1000,
                    "file_bytes": 1_073_741_824,
                }
            ],
        ),
    ]
    used: Annotated[
        dict[str, Count],
        Meta(
            description="What it uses now. What a minute or a day holds is counted where there is a limit.",
            extra_json_schema=_counts({**MEANINGS, **_FILES}),
            examples=[
                {
                    "submits_per_minute": 3,
                    "reads_per_minute": 41,
                    "queued": 7,
                    "running": 4,
                    "user_queued": 2,
                    "user_running": 1,
                    "input_bytes_per_day": 48_213,
                    "streams": 1,
                    "files": 2,
                    "file_bytes": 918_204,
                }
            ],
        ),
    ]
    resets_in: Annotated[
        dict[str, Count],
        Meta(
            description="Seconds until the window moves on: what was used before then weighs less and less.",
            extra_json_schema=_counts({name: "Seconds." for name in MEANINGS if "_per_" in name}),
            examples=[{"submits_per_minute": 33, "reads_per_minute": 33, "input_bytes_per_day": 27_183}],
        ),
    ]
