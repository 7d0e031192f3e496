"""Which model a request means: the one that it names, the one that its client chose, or the first one here."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from providers.route import Route
from providers.spec import ModelSpec
from web.dialects.automatic1111.declared import followed, group
from web.dialects.models import default_model
from web.http.problems import Problem, invalid
from web.services import caller, services
from web.v1.permit import choose

#: Where options name the model.
CHECKPOINT = "sd_model_checkpoint"


def image_models() -> Sequence[str]:
    """The names of the models that make images, as checkpoints are listed."""
    return [model.name for model in services().catalog.models() if model.spec.kind == "image" or model.spec.any_kind]


def chosen_model() -> str | None:
    """The model that the end user chose, or else the key."""
    return followed().chosen(*dict.fromkeys([group(), caller().owner]))


def model_of(named: str, fits: Callable[[ModelSpec], bool] = lambda _: True) -> str:
    """The model for a request that names this one (empty: none); if none was chosen either, the first one that fits."""
    return named or chosen_model() or default_model(services().catalog, "image", fits)


def route_of(name: str, pointer: str) -> Route:
    """The providers of a model that makes images.

    Raises:
        Problem: 422: there is no such model, or it makes no images.
    """
    shown = name[:64]
    try:
        route = choose(services(), name, None)
    except Problem:
        raise invalid(
            pointer, f"is {shown}, and no model here has this name; GET /sdapi/v1/sd-models lists all"
        ) from None
    models = route.models.values()
    if models and not any(model.kind == "image" or model.any_kind for model in models):
        raise invalid(pointer, f"is {shown}, which makes no images; GET /sdapi/v1/sd-models lists those that do")
    return route
