"""What a request to a model is about, as parameters of that model: a prompt, a picture, or both. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from providers.route import Route
from web.dialects.huggingface.bodies import Asked
from web.http.problems import invalid

#: What a model is asked about a picture that comes without a question, if it needs one.
_QUESTION: Final = "Describe this image."
_PROMPT: Final = "/parameters/prompt"


@dataclass(slots=True)
class Subject:
    """Parameters of a model, and where they stand in the request."""

    found: dict[str, Any] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    #: What of the request has no effect.
    ignored: list[str] = field(default_factory=list)


def subject_of(route: Route, asked: Asked) -> Subject:
    """What a model is asked.

    ``inputs`` is the picture of a model that takes one if it holds a picture, if the prompt stands elsewhere, or if the
    model has no prompt: then it may also be the address of a picture, or the id of an uploaded file.

    Raises:
        Problem: 422: it is a picture, and the model takes none.
    """
    models = [*route.models.values()]
    taking = next((name for model in models for name in model.image_params), None)
    prompts = [param for model in models if (param := model.param("prompt")) is not None]
    prompt = asked.parameters.get("prompt")
    found = Subject()
    if taking is None and asked.is_picture and models:
        raise invalid(asked.place, "is a picture, and this model takes none; GET /v1/models says which do (vision)")
    if taking is None or not (asked.is_picture or prompt is not None or not prompts):
        _say(found, asked.inputs, asked.place, takes=bool(prompts) or not models)
        if prompt is not None:
            found.ignored.append("prompt")
        return found
    several = any(param.name == taking and param.type == "images" for model in models for param in model.params)
    found.found[taking] = [asked.inputs] if several else asked.inputs
    found.places[f"/input/{taking}"] = asked.place
    if prompt is None and any(param.required for param in prompts) and any(model.kind == "text" for model in models):
        prompt = _QUESTION
    if prompt is not None:
        _say(found, prompt, _PROMPT, takes=bool(prompts))
    return found


def _say(found: Subject, prompt: object, place: str, *, takes: bool) -> None:
    if takes:
        found.found["prompt"] = prompt
        found.places["/input/prompt"] = place
    else:
        found.ignored.append(place.rpartition("/")[2])
