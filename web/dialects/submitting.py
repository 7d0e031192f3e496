"""From a request of a dialect to jobs: read kindly, submitted like any other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec
from flask import Request, request

from jobs.idempotency import Idempotency
from jobs.model import Webhook
from jobs.record.types import Accepted
from jobs.submissions import Submission
from web.dialects.ignored import shown
from web.dialects.made import Made
from web.http.problems import Problem, invalid
from web.services import asker, services
from web.v1.accept import charge, name_after, replayed
from web.v1.idempotency import marks_of
from web.v1.input_images import InputImages
from web.v1.permit import input_images, permit
from web.v1.schemas.jobs import JobRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The jobs that a request of a dialect asks for.

    Args:
        dialect: Its name.
        jobs: What each job is, in the native API's words.
        body: What makes two requests the same. It has no secret.
        places: Where the parts of a native request stand in the dialect's own (:meth:`Problem.relocated`).
        ignored: The fields that have no effect.
        stays: Whether the client stays connected for the result.
        webhook: Where their events are sent, where that is not in the native API's words.
    """

    dialect: str
    jobs: Sequence[JobRequest]
    body: object
    places: Mapping[str, str]
    ignored: Sequence[str] = ()
    stays: bool = True
    webhook: Webhook | None = None


def submit(wanted: Wanted) -> list[Made]:
    """Accept the jobs of the current request, or find those that an earlier sending of it made.

    A client that stays connected joins a job of the same request whose client is gone without the answer.

    Raises:
        Problem: As the native API would refuse it, with the dialect's own places.
        QuotaExceeded: There are too many jobs; none of them is left.
        StoreUnavailable: Redis cannot serve.
        ArtifactError: A file could not be stored.
    """
    marks = [_marks(wanted, number) for number in range(len(wanted.jobs))]
    known = [_known(mark) for mark in marks]
    missing = [number for number, accepted in enumerate(known) if accepted is None]
    images = input_images(asker())
    submissions = {number: _permitted(wanted, number, images) for number in missing}
    if missing:
        charge(len(missing))
    made: list[Accepted] = []
    for number, accepted in enumerate(known):
        try:
            made.append(accepted or services().submissions.accept(submissions[number], marks[number]))
        except Exception:
            _take_back(made)
            raise
    name_after(request.environ, made[0])
    return [Made(accepted, mark) for accepted, mark in zip(made, marks, strict=True)]


def _marks(wanted: Wanted, number: int) -> Idempotency:
    # Each job of a request has marks of its own; the first one those of the request.
    part = f"#{number}" if number else ""
    body = {"dialect": wanted.dialect, "number": number, "body": wanted.body}
    marks = marks_of(asker(), request.environ, f"{request.method} {request.url_rule}{part}", request.path, body)
    return replace(marks, server=services().unanswered.server) if wanted.stays else marks


def _known(marks: Idempotency) -> Accepted | None:
    found = replayed(marks)
    if found is None and marks.server is not None and (joined := services().unanswered.join(marks)) is not None:
        found = Accepted(services().store.get(joined), replayed=True)
    return found


def _permitted(wanted: Wanted, number: int, images: InputImages) -> Submission:
    native = wanted.jobs[number]
    native = msgspec.structs.replace(native, metadata={**native.metadata, "dialect": wanted.dialect})
    try:
        submission = permit(asker(), native, images=images)
    except Problem as problem:
        raise problem.relocated(wanted.places) from None
    if wanted.webhook is not None:
        submission = replace(submission, webhook=wanted.webhook)
    if not (names := shown(wanted.ignored)):
        return submission
    return replace(submission, warnings=(*submission.warnings, f"Ignored: {', '.join(names)}."))


def _take_back(made: Sequence[Accepted]) -> None:
    for accepted in made:
        if not accepted.replayed:
            services().jobs.cancel(accepted.record.job.id, accepted.record.job.owner)


def end_user(asked: Request, given: str | None) -> dict[str, str]:
    """The metadata that name the end user: as the body says, or the header of a program with many users."""
    user = given or asked.headers.get("X-OpenWebUI-User-Id", "")
    if len(user) > _LONGEST_USER or not user.isprintable():
        raise invalid("/user", f"must have at most {_LONGEST_USER} printable characters")
    return {"user": user} if user else {}


_LONGEST_USER: Final = 512
