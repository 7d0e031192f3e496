"""Models and providers as the API shows them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, UnsetType

from jobs.error_codes import CAUSES
from jobs.resources import examples
from jobs.resources.base import Count, ListOf, Resource, Time, UnixTime, about, optional, optional_time, rfc3339
from jobs.scheduling.health import Health, condition, percentile
from jobs.scheduling.provider_states import ProviderState
from media import Kind, kind_of
from providers.catalog import Model
from providers.inputs.schema import input_schema
from providers.spec import ModelSpec, Param, ProviderSpec
from web.v1.schemas.replicate_models import ReplicateModel

ProviderStatus = Literal["healthy", "degraded", "down", "resting", "paused", "disabled"]

_PROMPT_EXAMPLE = {"name": "prompt", "type": "string", "required": True}

#: OpenAI's clients want a time of each model. When an app was made is not known here, and the time when a process read
#: its configuration would differ from process to process. So it is no time at all, as other servers answer it.
_CREATED: Final = 0


class ModelResource(Resource, frozen=True, kw_only=True):
    """A model that a job can ask for."""

    id: Annotated[str, about("The name to ask for.", example="flux-schnell")]
    object: Literal["model"] = "model"
    name: Annotated[str, about("The exact name.", example=examples.MODEL)]
    aliases: Annotated[list[str], about("Its other names.", example=["flux"])]
    kind: Annotated[Kind, about("What it makes, as `kind` of an output.", example="image")]
    capabilities: Annotated[
        list[str], about("What it is good for, in the words of model hubs.", example=["text-to-image"])
    ]
    previews: Annotated[bool, about("Whether it shows previews while it works.", example=False)]
    providers: Annotated[list[str], about("Its providers, in the order they are asked.", example=[examples.PROVIDER])]
    input_schema: Annotated[
        dict[str, Any],
        about(
            "JSON Schema of `input`.",
            example={"type": "object", "properties": {"prompt": {"type": "string"}}, "required": ["prompt"]},
        ),
    ]
    created: Annotated[UnixTime, about("For OpenAI's clients: always 0, since it is not known.", example=_CREATED)]
    owned_by: Annotated[
        str, about("For OpenAI's clients: the provider that is asked first.", example=examples.PROVIDER)
    ]
    image: Annotated[bool, about("Whether it makes images.", example=True)]
    vision: Annotated[bool, about("Whether it takes an image.", example=False)]


class ModelList(ListOf[ModelResource], frozen=True, kw_only=True):
    """All models. `results` are the same in the words of Replicate's clients, which also read `next` and `previous`."""

    results: Annotated[list[ReplicateModel], about("The same, for Replicate's clients.")]
    next: None = None
    previous: None = None


class Percentiles(Resource, frozen=True, kw_only=True):
    """Seconds, over the newest 50 attempts that succeeded."""

    p50: Annotated[float, about("Half of them took less.", example=4.2)]
    p95: Annotated[float, about("95 of 100 took less.", example=9.8)]


class ProviderSignature(Resource, frozen=True, kw_only=True):
    """What the app can be asked, as a digest."""

    hash: Annotated[str, about("The digest.")]
    change: Annotated[str | UnsetType, about("How the app differs from what its driver needs.")] = UNSET
    changed_at: Annotated[Time | UnsetType, about("When it last changed.")] = UNSET


class Cooldown(Resource, frozen=True, kw_only=True):
    """A rest: the provider gets no jobs until then."""

    until: Annotated[Time, about("When it ends.")]
    reason: Annotated[str | UnsetType, about("What the provider said, or its last error.")] = UNSET


class ParameterResource(Resource, frozen=True, kw_only=True):
    """One parameter of a model."""

    name: Annotated[str, about("Its name in `input`.")]
    type: Annotated[str, about("A type of JSON, or `image`, `images`, `messages`, `script`.")]
    required: Annotated[bool, about("Whether it must be given.")]
    default: Annotated[Any | UnsetType, about("Used if it is not given.")] = UNSET
    minimum: Annotated[float | UnsetType, about("The least value.")] = UNSET
    maximum: Annotated[float | UnsetType, about("The greatest value.")] = UNSET
    choices: Annotated[list[Any] | UnsetType, about("The only values.")] = UNSET
    description: Annotated[str | UnsetType, about("What it means.")] = UNSET


