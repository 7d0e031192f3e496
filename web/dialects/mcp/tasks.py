"""Jobs as tasks: ``tasks/get``, ``tasks/cancel`` and ``tasks/update`` of the extension."""

from __future__ import annotations

from flask import Response

from jobs.errors import JobGone, JobNotFound
from web.dialects.mcp.calls import job_of, parts_for
from web.dialects.mcp.messages import INVALID_PARAMS, MISSING_CAPABILITY, TASKS, Call, Refused, reply
from web.dialects.mcp.results import Json, task_of
from web.http.operation import json_response
from web.services import caller, services
from web.v1.job_documents import Seen


def get(call: Call) -> Response:
    """How a task is, and its result."""
    return json_response(reply(call, task_of(_seen(call), parts_for(call))))


def cancel(call: Call) -> Response:
    """End a task, as soon as that is possible."""
    services().jobs.cancel(_seen(call).record.job.id, caller().owner)
    return json_response(reply(call, {}))


def update(call: Call) -> Response:
    """Take what a task asked its client for: none ever asks."""
    _seen(call)
    return json_response(reply(call, {}))


def _seen(call: Call) -> Seen:
    """The job that is meant.

    Raises:
        Refused: The client does not say that it knows tasks, or there is none of this id.
    """
    if not call.takes_tasks:
        needed: Json = {"requiredCapabilities": {"extensions": {TASKS: {}}}}
        raise Refused(MISSING_CAPABILITY, f"The request must name the extension {TASKS}.", data=needed)
    try:
        return job_of(call.params.get("taskId"))
    except (JobNotFound, JobGone):
        raise Refused(INVALID_PARAMS, "There is no task of this id, or not any more.", status=200) from None
