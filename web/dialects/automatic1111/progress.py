"""``progress``, ``interrupt`` and ``skip``, and what the web UI itself asks of one request: of the caller's own jobs alone."""

from __future__ import annotations

import base64
import time
from contextlib import suppress

from flask import Blueprint, Response, request

from jobs.errors import JobGone, JobNotFound
from jobs.model import Job, Status
from web.dialects.automatic1111.declared import LABEL, Route, group, plain
from web.dialects.automatic1111.following import (
    foremost,
    fraction,
    jobs_of,
    look,
    open_jobs,
    preview_of,
    seconds_left,
    words,
)
from web.dialects.automatic1111.schemas import INTERRUPTION, TASK, ProgressAnswer, State, TaskAnswer
from web.dialects.bodies import without_nulls
from web.dialects.picture_inputs import as_data_uri
from web.http.json_body import SMALL_BODY, read_json, read_optional_json
from web.http.operation import Parameter, json_response, ok, some
from web.http.validation import or_none
from web.services import caller, services

blueprint = Blueprint("automatic1111_progress", __name__)


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
    found = next(open_jobs(group()), [])
    if not found:
        return json_response(ProgressAnswer())
    seen = foremost(found)
    job = seen.record.job
    preview = None if skip else preview_of(job)
    return json_response(
        ProgressAnswer(
            progress=fraction(job),
            eta_relative=seconds_left(seen),
            state=_state(job, len(found)),
            current_image=None if preview is None else base64.b64encode(preview).decode(),
            textinfo=words(seen),
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
    whose = group()
    found = look(whose, jobs_of(whose, asked.id_task))
    if not found:
        return json_response(TaskAnswer())
    seen = foremost([each for each in found if not each.record.job.status.is_terminal] or found)
    job = seen.record.job
    if job.status.is_terminal:
        return json_response(TaskAnswer(completed=True))
    newer = asked.live_preview and job.preview is not None and job.preview.index != asked.id_live_preview
    preview = preview_of(job) if newer else None
    shown = job.preview.index if job.preview is not None and preview is not None else asked.id_live_preview
    return json_response(
        TaskAnswer(
            active=job.status is Status.RUNNING,
            queued=job.status is Status.QUEUED,
            progress=fraction(job),
            eta=seconds_left(seen) or None,
            live_preview=None if preview is None else as_data_uri(preview),
            id_live_preview=shown,
            textinfo=words(seen),
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
    """List the requests that wait.

    Of the newest 20 open jobs.
    """
    jobs = [seen.record.job for seen in next(open_jobs(group()), [])]
    tasks = dict.fromkeys(job.metadata.get("task", job.id) for job in reversed(jobs) if job.status is Status.QUEUED)
    return plain({"size": len(tasks), "tasks": [*tasks]})


def _interrupted() -> Response:
    asked = INTERRUPTION.read(without_nulls(read_optional_json(request, SMALL_BODY)))
    whose, name = group(), or_none(asked.force_task_id)
    found = [look(whose, jobs_of(whose, name))] if name else open_jobs(whose)
    # The newest first: so none that waits runs for a moment in the place of one that was canceled.
    for seen in [seen for piece in found for seen in piece]:
        with suppress(JobNotFound, JobGone):
            services().jobs.cancel(seen.record.job.id, caller().owner)
    return plain({})


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
