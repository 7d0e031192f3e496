"""What all routes of this dialect share: where their clients put the key, how they read errors, whose settings hold."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Final

import msgspec
from flask import Response, request

from jobs.record.followed import Followed
from jobs.resources.base import Resource, about
from jobs.submissions import fair_user
from web.dialects.submitting import end_user
from web.http.credentials import Credential, bearer_in, password_in
from web.http.operation import Operation, json_response
from web.http.problems import Problem
from web.services import caller, services

NAME: Final = "automatic1111"
LABEL: Final = "AUTOMATIC1111"


class Refused(Resource, frozen=True, kw_only=True):
    """An error."""

    error: Annotated[str, about("The kind of error.", example="The input is not valid")]
    detail: Annotated[str, about("What happened, and what to do.", example="/width must be at most 2048")]
    body: Annotated[str, about("Always empty.")] = ""
    errors: Annotated[str, about("The code of the error: see the reference.", example="invalid_input")]


def refusal(problem: Problem) -> Response:
    """An error as these clients read it: most show ``detail``."""
    found = Refused(error=problem.kind.title, detail=problem.detail, errors=problem.code)
    return json_response(found, problem.status, problem.headers)


def _key_in(environ: Mapping[str, Any]) -> str:
    return password_in(environ) or bearer_in(environ)


CREDENTIAL: Final = Credential(
    read=_key_in,
    scheme='Basic realm="Darkroom"',
    advice="Send a valid key as the password, with any name: Authorization: Basic …, or as Authorization: Bearer dk_live_…",
)

#: A route of this dialect.
Route: Final = partial(Operation, credential=CREDENTIAL, refusal=refusal, refused=Refused)


def plain(value: Any) -> Response:  # noqa: ANN401 - any JSON
    """An answer that is any JSON."""
    return Response(msgspec.json.encode(value), content_type="application/json")


def followed() -> Followed:
    """What is remembered of these clients."""
    return Followed(services().connection)


def group() -> str:
    """Whose jobs and settings are meant in the current request: the key's, or those of one end user of it."""
    return fair_user(caller().owner, end_user(request, None).get("user"))
