"""Which requests can be answered from the cache, and the job that such an answer makes. Pure.

A request can be answered from the cache if its seed is given and really used. A result is reused for the same owner
only.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec.structs import replace

from jobs.egress import holds_address
from jobs.model import Job, Progress, Status

#: The warning of a request that allows the cache and cannot be answered from it.
ELUSIVE: Final = (
    "A result is reused only for a request with an explicit seed, without credentials, without images given by address,"
    " for a model that takes a seed."
)

#: The parameter that makes a seed be thrown away.
DICE: Final = "randomize_seed"

_encode = msgspec.json.Encoder(order="sorted").encode


def identity(job: Job) -> bytes | None:
    """The cache key of a new job: equal for all requests with the same result; None if it cannot be cached.

    Priority, metadata and retention make no difference; whether files contain their recipe does.
    """
    used = job.input
    is_fixed = job.given.get("seed") is not None and used.get("seed") is not None and not used.get(DICE)
    if not is_fixed or job.has_credentials or any(holds_address(name, value) for name, value in used.items()):
        return None
    same: dict[str, Any] = {"model": job.model, "provider": job.requested_provider, "input": used}
    return _encode({**same, "owner": job.owner, "embed": job.embed_recipe})


def recalled(job: Job, first: Job) -> Job:
    """The job as it is written if the result of ``first`` answers it; it already has its own copies of the files."""
    return replace(
        job,
        status=Status.SUCCEEDED,
        cache="hit",
        provider=first.provider,
        input=first.input,
        outputs=first.outputs,
        recipe=first.recipe,
        warnings=tuple(dict.fromkeys((*job.warnings, *first.warnings))),
        progress=Progress(stage="saving", fraction=1.0),
        finished_at=job.created_at,
    )
