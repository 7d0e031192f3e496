"""The fields that chat and responses share."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from jobs.model import Strategy
from jobs.resources.base import about
from web.dialects.bodies import DialectBody
from web.v1.schemas.jobs import Metadata

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
