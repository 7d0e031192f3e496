"""Models and providers as the API shows them. Pure."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from jobs.resources import examples
from jobs.resources.base import Count, ListOf, Resource, Time, optional, optional_time
from jobs.scheduling.health import Health, condition, percentile
from jobs.scheduling.provider_states import ProviderState
from jobs.times import rfc3339
from media import Kind
from providers.catalog import Model
from providers.inputs.schema import input_schema
from providers.spec import ModelSpec, Param, ProviderSpec

Capability = Literal["text-to-image", "image-to-image", "image-to-text", "chat"]
ProviderStatus = Literal["healthy", "degraded", "down", "resting", "paused", "disabled"]

_PROMPT_EXAMPLE = {"name": "prompt", "type": "string", "required": True}


class ModelResource(Resource, frozen=True, kw_only=True):
    """A model that a job can ask for."""

    id: Annotated[str, Meta(description="The name to ask for.", examples=["flux-schnell"])]
    object: Literal["model"] = "model"
    name: Annotated[str, Meta(description="The exact name.", examples=[examples.MODEL])]
    aliases: Annotated[list[str], Meta(description="Its other names.", examples=[["flux"]])]
    kind: Annotated[Kind, Meta(description="What it makes.", examples=["image"])]
    capabilities: Annotated[list[Capability], Meta(examples=[["text-to-image"]])]
    previews: Annotated[bool, Meta(description="Whether it shows previews while it works.", examples=[False])]
    providers: Annotated[
        list[str],
        Meta(description="Its providers, in the order they are asked.", examples=[[examples.PROVIDER]]),
    ]
    input_schema: Annotated[
        dict[str, Any],
        Meta(
            description="JSON Schema of `input`.",
            examples=[{"type": "object", "properties": {"prompt": {"type": "string"}}, "required": ["prompt"]}],
        ),
    ]


class ModelList(ListOf[ModelResource], frozen=True, kw_only=True):
    """All models."""


class Percentiles(Resource, frozen=True, kw_only=True):
    """Seconds, over the newest 50 attempts that succeeded."""

    p50: Annotated[float, Meta(examples=[4.2])]
    p95: Annotated[float, Meta(examples=[9.8])]


class ProviderSignature(Resource, frozen=True, kw_only=True):
    """What the app can be asked, as a digest."""

    hash: str
    change: Annotated[str, Meta(description="How the app differs from what its driver needs.")] | UnsetType = UNSET
    changed_at: Time | UnsetType = UNSET


class Cooldown(Resource, frozen=True, kw_only=True):
    """A rest: the provider gets no jobs until then."""

    until: Time
    reason: Annotated[str, Meta(description="The error code of the attempt that caused it.")] | UnsetType = UNSET


class ParameterResource(Resource, frozen=True, kw_only=True):
    """One parameter of a model."""

    name: str
    type: str
    required: bool
    default: Any | UnsetType = UNSET
    minimum: float | UnsetType = UNSET
    maximum: float | UnsetType = UNSET
    choices: list[Any] | UnsetType = UNSET
    description: str | UnsetType = UNSET


class ProviderResource(Resource, frozen=True, kw_only=True):
    """A provider: what it can do, and how it is now."""

    name: Annotated[str, Meta(examples=[examples.PROVIDER])]
    object: Literal["provider"] = "provider"
    label: Annotated[str, Meta(description="Its name for people.", examples=["FLUX.1 [schnell]"])]
    url: str | UnsetType = UNSET
    space: Annotated[str, Meta(description="Its Space on the Hub.", examples=[examples.SPACE])] | UnsetType = UNSET
    state: Annotated[ProviderStatus, Meta(examples=["healthy"])]
    working: Annotated[bool, Meta(description="Whether it is known to work and switched on.", examples=[True])]
    in_flight: Annotated[Count, Meta(description="Jobs there now.", examples=[2])]
    limit: Annotated[Count, Meta(description="Most jobs there at once; absent is no limit.")] | UnsetType = UNSET
    success_rate: (
        Annotated[float, Meta(description="Moving average over its attempts, 0 to 1.", examples=[0.98])] | UnsetType
    ) = UNSET
    waiting: Annotated[Percentiles, Meta(description="How long attempts waited in its queue.")] | UnsetType = UNSET
    running: Annotated[Percentiles, Meta(description="How long attempts ran.")] | UnsetType = UNSET
    last_error: Annotated[str, Meta(description="The error code of the last failure.")] | UnsetType = UNSET
    last_used_at: Time | UnsetType = UNSET
    checked_at: Annotated[Time, Meta(description="When it was probed last.")] | UnsetType = UNSET
    signature: ProviderSignature | UnsetType = UNSET
    revision: Annotated[str, Meta(description="The commit of its Space.")] | UnsetType = UNSET
    reason: (
        Annotated[
            str, Meta(description="Why it is degraded (`signature_changed`), or an admin's reason for its pause.")
        ]
        | UnsetType
    ) = UNSET
    cooldown: Cooldown | UnsetType = UNSET
    default_model: Annotated[str, Meta(examples=[examples.MODEL])]
    default_image_model: Annotated[str, Meta(examples=[examples.MODEL])] | UnsetType = UNSET
    models: Annotated[list[str], Meta(examples=[[examples.MODEL]])]
    image_models: Annotated[list[str], Meta(examples=[[examples.MODEL]])]
    vision_models: Annotated[list[str], Meta(examples=[[]])]
    aliases: Annotated[dict[str, str], Meta(examples=[{"flux-schnell": examples.MODEL}])]
    parameters: Annotated[
        dict[str, list[ParameterResource]],
        Meta(
            description="The parameters of each model.",
            examples=[{examples.MODEL: [_PROMPT_EXAMPLE]}],
        ),
    ]
    streams: Annotated[bool, Meta(description="Whether it reports progress while it works.", examples=[True])]
    history: Annotated[bool, Meta(description="Whether it takes a chat history.", examples=[False])]
    pictures: Annotated[bool, Meta(description="Whether it takes images.", examples=[False])]


class ProviderList(ListOf[ProviderResource], frozen=True, kw_only=True):
    """All providers."""


def model_resource(found: Model) -> ModelResource:
    """A model as the API shows it."""
    return ModelResource(
        id=found.name,
        name=found.spec.name,
        aliases=[name for name in found.spec.names if name != found.name],
        kind=found.spec.kind,
        capabilities=_capabilities(found.spec),
        previews=found.spec.previews,
        providers=list(found.providers),
        input_schema=input_schema(found.spec),
    )


def _capabilities(spec: ModelSpec) -> list[Capability]:
    """What a model is good for, in the words of model hubs."""
    if spec.kind == "image":
        return ["text-to-image", "image-to-image"] if spec.vision else ["text-to-image"]
    found: list[tuple[Capability, bool]] = [("image-to-text", spec.vision), ("chat", spec.history)]
    return [capability for capability, has in found if has]


def provider_resource(spec: ProviderSpec, state: ProviderState) -> ProviderResource:
    """A provider as the API shows it. What was measured spans its newest 50 attempts."""
    health = state.health
    return ProviderResource(
        name=spec.name,
        label=spec.label,
        url=spec.url or UNSET,
        space=optional(spec.space),
        state=_status(spec, state),
        working=spec.enabled and spec.working,
        in_flight=state.in_flight,
        limit=optional(spec.concurrency if state.limit is None else state.limit),
        success_rate=UNSET if health.last_used_at is None else health.success_rate,
        waiting=_percentiles(health.waits),
        running=_percentiles(health.runs),
        last_error=optional(health.last_error),
        last_used_at=optional_time(health.last_used_at),
        checked_at=optional_time(health.checked_at),
        signature=_signature(health),
        revision=optional(health.revision),
        reason=_reason(state),
        cooldown=_cooldown(state),
        default_model=spec.default_model,
        default_image_model=optional(spec.default_image_model),
        models=[model.name for model in spec.models],
        image_models=list(spec.image_models),
        vision_models=list(spec.vision_models),
        aliases=dict(spec.aliases),
        parameters={model.name: [_parameter(param) for param in model.params] for model in spec.models},
        streams=spec.streams,
        history=any(model.history for model in spec.models),
        pictures=bool(spec.vision_models),
    )


def _parameter(param: Param) -> ParameterResource:
    return ParameterResource(
        name=param.name,
        type=param.type,
        required=param.required,
        default=optional(param.default),
        minimum=optional(param.minimum),
        maximum=optional(param.maximum),
        choices=list(param.enum) or UNSET,
        description=param.description or UNSET,
    )


def _status(spec: ProviderSpec, state: ProviderState) -> ProviderStatus:
    if not spec.enabled or state.override.setting == "disabled":
        return "disabled"
    if state.paused:
        return "paused"
    return condition(state.health, state.until) if spec.working else "down"


def _reason(state: ProviderState) -> str | UnsetType:
    if state.override.pause is not None:
        return optional(state.override.pause.reason)
    return "signature_changed" if state.health.signature_change else UNSET


def _cooldown(state: ProviderState) -> Cooldown | UnsetType:
    if state.until is None:
        return UNSET
    return Cooldown(until=rfc3339(state.until), reason=optional(state.reason))


def _signature(health: Health) -> ProviderSignature | UnsetType:
    if health.signature is None:
        return UNSET
    return ProviderSignature(
        hash=health.signature,
        change=optional(health.signature_change),
        changed_at=optional_time(health.signature_changed_at),
    )


def _percentiles(samples: tuple[float, ...]) -> Percentiles | UnsetType:
    p50, p95 = percentile(samples, 0.5), percentile(samples, 0.95)
    return UNSET if p50 is None or p95 is None else Percentiles(p50=p50, p95=p95)
