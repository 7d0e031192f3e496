"""What can be asked for: models, and the providers behind them."""

from __future__ import annotations

from typing import Any

import msgspec
from flask import Blueprint, Response, request

from jobs.record.views import ProviderState
from jobs.scheduling.health import Health, percentile
from providers.catalog import Model
from providers.inputs.schema import input_schema
from providers.spec import ModelSpec, Param, ProviderSpec
from web.http.operation import ok, operation
from web.http.problems import Problem
from web.http.query import only
from web.schemas import Json, optional_time, present
from web.services import services

blueprint = Blueprint("catalog", __name__)


@blueprint.get("/models")
@operation(
    "listModels",
    "Catalog",
    "read",
    answers=(ok("Every name that a job may ask for.", "ModelList"),),
    errors=("invalid_input",),
)
def models() -> Response:
    """List the models.

    Names and aliases alike; each with its parameters as JSON Schema, and its providers in the order in which they are
    asked.
    """
    only(request)
    return _json(
        {"object": "list", "data": [model_json(model) for model in services().catalog.models()], "has_more": False}
    )


@blueprint.get("/models/<path:name>")
@operation(
    "getModel",
    "Catalog",
    "read",
    answers=(ok("The model.", "Model"),),
    errors=("not_found",),
)
def model(name: str) -> Response:
    """Get a model."""
    for found in services().catalog.models():
        if found.name == name:
            return _json(model_json(found))
    raise Problem("not_found", "There is no model of this name; GET /v1/models lists them.")


@blueprint.get("/providers")
@operation(
    "listProviders",
    "Catalog",
    "read",
    answers=(ok("Every provider.", "ProviderList"),),
    errors=("invalid_input",),
)
def providers() -> Response:
    """List the providers: what each can do, and how it stands now."""
    only(request)
    specs = services().catalog.specs()
    states = services().views.providers([spec.name for spec in specs])
    data = [provider_json(spec, states[spec.name]) for spec in specs]
    return _json({"object": "list", "data": data, "has_more": False})


@blueprint.get("/providers/<name>")
@operation(
    "getProvider",
    "Catalog",
    "read",
    answers=(ok("The provider.", "Provider"),),
    errors=("not_found",),
)
def provider(name: str) -> Response:
    """Get a provider."""
    for spec in services().catalog.specs():
        if spec.name == name:
            return _json(provider_json(spec, services().views.providers([name])[name]))
    raise Problem("not_found", "There is no provider of this name; GET /v1/providers lists them.")


def model_json(found: Model) -> Json:
    """A model as the API shows it."""
    return {
        "id": found.name,
        "object": "model",
        "name": found.spec.name,
        "aliases": [name for name in found.spec.names if name != found.name],
        "kind": found.spec.kind,
        "capabilities": capabilities(found.spec),
        "previews": found.spec.previews,
        "providers": list(found.providers),
        "input_schema": input_schema(found.spec),
    }


def capabilities(spec: ModelSpec) -> list[str]:
    """What a model is good for, in the words that model hubs use."""
    if spec.kind == "image":
        return ["text-to-image", *(["image-to-image"] if spec.vision else [])]
    return [*(["image-to-text"] if spec.vision else []), *(["chat"] if spec.history else [])]


def provider_json(spec: ProviderSpec, state: ProviderState) -> Json:
    """A provider as the API shows it."""
    return present(
        {
            "name": spec.name,
            "object": "provider",
            "label": spec.label,
            "url": spec.url or None,
            "space": spec.space,
            "state": _state(spec, state),
            "working": spec.enabled and spec.working,
            "in_flight": state.in_flight,
            "limit": spec.concurrency if state.limit is None else state.limit,
            **_health(state.health),
            "reason": _reason(state),
            "cooldown": None
            if state.until is None
            else present({"until": optional_time(state.until), "reason": state.reason}),
            "default_model": spec.default_model,
            "default_image_model": spec.default_image_model,
            "models": [model.name for model in spec.models],
            "image_models": list(spec.image_models),
            "vision_models": list(spec.vision_models),
            "aliases": spec.aliases,
            "parameters": {model.name: [_parameter(param) for param in model.params] for model in spec.models},
            "streams": spec.streams,
            "history": any(model.history for model in spec.models),
            "pictures": bool(spec.vision_models),
        }
    )


def _parameter(param: Param) -> Json:
    return present(
        {
            "name": param.name,
            "type": param.type,
            "required": param.required,
            "default": param.default,
            "minimum": param.minimum,
            "maximum": param.maximum,
            "choices": list(param.enum) or None,
            "description": param.description or None,
        }
    )


def _state(spec: ProviderSpec, state: ProviderState) -> str:
    if not spec.enabled or state.control.setting == "disabled":
        return "disabled"
    if state.paused:
        return "paused"
    if not spec.working or (state.health.open_until is not None and state.until is not None):
        return "down"
    if state.until is not None:
        return "resting"
    ill = state.health.open_until is not None or state.health.failures_in_row or state.health.signature_change
    return "degraded" if ill else "healthy"


def _reason(state: ProviderState) -> str | None:
    if state.control.hold is not None:
        return state.control.hold.reason
    return "signature_changed" if state.health.signature_change else None


def _health(health: Health) -> Json:
    """What was measured: times in seconds over the newest 50 attempts, the success rate as a moving average."""
    return {
        "success_rate": health.success_rate if health.last_used_at is not None else None,
        "waiting": _percentiles(health.waits),
        "running": _percentiles(health.runs),
        "last_error": health.last_error,
        "last_used_at": optional_time(health.last_used_at),
        "checked_at": optional_time(health.checked_at),
        "signature": None if health.signature is None else _signature(health),
        "revision": health.revision,
    }


def _signature(health: Health) -> Json:
    return present(
        {
            "hash": health.signature,
            "change": health.signature_change,
            "changed_at": optional_time(health.signature_changed_at),
        }
    )


def _percentiles(samples: tuple[float, ...]) -> Json | None:
    return {"p50": percentile(samples, 0.5), "p95": percentile(samples, 0.95)} if samples else None


def _json(body: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(body), mimetype="application/json")
