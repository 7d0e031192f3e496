"""``txt2img`` and ``img2img``: from the body to jobs, and their answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from flask import Blueprint, Response, request
from msgspec import UNSET

from providers.route import Route as Providers
from providers.spec import ModelSpec
from web.dialects.automatic1111.answers import Order, answer
from web.dialects.automatic1111.declared import LABEL, NAME, Refused, Route, followed
from web.dialects.automatic1111.models import CHECKPOINT, model_of, route_of
from web.dialects.automatic1111.schemas import (
    IMAGE_TO_IMAGE,
    MOST_PICTURES,
    NUMBERS,
    TEXT_TO_IMAGE,
    Generated,
    ImageToImage,
    TextToImage,
)
from web.dialects.bodies import unknown_fields, without_nulls
from web.dialects.ignored import IGNORED_HEADER
from web.dialects.models import inputs
from web.dialects.picture_inputs import as_data_uri, from_base64, picture_inputs
from web.dialects.submitting import Wanted, end_user, submit
from web.dialects.waiting import answer_when_ended
from web.http.headers import REPLAYED
from web.http.json_body import PICTURE_BODY, SMALL_BODY, read_json
from web.http.operation import Answer
from web.http.problems import invalid
from web.http.validation import or_none
from web.v1 import idempotency
from web.v1.accept import ERRORS
from web.v1.schemas.jobs import JobRequest

blueprint = Blueprint("automatic1111_generating", __name__)

#: What programs send of their own settings: an address, and a password. Nothing may see them.
_PRIVATE: Final = ("url", "auth")
#: The fields that name the model.
_NAMING: Final = ("override_settings", "model")
#: What programs send where nothing is chosen: it asks for what an app does anyway.
_NOTHING: Final = ("Automatic", "automatic", "None", ["None"])
#: Parameters that programs set once for all models: what a model does not take, it is not asked for.
_ADAPTED: Final = ("seed", "steps", "cfg_scale", "denoising_strength")
_PARAMETERS: Final = ("prompt", "negative_prompt", *_ADAPTED, "width", "height")

_Made = partial(
    Route, tag=LABEL, scope="submit", submits=True, parameters=(idempotency.KEY, idempotency.REPEATS),
    answers=(
        Answer(
            200,
            "The pictures. An error that comes after more than a minute is in the body.",
            {"application/json": (Generated, Refused)},
            headers=(IGNORED_HEADER, REPLAYED),
        ),
    ),
    errors=(*ERRORS, "rate_limited", "too_many_streams"),
)  # fmt: skip


@blueprint.post("/sdapi/v1/txt2img")
@_Made("sdapiTextToImage", body=TEXT_TO_IMAGE)
def txt2img() -> Response:
    """Make pictures.

    The answer comes when the pictures are there; after a minute it begins with white space. Sampler, scheduler, VAE, scripts
    and styles have no effect: an app has its own.
    """
    body = _body(SMALL_BODY)
    return _made(TEXT_TO_IMAGE.read(body), body)


@blueprint.post("/sdapi/v1/img2img")
@_Made("sdapiImageToImage", body=IMAGE_TO_IMAGE)
def img2img() -> Response:
    """Make pictures from pictures.

    As `txt2img`, with a model that takes pictures.
    """
    body = _body(PICTURE_BODY)
    asked = IMAGE_TO_IMAGE.read(body)
    if not asked.init_images:
        raise invalid("/init_images", "is missing: send the picture in it, in base64")
    return _made(asked, body)


def _body(limit: int) -> Any:  # noqa: ANN401 - any JSON
    """The body without what is private, and with its numbers as numbers."""
    body = without_nulls(read_json(request, limit))
    if not isinstance(body, dict):
        return body
    return {
        name: _number(value) if name in NUMBERS and isinstance(value, str) else value
        for name, value in body.items()
        if name not in _PRIVATE
    }


def _number(text: str) -> object:
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if number.is_integer() else number


def _made(asked: TextToImage, body: Mapping[str, Any]) -> Response:
    count = asked.batch_size * asked.n_iter
    if count > MOST_PICTURES:
        raise invalid("/n_iter", f"times batch_size is {count}; at most {MOST_PICTURES} pictures are made at once")
    named = asked.override_settings.get(CHECKPOINT)
    model_at = "/model" if asked.model and not named else f"/override_settings/{CHECKPOINT}"
    model = model_of(str(named or asked.model), _takes_pictures if isinstance(asked, ImageToImage) else lambda _: True)
    route = route_of(model, model_at)
    given, unfit = _fitting(route, _given(asked))
    found, names, unused = inputs(route, given)
    places = {f"/input/{name}": f"/{other}" for name, other in names.items()}
    if isinstance(asked, ImageToImage):
        taken = _pictures(route, asked, model_at)
        found |= taken
        places |= {f"/input/{name}": "/mask" if name == "mask" else "/init_images" for name in taken}
    known = {name: body[name] for name in asked.__struct_fields__ if name in body and name not in _NAMING}
    wanted = Wanted(
        dialect=NAME,
        jobs=[_job(asked, model, found, number) for number in range(count)],
        body={**known, "model": model},
        places={**places, "/input": "", "/metadata/task": "/force_task_id"},
        ignored=[*unfit, *unused, *_without_effect(asked, body)],
    )
    made = submit(wanted)
    jobs = [each.accepted.record.job for each in made]
    followed().add(jobs[0].user, [job.id for job in jobs], or_none(asked.force_task_id))
    return answer_when_ended(made, partial(answer, Order(_shown(known), model, wanted.ignored, asked.send_images)))


def _shown(known: Mapping[str, Any]) -> dict[str, Any]:
    """The fields without their pictures, which would be kept in memory as long as the client waits."""
    return {name: value for name, value in known.items() if name not in {"init_images", "mask"}}


def _takes_pictures(model: ModelSpec) -> bool:
    return bool(model.image_params) and not model.any_kind


def _given(asked: TextToImage) -> dict[str, Any]:
    """The parameters that say something."""
    values = {name: getattr(asked, name, UNSET) for name in _PARAMETERS}
    if asked.seed < 0:
        del values["seed"]
    return {name: value for name, value in values.items() if value is not UNSET and value != ""}


def _fitting(route: Providers, given: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Those parameters that are in the range of a provider at least, or are to be refused; and the names of the others."""
    unfit = []
    for name in _ADAPTED:
        if name in given:
            own, _, _ = inputs(route, {name: given[name]})
            params = [param for model in route.models.values() for param in model.params if param.name in own]
            within = [
                (param.minimum is None or given[name] >= param.minimum)
                and (param.maximum is None or given[name] <= param.maximum)
                for param in params
            ]
            if params and not any(within):
                unfit.append(name)
    return {name: value for name, value in given.items() if name not in unfit}, unfit


