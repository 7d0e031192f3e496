"""Why a job has no result, in the objects of OpenAI's that show one."""

from __future__ import annotations

from typing import Annotated

from jobs.model import Job
from jobs.resources.base import Resource, about


class OpenAIFailure(Resource, frozen=True, kw_only=True):
    """Why there is no result."""

    code: Annotated[str, about("As `error.code` of the job.", example="provider_error")]
    message: Annotated[str, about("What happened.", example="the app crashed")]


def failure_in(job: Job) -> OpenAIFailure | None:
    """Why a job failed; None: it did not."""
    return None if job.error is None else OpenAIFailure(code=job.error.code, message=job.error.detail)
