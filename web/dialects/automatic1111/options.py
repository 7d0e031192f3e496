"""``options``: each key has its own, and only the model has an effect."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, request

from web.dialects.automatic1111.declared import LABEL, Route, followed, group, plain
from web.dialects.automatic1111.models import CHECKPOINT, chosen_model, route_of
from web.dialects.automatic1111.schemas import OPTIONS
from web.dialects.bodies import without_nulls
from web.dialects.ignored import IGNORED_HEADER, say_ignored
from web.dialects.models import default_model
from web.http.json_body import SMALL_BODY, read_json
from web.http.operation import ok
from web.services import services

blueprint = Blueprint("automatic1111_options", __name__)

#: The settings that clients look for, as they are here.
_FIXED: Final = {"sd_vae": "Automatic", "samples_format": "png", "CLIP_stop_at_last_layers": 1}


@blueprint.get("/sdapi/v1/options")
@Route(
    "sdapiGetOptions",
    LABEL,
    "read",
    answers=(ok("`sd_model_checkpoint`, and some that never change.", None),),
    errors=("not_found",),
)
def get_options() -> Response:
    """Read the settings.

    `sd_model_checkpoint` is the model that this key, or its end user, chose; else the first one.
    """
    model = chosen_model() or default_model(services().catalog, "image")
    return plain({CHECKPOINT: model, **_FIXED})


@blueprint.post("/sdapi/v1/options")
@Route(
    "sdapiSetOptions", LABEL, "submit", body=OPTIONS, answers=(ok("Done.", None, (IGNORED_HEADER,)),),
    errors=("invalid_input",),
)  # fmt: skip
def set_options() -> Response:
    """Choose the model.

    For this key, or for the end user whom the header `X-OpenWebUI-User-Id` names; for 30 days. What else is set has no effect.
    """
    body = without_nulls(read_json(request, SMALL_BODY))
    asked = OPTIONS.read(body)
    if asked.sd_model_checkpoint:
        route_of(asked.sd_model_checkpoint, f"/{CHECKPOINT}")
        followed().choose(group(), asked.sd_model_checkpoint)
    ignored = [name for name, value in body.items() if name != CHECKPOINT and value != _FIXED.get(name)]
    return say_ignored(plain(None), ignored)
