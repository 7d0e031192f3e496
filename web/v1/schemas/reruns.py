"""A job once more: its request as it was, with changes to its input."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from jsonschema_rs import Draft202012Validator

from jobs.files.images import KEPT
from jobs.model import Job
from jobs.service import Submission
from providers.catalog import Catalog
from providers.inputs.images import with_sources
from web.schemas import Json
from web.v1.schemas.input_images import Pictures
from web.v1.schemas.jobs import check, parse

#: The body of ``POST /v1/jobs/{id}/rerun``.
SCHEMA: Final[Json] = {
    "type": "object",
    "properties": {
        "input": {
            "type": "object",
            "description": "Parameters that shall be different; `null` takes one out, so that its default holds (a seed"
            " is drawn anew).",
        }
    },
    "additionalProperties": False,
}

WITHOUT_CREDENTIALS: Final = "The credentials of the first job were not copied: they are deleted when a job ends."

_validator: Final = Draft202012Validator(SCHEMA)


def parse_rerun(body: object, job: Job, catalog: Catalog, pictures: Pictures) -> Submission:
    """Check a body and make it a submission.

    Args:
        body: As decoded by :mod:`web.http.json_body`.
        job: The job that shall run once more; the new one is its owner's.
        catalog: Models and providers.
        pictures: Reads those of this request.

    Raises:
        Problem: As :func:`web.v1.schemas.jobs.parse`.
    """
    changes: Json = check(_validator, body).get("input", {})
    # What the first one really used, where that was left to chance: the same once more is the same picture.
    fixed = {} if job.recipe is None else job.recipe.fixed
    old = {name: value for name, value in {**job.given, **fixed}.items() if name not in changes}
    names = catalog.choose(job.model, job.requested_provider).images
    old = with_sources(old, names, lambda _, source: _handed_on(source, job, pictures))
    new = {name: value for name, value in changes.items() if value is not None}
    request: Json = {
        "model": job.model,
        "input": {**old, **new},
        "strategy": job.strategy,
        "priority": job.priority.value,
        "metadata": job.metadata,
        "retention_seconds": job.retention_seconds,
        "embed_recipe": job.embed_recipe,
    }
    if job.requested_provider is not None:
        request["provider"] = job.requested_provider
    if job.deadline_at is not None:
        request["deadline_seconds"] = round(job.deadline_at - job.created_at, 3)
    warnings = (WITHOUT_CREDENTIALS,) if job.has_credentials else ()
    submission = parse(request, job.owner, catalog, pictures)
    return replace(submission, webhook=job.webhook, retry_of=job.id, warnings=(*submission.warnings, *warnings))


def _handed_on(source: str, job: Job, pictures: Pictures) -> str:
    """A picture of the old job, under a name that the new request can give it."""
    return pictures.know((job.id, source.removeprefix(KEPT))) if source.startswith(KEPT) else source
