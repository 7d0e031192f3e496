"""The model that a request of a dialect means, and its parameters by the names that others give them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from jobs.model import Job
from providers.catalog import Catalog
from providers.route import Route
from providers.spec import ModelSpec
from web.http.problems import Problem, invalid

#: Names of the limit of a text's length.
LENGTHS: Final = ("max_tokens", "max_new_tokens", "max_completion_tokens", "max_output_tokens", "max_length")
#: Names of one thing: a parameter is asked for by any of them.
SYNONYMS: Final[Sequence[tuple[str, ...]]] = (
    ("num_inference_steps", "steps", "sampling_steps", "num_steps"),
    ("guidance_scale", "guidance", "cfg_scale", "cfg", "scale"),
    ("negative_prompt",),
    ("strength", "denoising_strength", "prompt_strength"),
    ("seed",),
    ("width",),
    ("height",),
    ("aspect_ratio",),
    ("duration", "seconds", "duration_seconds", "video_length"),
    LENGTHS,
)
#: The types of parameters that are neither texts nor files.
_PLAIN: Final = frozenset({"integer", "number", "boolean"})
_SIZE: Final = re.compile(r"([1-9][0-9]{1,4})x([1-9][0-9]{1,4})")
#: The model that stands for all others of its kind, and the one that is for tests.
_ANY: Final = "flux"
_TEST: Final = "echo"


def default_model(catalog: Catalog, kind: str, fits: Callable[[ModelSpec], bool] = lambda _: True) -> str:
    """The model for a request that names none of ours: of those that make this kind, Flux or else the first.

    If some of them fit, it is one of those.

    Raises:
        Problem: 404: there is none.
    """
    models = [model for model in catalog.models() if model.spec.kind == kind]
    names = [model.name for model in ([model for model in models if fits(model.spec)] or models)]
    names.sort(key=lambda name: (name == _TEST, name != _ANY))
    if not names:
        raise Problem("not_found", f"There is no model here that makes {kind}; GET /v1/models lists all.")
    return names[0]


def size_of(text: str, pointer: str) -> tuple[int, int] | None:
    """Width and height of ``1024x768``; None for ``auto``.

    Raises:
        Problem: 422: it is anything else.
    """
    if text == "auto":
        return None
    found = _SIZE.fullmatch(text)
    if found is None:
        raise invalid(pointer, "must be auto, or WIDTHxHEIGHT in pixels, as 1024x768")
    return int(found[1]), int(found[2])


def inputs(route: Route, given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str], list[str]]:
    """The given parameters by the model's own names.

    Returns:
        The input; for each of its names the one that was given; and the given ones that no provider of the model has.
    """
    known = {param.name for model in route.models.values() for param in model.params}
    found: dict[str, Any] = {}
    names: dict[str, str] = {}
    ignored: list[str] = []
    for name, value in given.items():
        group = next((group for group in SYNONYMS if name in group), (name,))
        own = name if name in known else next((other for other in group if other in known), None)
        if own is None:
            ignored.append(name)
        elif own not in found:
            found[own], names[own] = value, name
    return found, names, ignored


def as_typed(route: Route, found: Mapping[str, Any]) -> dict[str, Any]:
    """An input in which no number, true or false is a text, as forms have them and some programs send them."""
    kinds = {param.name: param.type for model in route.models.values() for param in model.params}
    return {name: _plain(value) if kinds.get(name) in _PLAIN else value for name, value in found.items()}


def _plain(value: Any) -> Any:  # noqa: ANN401 - any JSON
    try:
        return msgspec.json.decode(value, type=int | float | bool) if isinstance(value, str) else value
    except msgspec.DecodeError:
        return value


def shortened(route: Route, found: Mapping[str, Any]) -> dict[str, Any]:
    """An input whose limit of a text's length is one that a provider takes: more than it can write it never writes."""
    params = [param for model in route.models.values() for param in model.params if param.name in LENGTHS]
    most: dict[str, int] = {}
    for param in params:
        if param.maximum is not None:
            most[param.name] = max(most.get(param.name, 0), int(param.maximum))
    return {
        name: min(value, most[name]) if name in most and isinstance(value, int) else value
        for name, value in found.items()
    }


def used(job: Job, name: str) -> Any:  # noqa: ANN401 - any JSON
    """The value of a parameter in the input of a job, by any of its names; None: the input has none."""
    names = next((group for group in SYNONYMS if name in group), (name,))
    return next((job.input[other] for other in names if other in job.input), None)
