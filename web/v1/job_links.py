"""The files of a job, and the links that open them without a key."""

from __future__ import annotations

import hashlib
from io import BytesIO
from typing import BinaryIO

from jobs.model import Job, Output
from jobs.resources.base import job_path
from web.http.signed_links import Grant
from web.services import Asker, Services


def open_output(services: Services, job: Job, output: Output) -> tuple[BinaryIO, int, str]:
    """The file of an output, its length and its SHA-256; a text is in the record itself.

    Raises:
        ArtifactNotFound: It is no longer kept.
    """
    if output.sha256 is None:
        text = (output.text or "").encode()
        return BytesIO(text), len(text), hashlib.sha256(text).hexdigest()
    return services.artifacts.open(job.id, output.sha256), output.bytes or 0, output.sha256


def signed_link(asker: Asker, job: Job, seconds: float, *rest: str) -> tuple[str, int]:
    """A link to a resource below a job, and when it stops working (Unix seconds): at the latest with the job."""
    # Not the path that was asked for: an index may have been written as 00 there.
    return signed_path(asker, job, seconds, job_path(job.id, *rest))


def signed_path(asker: Asker, job: Job, seconds: float, path: str) -> tuple[str, int]:
    """Like :func:`signed_link`, for any path that shows the job."""
    ends = asker.services.connection.now() + seconds
    until = int(ends if job.expires_at is None else min(ends, job.expires_at))
    signature = asker.services.signed_links.sign(Grant(asker.caller.owner, path, until))
    return f"{asker.links.base}{path}?sig={signature}", until
