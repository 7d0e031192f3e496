"""Errors as Hugging Face's clients show them: a text in ``error``, and more of them in ``errors``."""

from __future__ import annotations

from typing import Annotated

from flask import Response
from msgspec import UNSET, UnsetType

from jobs.resources.base import Resource, about
from web.http.operation import json_response
from web.http.problems import KINDS, Problem


class HubFault(Resource, frozen=True, kw_only=True):
    """One place of a request that is wrong."""

    message: Annotated[str, about("Where it is, and what is wrong with it.", example="/inputs must be a text")]


class HubError(Resource, frozen=True, kw_only=True):
    """An error. ``huggingface_hub`` shows its texts behind the status."""

    error: Annotated[str, about("What happened, and what to do.", example="/parameters/width must be at most 2048")]
    code: Annotated[str, about("Stable: a program can decide by it.", example="invalid_input", enum=list(KINDS))]
    errors: Annotated[list[HubFault] | UnsetType, about("Every fault, where there are several.")] = UNSET


def refusal(problem: Problem) -> Response:
    """The answer for an error."""
    faults = dict.fromkeys(f"{place} {detail}".strip() for place, detail in problem.errors)
    several = [HubFault(message=fault) for fault in faults] if len(faults) > 1 else UNSET
    found = HubError(error=problem.detail, code=problem.code, errors=several)
    return json_response(found, problem.status, problem.headers)
