"""What all image routes of OpenAI share: from the body to jobs, and from jobs to the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from flask import Response, request
from msgspec import UNSET

from jobs.model import Job, Status
from jobs.resources.base import optional
from providers.route import Route
from web.dialects.bodies import unknown_fields
from web.dialects.failures import NO_RETRY, failed
from web.dialects.ignored import say_ignored
from web.dialects.made import Made
from web.dialects.models import inputs, size_of
from web.dialects.openai.names import image_model, provider_of
from web.dialects.openai.schemas import PARAMETERS, ImageAnswer, ImageFields, ImageItem, given
from web.dialects.pictures import in_base64, link, pictures_of
from web.dialects.submitting import Wanted, end_user, submit
from web.http.operation import json_response
from web.http.problems import Problem, invalid
from web.http.validation import or_none
from web.services import services
from web.v1.permit import choose
from web.v1.schemas.jobs import JobRequest

_NAME: Final = "openai"
#: How the names of models begin whose answers have no address.
_BASE64_ONLY: Final = ("gpt-image", "chatgpt-image")


@dataclass(frozen=True, slots=True)
class Order:
    """A request for pictures that was read.

    Args:
        asked: The body.
        model: The model that it means.
        ignored: Its fields that have no effect.
        made: Its jobs.
    """

    asked: ImageFields
    model: str
    ignored: Sequence[str]
    made: Sequence[Made]

    @property
    def form(self) -> str:
        """The format of the pictures in base64."""
        return or_none(self.asked.output_format) or "png"


def order(
    asked: ImageFields, body: Mapping[str, Any], picture: Callable[[Route], dict[str, Any]] = lambda _: {}
) -> Order:
    """Submit the jobs of a request.

    Args:
        asked: The body.
        body: As it came: what is in it beyond the fields is ignored.
        picture: The parameters of a model that take the pictures of the request.

    Raises:
        Problem: It is not one that any provider of the model takes.
    """
    if or_none(asked.stream) and asked.n not in {UNSET, 1}:
        raise invalid("/n", "must be 1 with stream")
    model = image_model(or_none(asked.model))
    provider, ignored = provider_of(or_none(asked.provider))
    route = choose(services(), model, provider)
    _refuse_other_kinds(model, route)
    # Apps that only change a picture take no prompt, and these routes always get one.
    prompt = {"prompt": asked.prompt} if asked.prompt else {}
    found, names, unused = inputs(route, {**prompt, **given(asked, PARAMETERS), **_sized(asked)})
    found |= picture(route)
    wanted = Wanted(
        dialect=_NAME,
        jobs=[_job(asked, model, provider, found, number) for number in range(or_none(asked.n) or 1)],
        body={name: value for name, value in body.items() if name in asked.__struct_fields__},
        places={
            **{f"/input/{name}": f"/{_place(asked, other)}" for name, other in names.items()},
            "/input": "",
        },
        ignored=[*ignored, *_unused(asked, unused), *unknown_fields(body, type(asked))],
    )
    return Order(asked, model, wanted.ignored, submit(wanted))


def _refuse_other_kinds(model: str, route: Route) -> None:
    kinds = {found.kind for found in route.models.values()}
    any_kind = any(found.any_kind for found in route.models.values())
    if kinds and "image" not in kinds and not any_kind:
        raise invalid("/model", f"{model[:64]} makes {', '.join(kinds)} and no images; use POST /v1/jobs")


def _sized(asked: ImageFields) -> dict[str, int]:
    size = or_none(asked.size)
    sides = None if size is None else size_of(size, "/size")
    if sides is None or asked.width is not UNSET or asked.height is not UNSET or asked.aspect_ratio is not UNSET:
        return {}
    return {"width": sides[0], "height": sides[1]}


def _place(asked: ImageFields, name: str) -> str:
    """Where a parameter stands in the body: width and height may be those of ``size``."""
    return "size" if name in {"width", "height"} and getattr(asked, name) is UNSET else name


def _unused(asked: ImageFields, names: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(_place(asked, name) for name in names))


def _job(asked: ImageFields, model: str, provider: str | None, found: dict[str, Any], number: int) -> JobRequest:
    seed = found.get("seed")
    if number and isinstance(seed, int):
        found = {**found, "seed": seed + number}
    return JobRequest(
        model=model,
        input=found,
        provider=optional(provider),
        strategy=or_none(asked.strategy) or "failover",
        metadata=end_user(request, or_none(asked.user)),
    )


def answer(ordered: Order, jobs: Sequence[Job]) -> Response:
    """The answer to a request whose jobs have ended: the pictures, or why there is one missing."""
    for job in jobs:
        if job.status is not Status.SUCCEEDED:
            return say_ignored(failed(job), ordered.ignored)
    return say_ignored(json_response(image_answer(ordered, jobs)), ordered.ignored)


def image_answer(ordered: Order, jobs: Sequence[Job]) -> ImageAnswer:
    """The pictures of jobs that have succeeded.

    Raises:
        Problem: 424: there is none.
        ArtifactNotFound: One is no longer kept.
    """
    found = [(job, output) for job in jobs for output in pictures_of(job)]
    if not found:
        raise Problem("job_failed", "The app gave a result, but no picture; see the job.", headers=NO_RETRY)
    _, first = found[0]
    links, data = _shapes(ordered.asked)
    return ImageAnswer(
        created=int(jobs[0].created_at),
        data=[
            ImageItem(
                url=link(job, output, or_none(ordered.asked.output_format)) if links else UNSET,
                b64_json=in_base64(job, output, ordered.form) if data else UNSET,
                revised_prompt=str(job.input.get("prompt", "")) or UNSET,
            )
            for job, output in found
        ],
        size=f"{first.width}x{first.height}" if first.width else UNSET,
        output_format=ordered.form,
        model=ordered.model,
        provider=optional(jobs[0].provider),
        job_ids=[job.id for job in jobs],
    )


def _shapes(asked: ImageFields) -> tuple[bool, bool]:
    """Whether an item has an address, and whether it has the file in base64.

    Each client needs one of them and few say which; none minds both, but for the size.
    """
    form = or_none(asked.response_format)
    if form is not None:
        return form == "url", form == "b64_json"
    return not (or_none(asked.model) or "").startswith(_BASE64_ONLY), True
