"""``POST /v1/predictions`` and ``/v1/models/{owner}/{name}/predictions``: a prediction is made."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Final, Literal

from flask import Blueprint, Response, request
from msgspec import UNSET, Meta, UnsetType

from jobs.egress import BadAddress
from jobs.model import Job, Webhook
from jobs.resources.base import about, optional
from jobs.resources.prediction import PredictionResource
from web.dialects.bodies import DialectBody, unknown_fields, without_nulls
from web.dialects.ignored import IGNORED_HEADER, say_ignored
from web.dialects.made import say_joined
from web.dialects.models import inputs, shortened
from web.dialects.replicate.answers import accepted
from web.dialects.replicate.names import by_version, meant
from web.dialects.submitting import Wanted, submit
from web.dialects.waiting import answer_within
from web.http.headers import REPLAYED, header
from web.http.json_body import PICTURE_BODY, read_json
from web.http.operation import Answer, Operation, Parameter
from web.http.problems import Problem, invalid
from web.http.validation import BodyReader, or_none
from web.services import caller, links, services
from web.v1 import idempotency
from web.v1.accept import ERRORS
from web.v1.job_answers import LONGEST_WAIT
from web.v1.permit import choose
from web.v1.schemas.jobs import LONGEST_DEADLINE, JobRequest

blueprint = Blueprint("replicate_requests", __name__)

_Url = Annotated[str, Meta(min_length=1, max_length=2048)]
#: Replicate's events, and ours that they are.
_EVENTS: Final[Mapping[str, tuple[str, ...]]] = {
    "start": ("job.started",),
    "output": ("job.output",),
    "logs": ("job.progress",),
    "completed": ("job.succeeded", "job.failed", "job.canceled", "job.expired"),
}
#: What Replicate sends where a request does not say.
_BY_DEFAULT: Final = ("output", "logs", "completed")


class PredictionRequest(DialectBody, frozen=True, kw_only=True):
    """A request for a prediction. Of the input, what the model has no parameter for has no effect."""

    input: Annotated[dict[str, Any], about("The model's parameters, by its names or their usual synonyms.")]
    version: Annotated[
        Annotated[str, Meta(min_length=1, max_length=256)] | UnsetType,
        about("Without a model in the path: OWNER/NAME, or the name of a model here.", example="darkroom/flux-schnell"),
    ] = UNSET
    webhook: Annotated[_Url | UnsetType, about("Where to send the prediction's events: a public https address.")] = (
        UNSET
    )
    webhook_completed: Annotated[_Url | UnsetType, about("The older way to ask for `completed` alone.")] = UNSET
    webhook_events_filter: Annotated[
        list[Literal["start", "output", "logs", "completed"]] | UnsetType, about("Which events; all but `start` else.")
    ] = UNSET
    stream: Annotated[bool | UnsetType, about("Not needed: every prediction has `urls.stream`.")] = UNSET


PREDICTION: Final = BodyReader(
    PredictionRequest,
    examples={
        "model": {"summary": "A picture", "value": {"input": {"prompt": "a lighthouse at dusk"}}},
        "version": {
            "summary": "The same without a model in the path",
            "value": {"version": "darkroom/flux-schnell", "input": {"prompt": "a lighthouse at dusk"}},
        },
    },
)
_PARAMETERS: Final = (
    Parameter(
        "Prefer",
        "header",
        f"`wait` or `wait=n`: answer when it has ended, at the latest after n seconds ({LONGEST_WAIT} at most).",
        example="wait=30",
    ),
    Parameter("Cancel-After", "header", "It must have its output by then, else it ends without one.", example="1m30s"),
    idempotency.KEY,
    idempotency.REPEATS,
)
_ANSWERS: Final = (
    Answer(
        201,
        "The prediction. If it has not ended within the wait, its status is `starting`.",
        {"application/json": PredictionResource},
        headers=("Location", "Preference-Applied", IGNORED_HEADER, REPLAYED),
    ),
)


@blueprint.post("/v1/predictions")
@Operation(
    "replicateCreatePrediction", "Replicate", "submit", submits=True, body=PREDICTION, parameters=_PARAMETERS,
    answers=_ANSWERS, errors=ERRORS,
)  # fmt: skip
def create() -> Response:
    """Make a prediction by a version.

    `version` is OWNER/NAME, or the name of a model here.
    """
    body, asked = _body()
    if asked.version is UNSET:
        raise invalid("/version", "is missing; name a model, as OWNER/NAME")
    return _answer(asked, body, *by_version(asked.version))


@blueprint.post("/v1/models/<owner>/<name>/predictions")
@Operation(
    "replicateRunModel", "Replicate", "submit", submits=True, body=PREDICTION, parameters=_PARAMETERS,
    answers=_ANSWERS, errors=ERRORS,
)  # fmt: skip
def run(owner: str, name: str) -> Response:
    """Make a prediction by a model.

    A model here answers to every owner. The id of a Space means the provider that runs it.
    """
    body, asked = _body()
    # What the path says counts.
    return _answer(asked, body, *meant(owner, name), ignored=["version"] if "version" in body else [])


def _body() -> tuple[dict[str, Any], PredictionRequest]:
    body = without_nulls(read_json(request, PICTURE_BODY))
    return body, PREDICTION.read(body)


def _answer(
    asked: PredictionRequest, body: Mapping[str, Any], model: str, provider: str | None, ignored: Sequence[str] = ()
) -> Response:
    seconds = _wait(header(request.environ, "Prefer"))
    route = choose(services(), model, provider)
    found, names, unused = inputs(route, without_nulls(asked.input))
    native = JobRequest(
        model=model,
        input=shortened(route, found),
        provider=optional(provider),
        deadline_seconds=optional(_deadline(header(request.environ, "Cancel-After"))),
    )
    wanted = Wanted(
        dialect="replicate",
        jobs=[native],
        # What is not known may be a secret.
        body={"model": model, "provider": provider, "input": found, "webhook": or_none(asked.webhook)},
        places={f"/input/{own}": f"/input/{given}" for own, given in names.items()},
        ignored=[*ignored, *(f"input.{name}" for name in unused), *unknown_fields(body, PredictionRequest)],
        stays=seconds is not None,
        webhook=_webhook(asked),
    )
    made = submit(wanted)
    render = partial(_rendered, wanted.ignored, seconds)
    if seconds is None:
        return say_joined(render([made[0].accepted.record.job]), made)
    # A client that waits n seconds gives up half a second later.
    return answer_within(made, seconds * 0.95, render)


def _rendered(ignored: Sequence[str], seconds: int | None, jobs: Sequence[Job]) -> Response:
    return say_ignored(accepted(jobs[0], seconds), ignored)


_PREFERENCE: Final = re.compile(r"(?:^|[,;\s])wait(?:\s*=\s*\"?(\d{1,6})\"?)?\s*(?:$|[,;])")


def _wait(preference: str) -> int | None:
    """Seconds of ``Prefer: wait`` or ``wait=n``; None: the client does not wait."""
    found = _PREFERENCE.search(preference)
    if found is None:
        return None
    return min(int(found[1] or LONGEST_WAIT), LONGEST_WAIT) or None


_DURATION: Final = re.compile(r"(?:([0-9]{1,6})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,6})s?)?")


def _deadline(text: str) -> float | None:
    """Seconds of ``Cancel-After``: ``30s``, ``1m``, ``1h30m45s``, or plain seconds.

    Raises:
        Problem: 422: it is anything else.
    """
    if not text:
        return None
    found = _DURATION.fullmatch(text.strip())
    hours, minutes, seconds = (int(part or 0) for part in found.groups()) if found else (0, 0, 0)
    total = hours * 3600 + minutes * 60 + seconds
    if not 0 < total <= LONGEST_DEADLINE:
        detail = "The header Cancel-After must be a time such as 30s, 1m or 1h30m45s, of at most seven days."
        raise Problem("invalid_input", detail)
    return float(total)


def _webhook(asked: PredictionRequest) -> Webhook | None:
    url = or_none(asked.webhook) or or_none(asked.webhook_completed)
    if url is None:
        return None
    names = ("completed",) if asked.webhook is UNSET else or_none(asked.webhook_events_filter) or _BY_DEFAULT
    events = [event for name, events in _EVENTS.items() if name in names for event in events]
    try:
        return services().webhooks.accept(caller().owner, url, base=links().base, events=events, payload="prediction")
    except BadAddress as error:
        raise invalid("/webhook" if asked.webhook is not UNSET else "/webhook_completed", str(error)) from None
