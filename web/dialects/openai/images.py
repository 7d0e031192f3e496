"""What all image routes of OpenAI share: from the body to jobs, and from jobs to the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from flask import Response
from msgspec import UNSET

from jobs.model import Job, Status
from jobs.resources.base import optional
from providers.route import Route
from web.dialects.failures import NO_RETRY, failed
from web.dialects.ignored import say_ignored
from web.dialects.models import size_of
from web.dialects.openai.orders import Order, Said, order
from web.dialects.openai.schemas import ImageAnswer, ImageFields, ImageItem
from web.dialects.openai.streams import Kind, stream
from web.dialects.pictures import in_base64, link, pictures_of
from web.dialects.waiting import answer_when_ended
from web.http.operation import json_response
from web.http.problems import Problem, invalid
from web.http.validation import or_none

#: How the names of models begin whose answers have no address.
_BASE64_ONLY: Final = ("gpt-image", "chatgpt-image")
#: What is given in place of ``size``.
_SIDES: Final = frozenset({"width", "height", "aspect_ratio"})


def make(
    asked: ImageFields, body: Mapping[str, Any], kind: Kind, pictures: Callable[[Route], dict[str, Any]] = lambda _: {}
) -> Response:
    """The answer to a request for pictures.

    Args:
        asked: The body.
        body: As it came.
        kind: How its events are called.
        pictures: The parameters of a model that take the pictures of the request.

    Raises:
        Problem: It is not one that any provider of the model takes.
    """
    if or_none(asked.stream) and asked.n not in {UNSET, 1}:
        raise invalid("/n", "must be 1 with stream")

    sides = sides_of(or_none(asked.size), body)
    # Apps that only change a picture take no prompt, and these routes always get one.
    prompt = {"prompt": asked.prompt} if asked.prompt else {}
    ordered = order(
        asked,
        body,
        "image",
        lambda route: Said(pictures(route)),
        kind_only=True,
        given=prompt | sides,
        places=dict.fromkeys(sides, "/size"),
        copies=or_none(asked.n) or 1,
    )
    if or_none(asked.stream):
        return stream(asked, ordered, kind)
    return answer_when_ended(ordered.made, partial(_answer, asked, ordered.without_jobs()))


def sides_of(size: str | None, body: Mapping[str, Any]) -> dict[str, int]:
    """Width and height of a ``size``, where the body does not say them in our own words.

    Raises:
        Problem: 422: it is neither WIDTHxHEIGHT nor ``auto``.
    """
    sides = None if size is None else size_of(size, "/size")
    return {} if sides is None or _SIDES & body.keys() else {"width": sides[0], "height": sides[1]}


def _answer(asked: ImageFields, ordered: Order, jobs: Sequence[Job]) -> Response:
    """The answer to a request whose jobs have ended: the pictures, or why there is one missing."""
    for job in jobs:
        if job.status is not Status.SUCCEEDED:
            return say_ignored(failed(job), ordered.ignored)
    return say_ignored(json_response(_pictures(asked, ordered, jobs)), ordered.ignored)


def _pictures(asked: ImageFields, ordered: Order, jobs: Sequence[Job]) -> ImageAnswer:
    """The pictures of jobs that have succeeded.

    Raises:
        Problem: 424: there is none.
        ArtifactNotFound: One is no longer kept.
    """
    found = [(job, output) for job in jobs for output in pictures_of(job)]
    if not found:
        raise Problem("job_failed", "The app gave a result, but no picture; see the job.", headers=NO_RETRY)
    _, first = found[0]
    links, data = _shapes(asked)
    return ImageAnswer(
        created=int(jobs[0].created_at),
        data=[
            ImageItem(
                url=link(job, output, or_none(asked.output_format)) if links else UNSET,
                b64_json=in_base64(job, output, asked.form) if data else UNSET,
                revised_prompt=str(job.input.get("prompt", "")) or UNSET,
            )
            for job, output in found
        ],
        size=f"{first.width}x{first.height}" if first.width else UNSET,
        output_format=asked.form,
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
