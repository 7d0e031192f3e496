"""``progress``, ``interrupt`` and ``skip``, and what the web UI itself asks of one request: of the caller's own jobs alone."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from flask import Blueprint, Response, request

from jobs.errors import JobGone, JobNotFound
from jobs.ids import JOB
from jobs.model import Job, Status
from web.dialects.automatic1111.declared import LABEL, Route, followed, group, plain
from web.dialects.automatic1111.schemas import (
    INTERRUPTION,
    TASK,
    ProgressAnswer,
    State,
    TaskAnswer,
)
from web.dialects.bodies import without_nulls
from web.dialects.picture_inputs import as_data_uri
from web.http.json_body import SMALL_BODY, read_json, read_optional_json
from web.http.operation import Parameter, json_response, ok, some
from web.http.validation import or_none
from web.services import caller, services
from web.v1.job_documents import Seen

blueprint = Blueprint("automatic1111_progress", __name__)

#: Jobs that are looked at together. The newest open one is mostly the newest of all.
_PIECE: Final = 20


@blueprint.get("/sdapi/v1/progress")
@Route(
    "sdapiProgress", LABEL, "read",
    parameters=(Parameter("skip_current_image", "query", "`true`: without a preview.", example="true"),),
    answers=(ok("How far it is.", ProgressAnswer),),
    errors=("invalid_input",),
)  # fmt: skip
def progress() -> Response:
    """Ask how far the newest open job is.

    Of those that this key submitted at these routes, one that runs comes first. Other keys' jobs, and those of other routes, do
    not count.
    """
    skip = some(request, "skip_current_image").get("skip_current_image", "").lower() in {"true", "1"}
    found = _newest_open(group())
    if not found:
        return json_response(ProgressAnswer())
    seen = _foremost(found)
    job = seen.record.job
    preview = None if skip else _preview(job)
    return json_response(
        ProgressAnswer(
            progress=_fraction(job),
            eta_relative=_eta(seen),
            state=_state(job, len(found)),
            current_image=None if preview is None else base64.b64encode(preview).decode(),
            textinfo=_text(seen),
            current_task=job.metadata.get("task", job.id),
        )
    )


@blueprint.post("/sdapi/v1/interrupt")
@Route("sdapiInterrupt", LABEL, "submit", body=INTERRUPTION, answers=(ok("Done.", None),), errors=("invalid_input",))
def interrupt() -> Response:
    """Cancel the open jobs.

    All that this key submitted at these routes, or those of the request that `force_task_id` names.
    """
    return _interrupted()


@blueprint.post("/sdapi/v1/skip")
@Route("sdapiSkip", LABEL, "submit", body=INTERRUPTION, answers=(ok("Done.", None),), errors=("invalid_input",))
def skip() -> Response:
    """Cancel the open jobs.

    The same as `interrupt`.
    """
    return _interrupted()


@blueprint.post("/internal/progress")
@Route(
    "sdapiTaskProgress",
    LABEL,
    "read",
    body=TASK,
    answers=(ok("How far it is.", TaskAnswer),),
    errors=("invalid_input",),
)
def task_progress() -> Response:
    """Ask how far one request is."""
    asked = TASK.read(without_nulls(read_json(request, SMALL_BODY)))
    found = _seen(_jobs_of(group(), asked.id_task))
    if not found:
        return json_response(TaskAnswer())
    seen = _foremost([each for each in found if not each.record.job.status.is_terminal] or found)
    job = seen.record.job
    if job.status.is_terminal:
        return json_response(TaskAnswer(completed=True))
    newer = asked.live_preview and job.preview is not None and job.preview.index != asked.id_live_preview
    preview = _preview(job) if newer else None
    shown = job.preview.index if job.preview is not None and preview is not None else asked.id_live_preview
    return json_response(
        TaskAnswer(
            active=job.status is Status.RUNNING,
            queued=job.status is Status.QUEUED,
            progress=_fraction(job),
            eta=_eta(seen) or None,
            live_preview=None if preview is None else as_data_uri(preview),
            id_live_preview=shown,
            textinfo=_text(seen),
        )
    )


@blueprint.get("/internal/pending-tasks")
@Route(
    "sdapiPendingTasks",
    LABEL,
    "read",
    answers=(ok("`size`, and `tasks` as they were named, or their jobs' ids.", None),),
)
def pending_tasks() -> Response:
    """List the requests that wait."""
    jobs = [seen.record.job for seen in _newest_open(group())]
    tasks = dict.fromkeys(job.metadata.get("task", job.id) for job in reversed(jobs) if job.status is Status.QUEUED)
    return plain({"size": len(tasks), "tasks": [*tasks]})


def _interrupted() -> Response:
    asked = INTERRUPTION.read(without_nulls(read_optional_json(request, SMALL_BODY)))
    whose, name = group(), or_none(asked.force_task_id)
    for job_id in followed().newest(whose) if name is None else _jobs_of(whose, name):
        with suppress(JobNotFound, JobGone):
            services().jobs.cancel(job_id, caller().owner)
    return plain({})


def _jobs_of(whose: str, name: str) -> list[str]:
    return followed().named(whose, name) or ([name] if re.fullmatch(JOB, name) else [])


def _seen(job_ids: Sequence[str]) -> list[Seen]:
    """Those of the jobs that are the caller's, as they stand."""
    found = services()
    looked = [one for one in found.views.looks(job_ids) if one[0].job.owner == caller().owner]
    return [Seen(record, found.queue_estimates.waiting(record, place)) for record, place in looked]


def _newest_open(whose: str) -> list[Seen]:
    """Some of the newest open jobs, the newest first; those that have ended are met once, and then forgotten."""
    job_ids = followed().newest(whose)
    for start in range(0, len(job_ids), _PIECE):
        piece = job_ids[start : start + _PIECE]
        found = [seen for seen in _seen(piece) if not seen.record.job.status.is_terminal]
        gone = set(piece) - {seen.record.job.id for seen in found}
        if gone:
            followed().remove(whose, [*gone])
        if found:
            return found
    return []


def _foremost(found: Sequence[Seen]) -> Seen:
    return next((seen for seen in found if seen.record.job.status is Status.RUNNING), found[0])


def _state(job: Job, count: int) -> State:
    known = job.progress
    return State(
        interrupted=job.cancel_requested_at is not None,
        job=job.id,
        job_count=count,
        job_timestamp=time.strftime("%Y%m%d%H%M%S", time.gmtime(job.created_at)),
        sampling_step=(known.step if known is not None else None) or 0,
        sampling_steps=(known.total if known is not None else None) or 0,
    )


def _fraction(job: Job) -> float:
    known = job.progress
    if known is None:
        return 0.0
    if known.fraction is None and known.step is not None and known.total:
        return min(1.0, known.step / known.total)
    return known.fraction or 0.0


def _eta(seen: Seen) -> float:
    """Seconds until the end: as the queue expects it, or by how far it has come since its start; 0: not known."""
    job, part = seen.record.job, _fraction(seen.record.job)
    if seen.waiting is not None:
        return seen.waiting.eta_seconds or 0.0
    if not part or job.started_at is None:
        return 0.0
    return max(0.0, (services().store.now() - job.started_at) * (1 - part) / part)


def _text(seen: Seen) -> str | None:
    waiting, known = seen.waiting, seen.record.job.progress
    if waiting is None:
        return None if known is None else known.message
    place = "" if waiting.position is None else f"Place {waiting.position + 1} in the queue. "
    return place + waiting.message


def _preview(job: Job) -> bytes | None:
    return None if job.preview is None else services().store.preview(job.id, job.preview.index)
