"""What the caller may use, and uses."""

from __future__ import annotations

import msgspec
from flask import Blueprint, Response, request
from msgspec import UNSET

from jobs.files.uploads import COUNT_LIMIT
from jobs.resources.base import optional
from jobs.submissions import fair_user
from web.http.operation import Operation, Parameter, json_response, ok, only
from web.services import caller, services
from web.v1.schemas.usage import UsageKey, UsageResource

blueprint = Blueprint("usage", __name__)


@blueprint.get("/usage")
@Operation(
    "getUsage",
    "Operations",
    "read",
    parameters=(
        Parameter(
            "user",
            "query",
            "An end user, as in `metadata.user` of jobs: the answer has this user's usage too.",
            example="discord-1234",
        ),
    ),
    answers=(ok("The limits and the usage.", UsageResource),),
    errors=("invalid_input",),
)
def usage() -> Response:
    """Get the limits and usage of your key.

    For all jobs of the key, and with `user` also for one end user.
    """
    user = only(request, "user").get("user")
    found, who = services(), caller()
    party = None if user is None else fair_user(who.owner, user)
    windows = found.rate_limiter.used(who.owner, who.limits)
    used = {name: each.window.quota - each.remaining for name, each in windows.items() if each.window.quota is not None}
    kept = found.uploads.usage(who.owner)
    limits = msgspec.structs.asdict(who.limits)
    return json_response(
        UsageResource(
            owner=who.owner,
            key=UNSET
            if who.key is None
            else UsageKey(name=who.key.name, hint=who.key.hint, scopes=list(who.key.scopes)),
            user=optional(user),
            limits={
                **{name: limit for name, limit in limits.items() if limit is not None},
                "files": COUNT_LIMIT,
                "file_bytes": found.settings.file_bytes,
            },
            used={**used, **found.views.counts(who.owner, party), "files": kept.count, "file_bytes": kept.bytes},
            resets_in={name: each.resets_in for name, each in windows.items()},
        )
    )
