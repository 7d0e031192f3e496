"""What chat and responses share: from a conversation to a job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from msgspec import UNSET, UnsetType

from jobs.resources.base import about
from web.dialects.conversations import Turn, inputs_of
from web.dialects.openai.fields import Fields
from web.dialects.openai.orders import Order, Said, order
from web.http.validation import or_none
from web.v1.schemas.jobs import Metadata


class ConversationFields(Fields, frozen=True, kw_only=True):
    """What both take."""

    stream: Annotated[bool | UnsetType, about("Answer with events as the text comes.")] = UNSET
    metadata: Annotated[Metadata | UnsetType, about("Texts of yours; the job has them too.")] = UNSET


def talk(
    asked: ConversationFields,
    turns: Sequence[Turn],
    body: Mapping[str, Any],
    *,
    kind: str = "text",
    given: Mapping[str, Any] | None = None,
    places: Mapping[str, str] | None = None,
    ignored: Sequence[str] = (),
    stays: bool = True,
) -> Order:
    """Submit the job of a request; for the arguments see :func:`web.dialects.openai.orders.order`.

    Raises:
        Problem: It is not one that any provider of the model takes.
    """
    return order(
        asked,
        body,
        kind,
        lambda route: Said(*inputs_of(route, turns)),
        given=given,
        places=places,
        ignored=ignored,
        metadata=or_none(asked.metadata),
        stays=stays,
    )