class ProviderResource(Resource, frozen=True, kw_only=True):
    """A provider: what it can do, and how it is now."""

    name: Annotated[str, about("Its name.", example=examples.PROVIDER)]
    object: Literal["provider"] = "provider"
    label: Annotated[str, about("Its name for people.", example="FLUX.1 [schnell]")]
    url: Annotated[str | UnsetType, about("The address of the app.")] = UNSET
    space: Annotated[str | UnsetType, about("Its Space on the Hub.", example=examples.SPACE)] = UNSET
    state: Annotated[ProviderStatus, about("Whether it takes jobs now.", example="healthy")]
    working: Annotated[bool, about("Whether it is known to work and switched on.", example=True)]
    in_flight: Annotated[Count, about("Jobs there now.", example=2)]
    limit: Annotated[Count | UnsetType, about("Most jobs there at once; absent is no limit.")] = UNSET
    success_rate: Annotated[float | UnsetType, about("Moving average over its attempts, 0 to 1.", example=0.98)] = UNSET
    waiting: Annotated[Percentiles | UnsetType, about("How long attempts waited in its queue.")] = UNSET
    running: Annotated[Percentiles | UnsetType, about("How long attempts ran.")] = UNSET
    last_error: Annotated[
        str | UnsetType, about("What its last error was, for people. Its text is known to the job's owner.")
    ] = UNSET
    last_used_at: Annotated[Time | UnsetType, about("When a job last ran there.")] = UNSET
    checked_at: Annotated[Time | UnsetType, about("When it was probed last.")] = UNSET
    signature: ProviderSignature | UnsetType = UNSET
    revision: Annotated[str | UnsetType, about("The commit of its Space.")] = UNSET
    reason: Annotated[
        str | UnsetType, about("Why it is degraded (`signature_changed`), or an admin's reason for its pause.")
    ] = UNSET
    cooldown: Cooldown | UnsetType = UNSET
    default_model: Annotated[str, about("Its model for a job that names none.", example=examples.MODEL)]
    default_image_model: Annotated[str | UnsetType, about("The same, for images.", example=examples.MODEL)] = UNSET
    models: Annotated[list[str], about("Its models.", example=[examples.MODEL])]
    image_models: Annotated[list[str], about("Those that make images.", example=[examples.MODEL])]
    vision_models: Annotated[list[str], about("Those that take images.", example=[])]
    aliases: Annotated[dict[str, str], about("Other names of its models.", example={"flux-schnell": examples.MODEL})]
    parameters: Annotated[
        dict[str, list[ParameterResource]],
        about("The parameters of each model.", example={examples.MODEL: [_PROMPT_EXAMPLE]}),
    ]
    streams: Annotated[bool, about("Whether it reports progress while it works.", example=True)]
    history: Annotated[bool, about("Whether it takes a chat history.", example=False)]
    pictures: Annotated[bool, about("Whether it takes images.", example=False)]


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
        created=_CREATED,
        owned_by=found.providers[0],
        image=found.spec.kind == "image",
        vision=found.spec.vision,
    )


#: What goes in, in the words of model hubs, and the types of parameters that take it.
_SOURCES: Final[Mapping[str, frozenset[str]]] = {
    "image": frozenset({"image", "images"}),
    "audio": frozenset({"audio"}),
    "video": frozenset({"video"}),
}


def _capabilities(spec: ModelSpec) -> list[str]:
    """What a model is good for, in the words of model hubs."""
    types = {param.type for param in spec.params}
    sources = [name for name, taking in _SOURCES.items() if not taking.isdisjoint(types)]
    if task := kind_of(spec.kind).task:
        return [f"{source}-to-{task}" for source in (*(["text"] if spec.param("prompt") else []), *sources)]
    return [*(f"{source}-to-text" for source in sources), *(["chat"] if spec.history else [])]


def provider_resource(spec: ProviderSpec, state: ProviderState, subject: str) -> ProviderResource:
    """A provider as the API shows it to a subject. What was measured spans its newest 50 attempts.

    What an app said about one job may hold another's text. So of errors only the codes are known here.
    """
    health = state.health
    return ProviderResource(
        name=spec.name,
        label=spec.label,
        url=spec.url or UNSET,
        space=optional(spec.space),
        state=_status(spec, state, subject),
        working=spec.enabled and spec.working,
        in_flight=state.in_flight,
        limit=optional(spec.concurrency if state.limit is None else state.limit),
        success_rate=UNSET if health.last_used_at is None else health.success_rate,
        waiting=_percentiles(health.waits),
        running=_percentiles(health.runs),
        last_error=_title(health.last_error),
        last_used_at=optional_time(health.last_used_at),
        checked_at=optional_time(health.checked_at),
        signature=_signature(health),
        revision=optional(health.revision),
        reason=_reason(state),
        cooldown=_cooldown(state, subject),
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


def _status(spec: ProviderSpec, state: ProviderState, subject: str) -> ProviderStatus:
    if not spec.enabled or state.override.setting == "disabled":
        return "disabled"
    if state.paused:
        return "paused"
    return condition(state.health, state.until_for(subject), subject) if spec.working else "down"


def _reason(state: ProviderState) -> str | UnsetType:
    if state.override.pause is not None:
        return optional(state.override.pause.reason)
    return "signature_changed" if state.health.signature_change else UNSET


def _cooldown(state: ProviderState, subject: str) -> Cooldown | UnsetType:
    until = state.until_for(subject)
    if until is None:
        return UNSET
    return Cooldown(until=rfc3339(until), reason=_title(state.reason or state.health.last_error))


def _title(code: str | None) -> str | UnsetType:
    """An error code in our own words. An earlier version of Darkroom kept the app's text in its place."""
    return CAUSES[code].title if code is not None and code in CAUSES else UNSET


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
