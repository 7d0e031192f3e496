"""From a request for pictures to its jobs."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

from flask import request
from msgspec import UNSET

from providers.route import Route
from providers.spec import ModelSpec
from resilience import survive
from web.dialects.automatic1111.answers import Order
from web.dialects.automatic1111.declared import NAME, followed
from web.dialects.automatic1111.models import CHECKPOINT, model_of, route_of
from web.dialects.automatic1111.schemas import MOST_PICTURES, ImageToImage, TextToImage
from web.dialects.bodies import unknown_fields
from web.dialects.made import Made
from web.dialects.models import inputs
from web.dialects.picture_inputs import as_data_uri, from_base64, picture_inputs
from web.dialects.submitting import Wanted, end_user, submit
from web.http.problems import invalid
from web.http.validation import or_none
from web.v1.schemas.jobs import JobRequest

log = logging.getLogger(__name__)

#: The fields that name the model, and pictures, which would be kept in memory as long as the client waits.
_UNSHOWN: Final = ("override_settings", "model", "init_images", "mask")
#: What programs send where nothing is chosen: it asks for what an app does anyway.
_NOTHING: Final = ("Automatic", "automatic", "None", ["None"])
#: Parameters that programs set once for all models: what a model does not take, it is not asked for.
_ADAPTED: Final = ("seed", "steps", "cfg_scale", "denoising_strength")
_PARAMETERS: Final = ("prompt", "negative_prompt", *_ADAPTED, "width", "height")


def order(asked: TextToImage, body: Mapping[str, Any]) -> tuple[list[Made], Order]:
    """Submit the jobs of a request: of what is in its body beyond the fields, nothing is used.

    Raises:
        Problem: It is not one that any provider of the model takes.
    """
    count = asked.batch_size * asked.n_iter
    if count > MOST_PICTURES:
        raise invalid("/n_iter", f"times batch_size is {count}; at most {MOST_PICTURES} pictures are made at once")
    named = asked.override_settings.get(CHECKPOINT)
    model_at = "/model" if asked.model and not named else f"/override_settings/{CHECKPOINT}"
    model = model_of(str(named or asked.model), _takes_pictures if isinstance(asked, ImageToImage) else lambda _: True)
    route = route_of(model, model_at)
    given = _given(asked)
    unfit = [name for name in _ADAPTED if name in given and not _fits(route, name, given[name], count)]
    found, names, unused = inputs(route, {name: value for name, value in given.items() if name not in unfit})
    places = {f"/input/{name}": f"/{other}" for name, other in names.items()}
    if isinstance(asked, ImageToImage):
        taken = _pictures(route, asked, model_at)
        found |= taken
        places |= {f"/input/{name}": "/mask" if name == "mask" else "/init_images" for name in taken}
    shown = {name: body[name] for name in asked.__struct_fields__ if name in body and name not in _UNSHOWN}
    user, task = end_user(request, None), or_none(asked.force_task_id) or None
    wanted = Wanted(
        dialect=NAME,
        jobs=[_job(model, found, number, {**user, **({"task": task} if task else {})}) for number in range(count)],
        body={**shown, **user, "model": model, "pictures": _digest(asked)},
        places={**places, "/input": ""},
        ignored=[*unfit, *unused, *_without_effect(asked, body)],
    )
    made = submit(wanted)
    jobs = [each.accepted.record.job for each in made]
    with survive(log, "the progress of a request is not shown, and it cannot be interrupted"):
        followed().add(jobs[0].user, [job.id for job in jobs], task)
    return made, Order(shown, model, wanted.ignored, asked.send_images)


def _digest(asked: TextToImage) -> str:
    """What tells the pictures of two requests apart."""
    texts = [*asked.init_images, asked.mask] if isinstance(asked, ImageToImage) else []
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def _takes_pictures(model: ModelSpec) -> bool:
    return bool(model.image_params) and not model.any_kind


def _given(asked: TextToImage) -> dict[str, Any]:
    """The parameters that say something."""
    values = {name: getattr(asked, name, UNSET) for name in _PARAMETERS}
    if asked.seed < 0:
        del values["seed"]
    return {name: value for name, value in values.items() if value is not UNSET and value != ""}


def _fits(route: Route, name: str, value: float, count: int) -> bool:
    """Whether a parameter is in the range of a provider at least, where any has it; of the seeds the last."""
    own, _, _ = inputs(route, {name: value})
    last = value + count - 1 if name == "seed" else value
    params = [param for model in route.models.values() for param in model.params if param.name in own]
    return not params or any(
        (param.minimum is None or value >= param.minimum) and (param.maximum is None or last <= param.maximum)
        for param in params
    )


def _pictures(route: Route, asked: ImageToImage, model_at: str) -> dict[str, Any]:
    pictures = [_source(text, f"/init_images/{number}") for number, text in enumerate(asked.init_images)]
    masks = [_source(asked.mask, "/mask")] if asked.mask else []
    return picture_inputs(route, pictures, masks, model_at=model_at, at="/init_images")


def _source(text: str, pointer: str) -> str:
    return text if text.startswith(("http://", "https://")) else as_data_uri(from_base64(text, pointer))


def _job(model: str, found: dict[str, Any], number: int, metadata: dict[str, str]) -> JobRequest:
    if number and "seed" in found:
        found = {**found, "seed": found["seed"] + number}
    return JobRequest(model=model, input=found, metadata=metadata)


def _without_effect(asked: TextToImage, body: Mapping[str, Any]) -> Sequence[str]:
    """The fields without effect; those that are empty or off ask for none."""
    fields = {name: body[name] for name in unknown_fields(body, type(asked))}
    settings = {
        f"override_settings.{name}": value for name, value in asked.override_settings.items() if name != CHECKPOINT
    }
    return [name for name, value in {**fields, **settings}.items() if value and value not in _NOTHING]