def _pictures(route: Providers, asked: ImageToImage, model_at: str) -> dict[str, Any]:
    pictures = [_source(text, f"/init_images/{number}") for number, text in enumerate(asked.init_images)]
    masks = [_source(asked.mask, "/mask")] if asked.mask else []
    return picture_inputs(route, pictures, masks, model_at=model_at, at="/init_images")


def _source(text: str, pointer: str) -> str:
    return text if text.startswith(("http://", "https://")) else as_data_uri(from_base64(text, pointer))


def _job(asked: TextToImage, model: str, found: dict[str, Any], number: int) -> JobRequest:
    if number and "seed" in found:
        found = {**found, "seed": found["seed"] + number}
    task = or_none(asked.force_task_id)
    return JobRequest(
        model=model, input=found, metadata={**end_user(request, None), **({"task": task} if task else {})}
    )


def _without_effect(asked: TextToImage, body: Mapping[str, Any]) -> Sequence[str]:
    """The fields without effect; those that are empty or off ask for none."""
    fields = {name: body[name] for name in unknown_fields(body, type(asked))}
    settings = {
        f"override_settings.{name}": value for name, value in asked.override_settings.items() if name != CHECKPOINT
    }
    return [name for name, value in {**fields, **settings}.items() if value and value not in _NOTHING]
