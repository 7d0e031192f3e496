"""Run a job once more."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any, Final

from flask import Blueprint, Response, request
from msgspec import UNSET

from jobs.files.input_files import kept_file
from jobs.model import Job
from jobs.submissions import Submission
from providers.inputs.images import with_sources
from web.http.json_body import PICTURE_BODY, read_optional_json
from web.http.operation import Operation
from web.services import asker
from web.v1 import idempotency
from web.v1.accept import ANSWERS, ERRORS, PARAMETERS, accept, answer, replayed
from web.v1.input_images import Held, InputImages
from web.v1.job_answers import look
from web.v1.permit import choose, input_images, permit
from web.v1.schemas.jobs import RERUN, JobRequest

blueprint = Blueprint("reruns", __name__)

WITHOUT_CREDENTIALS: Final = "The credentials of the first job were not copied: they are deleted when a job ends."


@blueprint.post("/jobs/<job:job_id>/rerun")
@Operation(
    "rerunJob", "Jobs", "submit", submits=True, body=RERUN, parameters=PARAMETERS, answers=ANSWERS, errors=ERRORS
)
def rerun(job_id: str) -> Response:
    """Run a job again.

    Makes a new job with the same request and the changes in `input`. Input images are taken along, credentials are not.
    The seed is the one that the first job really used, even if it was chosen at random; `"seed": null` chooses a new
    one. The new job names the old one in `retry_of`.
    """
    body = read_optional_json(request, PICTURE_BODY)
    marks = idempotency.marks(body)
    # The first job is needed only where none was made from it yet: it may be gone when the request comes again.
    return answer(replayed(marks) or accept(_submission(body, look(job_id).record.job), marks))


def _submission(body: object, job: Job) -> Submission:
    """The submission of a rerun: it goes to the same webhook, and names the job that it repeats."""
    changes = RERUN.read(body).input
    who = asker()
    images, route = input_images(who), choose(who.services, job.model, job.requested_provider)
    submission = permit(who, _wanted_again(job, changes, route.files, images), route, images)
    warnings = (WITHOUT_CREDENTIALS,) if job.has_credentials else ()
    return replace(submission, webhook=job.webhook, retry_of=job.id, warnings=(*submission.warnings, *warnings))


def _wanted_again(job: Job, changes: dict[str, Any], params: Collection[str], images: InputImages) -> JobRequest:
    """What a job wanted, with changes to its input (None takes a parameter out), but without credentials and webhook."""
    # What the first one really used, where that was left to chance: the same once more is the same image.
    fixed = {} if job.recipe is None else job.recipe.fixed
    old = {name: value for name, value in {**job.given, **fixed}.items() if name not in changes}

    def handed_on(_: str, source: str) -> str:
        kept = kept_file(source)
        return source if kept is None else images.know(Held(job.id, kept.digest, ending=kept.ending))

    new = {name: value for name, value in changes.items() if value is not None}
    return JobRequest(
        model=job.model,
        input={**with_sources(old, params, handed_on), **new},
        provider=job.requested_provider or UNSET,
        strategy=job.strategy,
        priority=job.priority,
        metadata=job.metadata,
        deadline_seconds=UNSET if job.deadline_at is None else round(job.deadline_at - job.created_at, 3),
        retention_seconds=job.retention_seconds,
        embed_recipe=job.embed_recipe,
    )
