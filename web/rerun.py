"""A job once more: its request as it was, with changes to its input."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from jsonschema_rs import Draft202012Validator

from jobs.artifacts import ArtifactStore
from jobs.model import Job
from jobs.pictures import verify
from jobs.service import Submission
from providers.catalog import Catalog
from web.schemas import Json
from web.submission import check, parse

#: The body of ``POST /v1/jobs/{id}/rerun``.
SCHEMA: Final[Json] = {
    "type": "object",
    "properties": {
        "input": {
            "type": "object",
            "description": "Parameters that shall be different; `null` takes one out, so that its default holds.",
        }
    },
    "additionalProperties": False,
}

WITHOUT_CREDENTIALS: Final = "The credentials of the first job were not copied: they are deleted when a job ends."

_validator: Final = Draft202012Validator(SCHEMA)


def parse_rerun(body: object, job: Job, catalog: Catalog, artifacts: ArtifactStore) -> Submission:
    """Check a body and make it a submission.

    Args:
        body: As decoded by :mod:`web.frontdoor`.
        job: The job that shall run once more; the new one is its owner's.
        catalog: Models and providers.
        artifacts: Where the pictures of its input are.

    Raises:
        Problem: As :func:`web.submission.parse`.
        ArtifactNotFound: A picture of its input is no longer kept.
    """
    changes: Json = check(_validator, body).get("input", {})
    old = {name: value for name, value in job.given.items() if name not in changes}
    new = {name: value for name, value in changes.items() if value is not None}
    request: Json = {
        "model": job.model,
        "input": {**restored(old, lambda digest: _read(artifacts, job.id, digest)), **new},
        "strategy": job.strategy,
        "priority": job.priority.value,
        "metadata": job.metadata,
        "retention_seconds": job.retention_seconds,
    }
    if job.requested_provider is not None:
        request["provider"] = job.requested_provider
    if job.deadline_at is not None:
        request["deadline_seconds"] = round(job.deadline_at - job.created_at, 3)
    warnings = (WITHOUT_CREDENTIALS,) if job.has_credentials else ()
    submission = parse(request, job.owner, catalog)
    return replace(submission, webhook=job.webhook, retry_of=job.id, warnings=(*submission.warnings, *warnings))


def restored(given: Json, read: Callable[[str], bytes]) -> Json:
    """The input as it was submitted, before its inline pictures became files.

    Args:
        given: As the record holds it.
        read: Gives the picture with a hash.
    """

    def put_back(value: Any, name: str = "") -> Any:  # noqa: ANN401 - any JSON
        if isinstance(value, str) and name in {"image", "url"} and value.startswith("sha256:"):
            data = read(value.removeprefix("sha256:"))
            return f"data:{verify(data).content_type};base64,{base64.b64encode(data).decode()}"
        if isinstance(value, dict):
            return {key: put_back(item, key) for key, item in value.items()}
        return [put_back(item) for item in value] if isinstance(value, list) else value

    return {name: put_back(value, name) for name, value in given.items()}


def _read(artifacts: ArtifactStore, job_id: str, digest: str) -> bytes:
    with artifacts.open(job_id, digest) as file:
        return file.read()
