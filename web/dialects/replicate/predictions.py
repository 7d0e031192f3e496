"""Predictions that were made: read, listed, canceled, watched."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import urlencode

from flask import Blueprint, Response, request

from jobs.record.lists.wanted import Wanted
from jobs.resources import examples
from jobs.resources.base import Resource, Time, Url, about
from jobs.resources.prediction import PredictionResource
from web.dialects.replicate.answers import prediction
from web.dialects.replicate.streams import stream_of
from web.http.headers import header
from web.http.operation import Answer, Operation, Parameter, json_response, ok, some
from web.http.reply import PRIVATE
from web.services import caller, links, services
from web.v1.job_answers import look
from web.v1.lists import CURSOR, ListQuery, moment, page_of

blueprint = Blueprint("replicate_predictions", __name__)

_PAGE: Final = 100
_ERRORS: Final = ("not_found", "gone")


class PredictionList(Resource, frozen=True, kw_only=True):
    """A part of the list of predictions, newest first."""

    results: Annotated[list[PredictionResource], about("This part of the list.")]
    next: Annotated[
        Url | None,
        about("The address of the next part.", example=f"{examples.SERVER}/v1/predictions?cursor=WyJqb2IiXQ.x"),
    ]
    previous: None = None


@blueprint.get("/v1/predictions")
@Operation(
    "replicateListPredictions",
    "Replicate",
    "read",
    parameters=(
        CURSOR,
        Parameter(
            "created_after", "query", "Only those of this time or later.", schema=Time, example="2026-11-20T14:00:00Z"
        ),
        Parameter("created_before", "query", "Only earlier ones.", schema=Time, example="2026-11-20T15:00:00Z"),
    ),
    answers=(ok("Your jobs as predictions, newest first.", PredictionList),),
    errors=("invalid_input",),
)
def list_predictions() -> Response:
    """List your predictions.

    All of your jobs, whichever way they were made. Files are links here.
    """
    parameters = some(request, "cursor", "created_after", "created_before")
    since = moment(parameters, "created_after")
    query = ListQuery(
        parameters=parameters,
        limit=_PAGE,
        wanted=Wanted(),
        # At that time or later: a millisecond is the least that two jobs differ by.
        since=None if since is None else since - 0.001,
        until=moment(parameters, "created_before"),
    )
    owner = caller().owner
    found, following = page_of(query, owner, owner, lambda seen: prediction(seen.record.job, alone=False))
    address = None
    if following is not None:
        more = urlencode({**parameters, "cursor": services().cursors.seal(owner, following)})
        address = f"{links().base}{request.path}?{more}"
    return json_response(PredictionList(results=found, next=address), headers=PRIVATE)


@blueprint.get("/v1/predictions/<job:job_id>")
@Operation(
    "replicateGetPrediction", "Replicate", "read", answers=(ok("The prediction.", PredictionResource),), errors=_ERRORS
)
def get(job_id: str) -> Response:
    """Get a prediction.

    Any job can be read so; the id is that of the job.
    """
    return json_response(prediction(look(job_id).record.job), headers=PRIVATE)


@blueprint.post("/v1/predictions/<job:job_id>/cancel")
@Operation(
    "replicateCancelPrediction",
    "Replicate",
    "submit",
    answers=(ok("The prediction as it stands.", PredictionResource),),
    errors=_ERRORS,
)
def cancel(job_id: str) -> Response:
    """Cancel a prediction.

    One that runs ends as soon as possible; one that has ended stays as it is.
    """
    services().jobs.cancel(job_id, caller().owner)
    return json_response(prediction(look(job_id).record.job), headers=PRIVATE)


@blueprint.get("/v1/predictions/<job:job_id>/stream")
@Operation(
    "replicateStreamPrediction",
    "Replicate",
    "read",
    linkable=True,
    parameters=(Parameter("Last-Event-ID", "header", "Continue after this event.", example="1795000000000-0.0"),),
    answers=(
        Answer(200, "Events `output`, `logs`, `error` and `done`, with ids.", {"text/event-stream": None}),
        Answer(204, "You have received the last event."),
    ),
    errors=(*_ERRORS, "rate_limited"),
)
def stream(job_id: str) -> Response:
    """Watch a prediction.

    A text comes bit by bit. A file comes once it is whole.
    """
    return stream_of(look(job_id).record, header(request.environ, "Last-Event-ID"))
