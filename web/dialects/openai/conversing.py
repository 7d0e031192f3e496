"""What chat and responses share: from a conversation to a job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from flask import request
from msgspec import UNSET, Meta, UnsetType

from jobs.model import Job, Strategy
from jobs.resources.base import about, optional
from web.dialects.conversations import Turn, inputs_of
from web.dialects.models import default_model, inputs, shortened
from web.dialects.openai.images import model_of as image_model_of
from web.dialects.submitting import DialectBody, Made, Wanted, end_user, submit, unknown_fields
from web.http.validation import or_none
from web.services import services
from web.v1.permit import choose
from web.v1.schemas.jobs import JobRequest, Metadata

#: How the names of OpenAI's models begin that make texts, and the name that huggingface_hub gives where it knows none.
_TEXT_MODELS: Final = ("gpt-", "chatgpt-")
_NO_MODEL: Final = "dummy"
#: Fields of OpenAI's requests that mean something else than a parameter of ours that has the same name.
_THEIRS: Final = frozenset({
    "api_key", "audio", "functions", "image", "images", "include", "messages", "modalities", "n", "prediction", "prompt", "reasoning",
    "response_format", "stop", "store", "text", "tools",
})  # fmt: skip

_Name = Annotated[str, Meta(min_length=1, max_length=128)]


class ConversationFields(DialectBody, frozen=True, kw_only=True):
    """What both take. Any other field is passed on where the model has a parameter of its name, and else has no effect."""

    model: Annotated[
        _Name | UnsetType,
        about(
            "A model of GET /v1/models: one that makes texts answers, one that makes images draws. OpenAI's own names mean"
            " the first one here."
        ),
    ] = UNSET
    stream: Annotated[bool | UnsetType, about("Answer with events as the text comes.")] = UNSET
    temperature: Annotated[float | UnsetType, about("Passed on where the model has it; so are the next two.")] = UNSET
    top_p: float | UnsetType = UNSET
    seed: int | UnsetType = UNSET
    user: Annotated[str | UnsetType, about("Your end user: queues are fair between users.")] = UNSET
    safety_identifier: Annotated[str | UnsetType, about("The same, by its newer name.")] = UNSET
    metadata: Annotated[Metadata | UnsetType, about("Texts of yours; the job has them too.")] = UNSET
    strategy: Annotated[Strategy | UnsetType, about("Ours: as `strategy` of a job.")] = UNSET
    provider: Annotated[
        _Name | UnsetType, about("Ours: the only provider to use. A name that is none of ours has no effect.")
    ] = UNSET


#: The fields that are parameters of a model.
_PARAMETERS: Final = ("temperature", "top_p", "seed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A request that was read.

    Args:
        model: The model that it means.
        ignored: Its fields that have no effect.
        made: Its job, and no other.
    """

    model: str
    ignored: Sequence[str]
    made: Sequence[Made]

    @property
    def job(self) -> Job:
        """Its job as it was accepted."""
        return self.made[0].accepted.record.job


def model_of(name: str | None, kind: str = "text") -> str:
    """The model of ours that a name means; OpenAI's own names, and none, mean the first of a kind."""
    if name is None or name == _NO_MODEL:
        return default_model(services().catalog, kind)
    if is_ours(name):
        return name
    meant = image_model_of(name)
    if meant == name and name.startswith(_TEXT_MODELS):
        return default_model(services().catalog, kind)
    return meant


def is_ours(name: str | None) -> bool:
    """Whether a model is here by this name."""
    return any(model.name == name for model in services().catalog.models())


def order(
    asked: ConversationFields,
    turns: Sequence[Turn],
    body: Mapping[str, Any],
    *,
    kind: str = "text",
    more: Mapping[str, Any] | None = None,
    places: Mapping[str, str] | None = None,
    ignored: Sequence[str] = (),
    stays: bool = True,
) -> Order:
    """Submit the job of a request.

    Args:
        asked: The body.
        turns: Its conversation.
        body: As it came.
        kind: What a model is to make, where the request names none of ours.
        more: Further parameters.
        places: Where these stand, if not in fields of their names.
        ignored: What was left out already.
        stays: Whether the client stays connected for the result.

    Raises:
        Problem: It is not one that any provider of the model takes.
    """
    model = model_of(or_none(asked.model), kind)
    provider, unknown = _provider(or_none(asked.provider))
    route = choose(services(), model, provider)
    said, said_at, unheard = inputs_of(route, turns)
    others = unknown_fields(body, type(asked))
    given = {name: value for name in _PARAMETERS if (value := getattr(asked, name)) is not UNSET}
    given |= {name: body[name] for name in others if name not in _THEIRS} | dict(more or {})
    found, names, unused = inputs(route, given)
    given_at = {f"/input/{name}": (places or {}).get(other, f"/{other}") for name, other in names.items()}
    theirs = [name for name in others if name in _THEIRS]
    wanted = Wanted(
        dialect="openai",
        jobs=[_job(asked, model, provider, {**shortened(route, found), **said})],
        # What is not known may be a secret.
        body={name: value for name, value in body.items() if name in {*asked.__struct_fields__, *names.values()}},
        places={**said_at, **given_at, "/input": ""},
        ignored=list(dict.fromkeys([*ignored, *unheard, *unknown, *unused, *theirs])),
        stays=stays,
    )
    return Order(model=model, ignored=wanted.ignored, made=submit(wanted))


def _provider(name: str | None) -> tuple[str | None, list[str]]:
    """The provider that may run it; a name of another service's has no effect."""
    if name is None or name in services().catalog.names():
        return name, []
    return None, ["provider"]


def _job(asked: ConversationFields, model: str, provider: str | None, found: dict[str, Any]) -> JobRequest:
    user = or_none(asked.user) or or_none(asked.safety_identifier)
    return JobRequest(
        model=model,
        input=found,
        provider=optional(provider),
        strategy=or_none(asked.strategy) or "failover",
        metadata={**(or_none(asked.metadata) or {}), **end_user(request, user)},
    )
