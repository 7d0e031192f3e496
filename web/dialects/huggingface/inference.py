"""From a request to a model to a job, and from the job to the answer."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from flask import Response

from jobs.model import Job, Status
from media import Kind
from providers.route import Route
from web.dialects.failures import failed
from web.dialects.huggingface.bodies import Asked
from web.dialects.huggingface.subjects import subject_of
from web.dialects.ignored import say_ignored
from web.dialects.made import Made
from web.dialects.models import inputs, shortened
from web.dialects.pictures import content
from web.dialects.submitting import Wanted, submit
from web.dialects.texts import as_text
from web.http.file_response import as_artifact
from web.http.problems import Problem, invalid
from web.services import services
from web.v1.permit import choose
from web.v1.schemas.jobs import JobRequest

#: What this dialect can answer with, the first that a model makes.
_ANSWERED: Final[Sequence[Kind]] = ("text", "image", "audio")
#: Parameters that a request of this dialect says in other words.
_SAID: Final = frozenset({"prompt", "messages", "target_size"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A request that was submitted.

    Args:
        made: Its one job.
        kind: What it makes that is the answer.
        ignored: What of it has no effect.
    """

    made: Sequence[Made]
    kind: Kind
    ignored: Sequence[str]


def model_named(name: str) -> str:
    """The model of ours that an address names; the id of a provider's Space means the first model of that."""
    name = name.rstrip("/")
    specs = services().catalog.specs()
    if any(spec.model(name) for spec in specs):
        return name
    return next((spec.default_model for spec in specs if spec.space == name), name)


def order(name: str, asked: Asked) -> Order:
    """Submit the job of a request to a model.

    Raises:
        Problem: It is not one that any provider of the model takes.
    """
    model = model_named(name)
    route = choose(services(), model, None)
    kind = _kind_of(model, route)
    subject = subject_of(route, asked)
    given, places = _given(asked, subject.found)
    found, names, unused = inputs(route, given)
    unheard = [name for name in asked.parameters if name in {"messages", *subject.found} - {"prompt"}]
    unused = [name if places[name] == name else "target_size" for name in unused]
    wanted = Wanted(
        dialect="huggingface",
        jobs=[JobRequest(model=model, input={**shortened(route, found), **subject.found})],
        # What is not known may be a secret.
        body={"inputs": asked.same, "prompt": asked.parameters.get("prompt"), "parameters": found},
        places={
            **subject.places,
            **{f"/input/{own}": f"/parameters/{places[name]}" for own, name in names.items()},
            "/input": "/parameters",
        },
        ignored=list(dict.fromkeys([*subject.ignored, *unheard, *unused, *asked.ignored])),
    )
    return Order(made=submit(wanted), kind=kind, ignored=wanted.ignored)


def _kind_of(model: str, route: Route) -> Kind:
    """What a model makes that this dialect can answer with."""
    kinds = [found.kind for found in route.models.values()]
    known = next((kind for kind in _ANSWERED if kind in kinds), None)
    if known is None and kinds and not any(found.any_kind for found in route.models.values()):
        raise Problem("invalid_input", f"{model[:64]} makes {', '.join(sorted(set(kinds)))}; use POST /v1/jobs")
    return known or "image"


def _given(asked: Asked, said: Collection[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The parameters beside those that are said already, and for each where it stands among the request's."""
    size = asked.parameters.get("target_size", {})
    if not isinstance(size, dict):
        raise invalid("/parameters/target_size", "must be an object with width and height")
    sides = {name: size[name] for name in ("width", "height") if size.get(name) is not None}
    plain = {name: value for name, value in asked.parameters.items() if name not in {*_SAID, *said}}
    places = {**{name: f"target_size/{name}" for name in sides}, **{name: name for name in plain}}
    return {**sides, **plain}, places


def answer(kind: Kind, ignored: Sequence[str], jobs: Sequence[Job]) -> Response:
    """The answer to a request whose job has ended: a text, or the first file of a kind."""
    (job,) = jobs
    if job.status is not Status.SUCCEEDED:
        return say_ignored(failed(job), ignored)
    return say_ignored(_text(job) if kind == "text" else _file(job, kind), ignored)


def _text(job: Job) -> Response:
    body = msgspec.json.encode([{"generated_text": as_text(job)}])
    return Response(body, content_type="application/json")


def _file(job: Job, kind: Kind) -> Response:
    for output in job.outputs:
        if output.kind == kind:
            data, content_type = content(job, output)
            found = Response(data, content_type=content_type)
            as_artifact(found)
            return found
    raise Problem("job_failed", f"The app gave a result, but no {kind}; see the job.")
