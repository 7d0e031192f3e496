"""A job as the answer to Replicate's clients: with its files in a form that each of them opens."""

from __future__ import annotations

from typing import Any, Final

from flask import Response
from msgspec import UNSET

from jobs.model import Job, Output
from jobs.resources.prediction import PredictionResource, prediction_resource
from web.dialects.pictures import LINK_SECONDS, content, data_uri, link
from web.http.operation import json_response
from web.http.reply import PRIVATE
from web.services import asker, links
from web.v1.job_links import signed_path

#: Largest file that is sent within an answer; of a larger one there is a link.
_INLINE_BYTES: Final = 8 << 20


def prediction(job: Job, *, alone: bool = True, waited: bool = False) -> PredictionResource:
    """A job as a prediction.

    Args:
        job: The job.
        alone: Whether it is all of the answer; in a list, files are links and long texts are cut.
        waited: Whether the client has waited for its end: then ``starting`` means that it has to ask again, and any other
            status that it is over.
    """
    unfinished = waited and not job.status.is_terminal
    path = f"/v1/predictions/{job.id}/stream"
    return prediction_resource(
        job,
        links(),
        output=[told(job, output, alone=alone) for output in job.outputs],
        status="starting" if unfinished else None,
        # The client for JavaScript opens it without the key.
        stream=signed_path(asker(), job, LINK_SECONDS, path)[0],
    )


def accepted(job: Job, seconds: int | None) -> Response:
    """The answer to a request for a prediction."""
    headers = {**PRIVATE, "Location": f"{links().base}/v1/predictions/{job.id}"}
    if seconds is not None:
        headers["Preference-Applied"] = f"wait={seconds}"
    return json_response(prediction(job, waited=True), 201, headers)


def told(job: Job, output: Output, *, alone: bool = True) -> Any:  # noqa: ANN401 - any JSON
    """What a job made: data, a text, or where its file is.

    The clients take what begins with ``https:`` or ``data:`` for a file. So where this service is reached without TLS, the
    file itself is in the answer.

    Raises:
        ArtifactNotFound: It is no longer kept.
    """
    if output.kind == "json" and output.data is not UNSET:
        return output.data
    if output.kind in {"text", "json"}:
        return content(job, output)[0].decode(errors="replace") if alone else output.text or ""
    inline = alone and not links().base.startswith("https:") and (output.bytes or 0) <= _INLINE_BYTES
    return data_uri(job, output) if inline else link(job, output)
