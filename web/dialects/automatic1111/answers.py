"""The answer to a request for pictures: PNG in base64, and how each was made."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from flask import Response

from jobs.files.metadata.label import Label, label_of
from jobs.files.metadata.rewrite import rewrite
from jobs.model import Job, Output, Status
from web.dialects.automatic1111.schemas import Generated
from web.dialects.failures import failure_of
from web.dialects.ignored import say_ignored
from web.dialects.models import used
from web.dialects.pictures import content, pictures_of
from web.http.operation import json_response
from web.http.problems import Problem

#: Of a seed that is not known.
_UNKNOWN: Final = -1
_FAILED: Final = 422


@dataclass(frozen=True, slots=True)
class Order:
    """A request that was read: its parameters as they came, its model, what had no effect, and whether to send files."""

    parameters: Mapping[str, Any]
    model: str
    ignored: Sequence[str]
    send_images: bool


def answer(order: Order, jobs: Sequence[Job]) -> Response:
    """The answer to a request whose jobs have ended.

    As in the web UI, what was made before an interruption is kept.

    Raises:
        Problem: 422: a job failed, or there is no picture.
        ArtifactNotFound: A picture is no longer kept.
    """
    for job in jobs:
        if job.status not in {Status.SUCCEEDED, Status.CANCELED}:
            raise _final(job)
    found = [(job, output) for job in jobs for output in pictures_of(job)]
    if not found:
        raise _final(next((job for job in jobs if job.status is Status.CANCELED), jobs[0]))
    images = [_png(job, output) for job, output in found] if order.send_images else []
    generated = Generated(
        images=images,
        parameters=dict(order.parameters),
        info=msgspec.json.encode(_info(order, jobs, found)).decode(),
    )
    return say_ignored(json_response(generated), order.ignored)


def _final(job: Job) -> Problem:
    if job.status is Status.SUCCEEDED:
        return Problem("job_failed", "The app gave a result, but no picture; see the job.", status=_FAILED)
    return Problem("job_failed", failure_of(job).detail, status=_FAILED)


def _png(job: Job, output: Output) -> str:
    data, _ = content(job, output, "png")
    label = _label(job, output)
    if label is not None and job.embed_recipe:
        data = rewrite(data, label)
    return base64.b64encode(data).decode()


def _label(job: Job, output: Output) -> Label | None:
    return None if job.recipe is None else label_of(job, job.recipe, output.index, output.seed)


def _seed(job: Job, output: Output) -> int:
    """The seed that was really used; -1 where the app neither says it nor was given one."""
    fixed = {} if job.recipe is None else job.recipe.fixed
    return int(fixed.get("seed", _UNKNOWN)) if output.seed is None else output.seed


def _info(order: Order, jobs: Sequence[Job], found: Sequence[tuple[Job, Output]]) -> dict[str, Any]:
    """How the pictures were made, as far as that is known."""
    job, output = found[0]
    labels = [_label(*one) for one in found]
    prompt, negative = (str(job.input.get(name, "")) for name in ("prompt", "negative_prompt"))
    seeds = [_seed(*one) for one in found]
    known = {
        "width": output.width,
        "height": output.height,
        "steps": used(job, "steps"),
        "cfg_scale": used(job, "cfg_scale"),
    }
    return {
        "prompt": prompt,
        "all_prompts": [prompt] * len(found),
        "negative_prompt": negative,
        "all_negative_prompts": [negative] * len(found),
        "seed": seeds[0],
        "all_seeds": seeds,
        **{name: value for name, value in known.items() if value is not None},
        "batch_size": len(found),
        "sd_model_name": order.model,
        "infotexts": [prompt if label is None else label.parameters for label in labels],
        "index_of_first_image": 0,
        "extra_generation_params": {},
        "styles": [],
        "job_timestamp": time.strftime("%Y%m%d%H%M%S", time.gmtime(job.created_at)),
        "job_ids": [each.id for each in jobs],
    }
