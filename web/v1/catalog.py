"""What can be asked for: models, and the providers behind them."""

from __future__ import annotations

from flask import Blueprint, Response, request

from jobs.scheduling.circuits import subject_of
from providers.spec import ProviderSpec
from web.http.operation import Operation, json_response, ok, only
from web.http.problems import Problem
from web.services import caller, links, services
from web.v1.schemas.catalog import (
    ModelList,
    ModelResource,
    ProviderList,
    ProviderResource,
    model_resource,
    provider_resource,
)
from web.v1.schemas.replicate_models import replicate_model

blueprint = Blueprint("catalog", __name__)


@blueprint.get("/models")
@Operation(
    "listModels",
    "Catalog",
    "read",
    answers=(ok("All names that a job can use.", ModelList),),
    errors=("invalid_input",),
)
def models() -> Response:
    """List the models.

    Names and aliases, each with its parameters as JSON Schema and its providers in order of preference. `results` are the
    same for Replicate's clients.
    """
    only(request)
    found = services().catalog.models()
    data = [model_resource(model) for model in found]
    results = [replicate_model(model, links().base) for model in found]
    return json_response(ModelList(data=data, results=results, has_more=False))


@blueprint.get("/models/<path:name>")
@Operation("getModel", "Catalog", "read", answers=(ok("The model.", ModelResource),), errors=("not_found",))
def model(name: str) -> Response:
    """Get a model."""
    for found in services().catalog.models():
        if found.name == name:
            return json_response(model_resource(found))
    raise Problem("not_found", "There is no model of this name; GET /v1/models lists them.")


@blueprint.get("/providers")
@Operation("listProviders", "Catalog", "read", answers=(ok("All providers.", ProviderList),), errors=("invalid_input",))
def providers() -> Response:
    """List the providers, with what they serve and their state."""
    only(request)
    specs = services().catalog.specs()
    states = services().provider_states.get([spec.name for spec in specs])
    data = [provider_resource(spec, states[spec.name], subject_of(caller().owner)) for spec in specs]
    return json_response(ProviderList(data=data, has_more=False))


@blueprint.get("/providers/<name>")
@Operation("getProvider", "Catalog", "read", answers=(ok("The provider.", ProviderResource),), errors=("not_found",))
def provider(name: str) -> Response:
    """Get a provider."""
    spec = spec_of(name)
    return json_response(
        provider_resource(spec, services().provider_states.get([name])[name], subject_of(caller().owner))
    )


def spec_of(name: str) -> ProviderSpec:
    """The provider of this name.

    Raises:
        Problem: 404: there is none.
    """
    for spec in services().catalog.specs():
        if spec.name == name:
            return spec
    raise Problem("not_found", "There is no provider of this name; GET /v1/providers lists them.")
