"""``png-info`` and ``interrogate``: what is written in a picture, and what it shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from flask import Blueprint, Response, request

from jobs.files.metadata import png
from jobs.model import Job, Status
from providers.spec import ModelSpec
from web.dialects.automatic1111.declared import LABEL, NAME, Refused, Route
from web.dialects.automatic1111.schemas import PICTURE, Caption, Picture, PictureText
from web.dialects.bodies import without_nulls
from web.dialects.conversations import Turn, inputs_of, picture_part, text_part
from web.dialects.failures import failure_of
from web.dialects.models import default_model
from web.dialects.picture_inputs import as_data_uri, from_base64
from web.dialects.submitting import Wanted, end_user, submit
from web.dialects.texts import as_text
from web.dialects.waiting import answer_when_ended
from web.http.headers import REPLAYED
from web.http.json_body import PICTURE_BODY, read_json
from web.http.operation import Answer, json_response, ok
from web.http.problems import Problem
from web.services import services
from web.v1.accept import ERRORS
from web.v1.permit import choose
from web.v1.schemas.jobs import JobRequest

blueprint = Blueprint("automatic1111_pictures", __name__)

_QUESTION: Final = "Describe this picture in one sentence."
_FAILED: Final = 422


@blueprint.post("/sdapi/v1/png-info")
@Route(
    "sdapiPngInfo",
    LABEL,
    "read",
    body=PICTURE,
    answers=(ok("What is written in it.", PictureText),),
    errors=("invalid_input",),
)
def png_info() -> Response:
    """Read what is written in a PNG.

    Of a picture that Darkroom made, `info` is its recipe as the web UI writes it.
    """
    data = from_base64(_asked().image, "/image")
    texts = png.texts_of(data) if png.is_one(data) else {}
    return json_response(PictureText(info=texts.pop("parameters", ""), items=texts))


@blueprint.post("/sdapi/v1/interrogate")
@Route(
    "sdapiInterrogate", LABEL, "submit", submits=True, body=PICTURE,
    answers=(
        Answer(
            200,
            "The description. An error that comes after more than a minute is in the body.",
            {"application/json": (Caption, Refused)},
            headers=(REPLAYED,),
        ),
    ),
    errors=(*ERRORS, "rate_limited", "too_many_streams"),
)  # fmt: skip
def interrogate() -> Response:
    """Describe a picture.

    With a model that looks at pictures.
    """
    asked = _asked()
    model = _model(asked.model)
    picture = as_data_uri(from_base64(asked.image, "/image"))
    route = choose(services(), model, None)
    found, places, _ = inputs_of(route, [Turn("user", [text_part(_QUESTION), picture_part(picture)], "/image")])
    wanted = Wanted(
        dialect=NAME,
        jobs=[JobRequest(model=model, input=found, metadata=end_user(request, None))],
        body={"image": asked.image, "model": model},
        places={**places, "/input": "/image"},
    )
    return answer_when_ended(submit(wanted), _caption)


def _asked() -> Picture:
    return PICTURE.read(without_nulls(read_json(request, PICTURE_BODY)))


def _model(name: str) -> str:
    """A model of ours that looks at pictures; the web UI's own names (``clip``) mean the first one."""
    catalog = services().catalog
    if any(model.name == name and _looks(model.spec) for model in catalog.models()):
        return name
    return default_model(catalog, "text", _looks)


def _looks(model: ModelSpec) -> bool:
    return model.kind == "text" and bool(model.image_params)


def _caption(jobs: Sequence[Job]) -> Response:
    if jobs[0].status is not Status.SUCCEEDED:
        raise Problem("job_failed", failure_of(jobs[0]).detail, status=_FAILED)
    return json_response(Caption(caption=as_text(jobs[0])))
