"""What chat and responses share: from a conversation to a job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from flask import request
from msgspec import UNSET

from jobs.resources.base import optional
from web.dialects.bodies import unknown_fields
from web.dialects.conversations import Turn, inputs_of
from web.dialects.models import inputs, shortened
from web.dialects.openai.fields import ConversationFields
from web.dialects.openai.names import model_for_talk, provider_of
from web.dialects.openai.orders import Order
from web.dialects.submitting import Wanted, end_user, submit
from web.http.validation import or_none
from web.services import services
from web.v1.permit import choose
from web.v1.schemas.jobs import JobRequest

#: Fields of OpenAI's requests that mean something else than a parameter of ours that has the same name.
_THEIRS: Final = frozenset({
    "api_key", "audio", "functions", "image", "images", "include", "messages", "modalities", "n", "prediction", "prompt", "reasoning",
    "response_format", "stop", "store", "text", "tools",
})  # fmt: skip

#: The fields that are parameters of a model.
_PARAMETERS: Final = ("temperature", "top_p", "seed")


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
    model = model_for_talk(or_none(asked.model), kind)
    provider, unknown = provider_of(or_none(asked.provider))
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


def _job(asked: ConversationFields, model: str, provider: str | None, found: dict[str, Any]) -> JobRequest:
    user = or_none(asked.user) or or_none(asked.safety_identifier)
    return JobRequest(
        model=model,
        input=found,
        provider=optional(provider),
        strategy=or_none(asked.strategy) or "failover",
        metadata={**(or_none(asked.metadata) or {}), **end_user(request, user)},
    )
