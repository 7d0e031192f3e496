"""What a request to a model is about, as parameters of that model: a prompt, a picture, or both. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from providers.route import Route
from web.dialects.huggingface.bodies import Asked
from web.dialects.picture_inputs import picture_inputs
from web.http.problems import invalid

#: What a model is asked about a picture that comes without a question, if it needs one.
_QUESTION: Final = "Describe this image."


@dataclass(frozen=True, slots=True)
class Subject:
    """Parameters of a model, where they stand in the request, and what of the request has no effect."""

    found: Mapping[str, Any] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)
    ignored: Sequence[str] = ()


def subject_of(route: Route, asked: Asked) -> Subject:
    """What a model is asked; nothing where all its providers are switched off.

    ``inputs`` is a picture if it holds one. It is the address of one, or the id of an uploaded file, if the model takes
    pictures and the prompt stands elsewhere, or the model has none.

    Raises:
        Problem: 422: the model takes nothing of the kind.
    """
    models = [*route.models.values()]
    takes_pictures = any(model.image_params for model in models)
    prompts = [param for model in models if (param := model.param("prompt")) is not None]
    prompt = asked.parameters.get("prompt")
    if not models:
        return Subject()
    if not takes_pictures and (asked.is_picture or not prompts):
        kind = "picture" if asked.is_picture else "text"
        raise invalid(asked.place, f"is a {kind}, and this model takes none; GET /v1/models says what it takes")
    if not asked.is_picture and (not takes_pictures or (prompt is None and prompts)):
        return Subject({"prompt": asked.inputs}, {"/input/prompt": asked.place}, [] if prompt is None else ["prompt"])
    pictures = picture_inputs(route, [asked.inputs], [])
    places = {f"/input/{name}": asked.place for name in pictures}
    if prompt is not None and not prompts:
        return Subject(pictures, places, ["prompt"])
    if prompt is None and any(param.required for param in prompts) and any(model.kind == "text" for model in models):
        prompt = _QUESTION
    said = {} if prompt is None else {"prompt": prompt}
    return Subject({**pictures, **said}, {**places, "/input/prompt": "/parameters/prompt"})
