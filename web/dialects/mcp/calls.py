"""Calls of tools: from their arguments to jobs, and what each is answered."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from flask import Response, request

from jobs import ids
from jobs.errors import JobNotFound
from jobs.record.types import Accepted
from providers.inputs.faults import FAULTS_LIMIT, Checker
from web.dialects.bodies import without_nulls
from web.dialects.made import Made
from web.dialects.mcp.canceling import marked
from web.dialects.mcp.messages import INVALID_PARAMS, Call, Refused, reply
from web.dialects.mcp.results import Json, Parts, plain_result, result_of, task_of
from web.dialects.mcp.streams import stream
from web.dialects.mcp.tools import MAKERS, OTHERS, Maker, default_of, schema_of
from web.dialects.models import inputs
from web.dialects.picture_inputs import picture_inputs
from web.dialects.submitting import Wanted, submit
from web.http.operation import json_response
from web.http.problems import Problem, invalid, invalid_all
from web.services import asker, caller, services
from web.v1.accept import as_accepted
from web.v1.job_answers import look
from web.v1.job_documents import Seen
from web.v1.permit import choose
from web.v1.schemas.jobs import JobRequest

#: Arguments that are no parameters of a model by these names.
_APART: Final = frozenset({"model", "image", "more_images", "mask", "question"})
#: What to say of a text of the wrong form: only ids of jobs have one.
_WORDS: Final = {"pattern": "is not the id of a job, as another tool gave it"}
_QUESTION: Final = "Describe this picture."
_JOB: Final = re.compile(ids.JOB)


def call_tool(call: Call) -> Response:
    """The answer to a call of a tool.

    Raises:
        Refused: There is no such tool, or its arguments are none.
        Problem: It was not called as it can be.
    """
    # Some hosts send null for what a model leaves out.
    params = without_nulls(call.params)
    name, arguments = params.get("name"), without_nulls(params.get("arguments", {}))
    if not isinstance(name, str) or not isinstance(arguments, dict):
        raise Refused(INVALID_PARAMS, "params.name must be a text, and params.arguments an object.", status=200)
    if name in OTHERS:
        _check(OTHERS[name]["inputSchema"], arguments)
        return _OTHERS[name](call, arguments)
    tool = MAKERS.get(name)
    if tool is None or not tool.models(services().catalog):
        raise Refused(INVALID_PARAMS, "There is no tool of this name here; tools/list has all.", status=200)
    return _make(call, tool, arguments)


def parts_for(call: Call) -> Parts:
    """What its result may have: copies of pictures only fill the memory of a model that cannot look at them."""
    return Parts(pictures=request.args.get("no_image_content") != "true", links=call.takes_links)


def _check(schema: Json, arguments: Mapping[str, Any]) -> None:
    faults = [*Checker(schema, _WORDS).faults(arguments)][:FAULTS_LIMIT]
    if faults:
        raise invalid_all([(fault.pointer, fault.detail) for fault in faults])


def _make(call: Call, tool: Maker, arguments: Mapping[str, Any]) -> Response:
    models = tool.models(services().catalog)
    _check(schema_of(tool, models), arguments)
    model = arguments.get("model", default_of(tool))
    if model not in models:
        raise invalid("/model", "is none of this tool's models; list_models has all")
    wanted = _wanted(call, tool, model, arguments)
    # Only these calls count against the limit of submissions.
    services().rate_limiter.admit(request.environ, "submit", caller().owner, caller().limits)
    (made,) = submit(wanted)
    seen = as_accepted(asker(), made.accepted)
    if call.takes_tasks and not seen.record.job.status.is_terminal:
        return json_response(reply(call, {**task_of(seen, parts_for(call)), "resultType": "task"}))
    return stream(
        call, made, partial(result_of, parts=parts_for(call)),
        seconds=services().timings.tool_call, ignored=wanted.ignored,
    )  # fmt: skip


def _wanted(call: Call, tool: Maker, model: str, arguments: Mapping[str, Any]) -> Wanted:
    """The job that a call asks for.

    Raises:
        Problem: The model takes no such pictures.
    """
    route = choose(services(), model, None)
    theirs = {"prompt": "question"} if "question" in tool.properties else {}
    asked = {name: value for name, value in arguments.items() if name not in _APART}
    if theirs:
        asked["prompt"] = arguments.get("question", _QUESTION)
    found, names, unused = inputs(route, asked)
    if "image" in tool.properties:
        masks = [arguments["mask"]] if "mask" in arguments else []
        found |= picture_inputs(route, [arguments["image"], *arguments.get("more_images", ())], masks)
    return Wanted(
        dialect="mcp",
        jobs=[JobRequest(model=model, input=found, metadata=marked(call))],
        body={"tool": tool.name, "arguments": arguments},
        places={**{f"/input/{own}": f"/{theirs.get(name, name)}" for own, name in names.items()}, "/input": ""},
        ignored=[name for name in (theirs.get(name, name) for name in unused) if name in arguments],
        stays=not call.takes_tasks,
    )


# -- tools that make no job ---------------------------------------------------


def _get_job(call: Call, arguments: Mapping[str, Any]) -> Response:
    seen = job_of(arguments["job_id"])
    made = Made(Accepted(seen.record, replayed=False), None)
    most = services().timings.tool_call
    seconds = min(arguments.get("wait_seconds", most), most)
    return stream(call, made, partial(result_of, parts=parts_for(call)), seconds=seconds)


def _cancel_job(call: Call, arguments: Mapping[str, Any]) -> Response:
    job_id = job_of(arguments["job_id"]).record.job.id
    services().jobs.cancel(job_id, caller().owner)
    return json_response(reply(call, result_of(look(job_id), parts_for(call), is_error=False)))


def _list_models(call: Call, arguments: Mapping[str, Any]) -> Response:
    del arguments
    views = services().queue_estimates.situation().providers
    listed = []
    for model in services().catalog.models():
        found = [views[name] for name in model.providers if name in views]
        seconds = [view.run_seconds for view in found if view.run_seconds is not None]
        listed.append(
            {
                "name": model.name,
                "makes": model.spec.kind,
                "tools": [tool.name for tool in MAKERS.values() if tool.fits(model.spec)],
                "parameters": [param.name for param in model.spec.params],
                "available": any(not view.paused and view.blocked_until is None for view in found),
                **({"usual_seconds": min(seconds)} if seconds else {}),
            }
        )
    return json_response(reply(call, plain_result({"models": listed})))


_OTHERS: Final[Mapping[str, Callable[[Call, Mapping[str, Any]], Response]]] = {
    "get_job": _get_job,
    "cancel_job": _cancel_job,
    "list_models": _list_models,
}


def job_of(job_id: object) -> Seen:
    """One of the caller's jobs.

    Raises:
        Problem: 403: its key may not read.
        JobNotFound: There is none.
        JobGone: It was deleted.
    """
    if "read" not in caller().scopes:
        raise Problem("forbidden", "This needs a key with the scope read.")
    if not isinstance(job_id, str) or not _JOB.fullmatch(job_id):
        raise JobNotFound(str(job_id)[:64])
    return look(job_id)
