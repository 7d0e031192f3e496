"""From a call of a function to a native job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import request

from jobs.model import Job
from jobs.resources.base import optional
from providers.discovery.signature import Function
from web.dialects.gradio.apps import App
from web.dialects.gradio.arguments import arguments
from web.dialects.submitting import Wanted, end_user, submit
from web.v1.schemas.jobs import JobRequest


def submitted(app: App, function: Function, data: Sequence[Any]) -> tuple[Job, list[str]]:
    """Submit the job of a call.

    Returns:
        The job, and the names of the values that have no effect.

    Raises:
        Problem: The values are not what the function takes, or as the native API would refuse it.
    """
    found = arguments(function, data)
    wanted = Wanted(
        dialect="gradio",
        jobs=[
            JobRequest(
                # A path that names a model means any of its providers; one that names a provider means that.
                model=app.name if app.provider is None else function.model,
                input=found.given,
                provider=optional(app.provider),
                metadata=end_user(request, None),
            )
        ],
        body={"function": function.api_name, "data": list(data)},
        places={**found.places, "/input": ""},
        ignored=found.ignored,
        stays=False,
    )
    (made,) = submit(wanted)
    return made.accepted.record.job, found.ignored
