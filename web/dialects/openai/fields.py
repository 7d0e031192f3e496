"""The fields that all routes share."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from jobs.model import Strategy
from jobs.resources.base import about
from web.dialects.bodies import DialectBody

_Name = Annotated[str, Meta(min_length=1, max_length=128)]


class Fields(DialectBody, frozen=True, kw_only=True):
    """What all take. Any other field is passed on where the model has a parameter of its name, and else has no effect."""

    model: Annotated[
        _Name | UnsetType,
        about(
            "A model of GET /v1/models. OpenAI's own names (`dall-e-3`, `gpt-5`) mean the first one here of their kind."
        ),
    ] = UNSET
    user: Annotated[str | UnsetType, about("Your end user: queues are fair between users.")] = UNSET
    safety_identifier: Annotated[str | UnsetType, about("The same, by its newer name.")] = UNSET
    strategy: Annotated[Strategy | UnsetType, about("Ours: as `strategy` of a job.")] = UNSET
    provider: Annotated[
        _Name | UnsetType, about("Ours: the only provider to use. A name that is none of ours has no effect.")
    ] = UNSET
