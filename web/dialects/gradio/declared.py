"""What the routes of Gradio's dialect share: their paths, where clients put their key, and how they read an error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, Final

import msgspec
from flask import Blueprint, Response

from web.http.credentials import Credential, bearer_in
from web.http.operation import Operation
from web.http.problems import Problem
from web.v1.accept import ERRORS

TAG: Final = "Gradio"
#: Under this and without it: older clients ignore what ``/config`` says of it.
PREFIX: Final = "/gradio_api"
#: How a key of ours begins: what is saved on a machine for the Hub is none.
_OURS: Final = "dk_"
REFUSALS: Final = (*ERRORS, "rate_limited", "too_many_streams")
_INVALID: Final = 422

encode: Final = msgspec.json.Encoder().encode
View = Callable[..., Response]


def key_in(environ: Mapping[str, Any]) -> str:
    """The key of a request: ``gradio_client`` sends ``token=`` in a header of its own, and a token for the Hub too."""
    sent = (bearer_in(environ, "X-HF-Authorization"), bearer_in(environ))
    return next((token for token in sent if token.startswith(_OURS)), "")


CREDENTIAL: Final = Credential(
    read=key_in,
    scheme="Bearer",
    advice='Send a valid key: Client(…, token="dk_live_…"), or the header Authorization: Bearer dk_live_…',
)


def refusal(problem: Problem) -> Response:
    """An error as Gradio's clients read it: a text. They fail on a 422 that is not a list of their own."""
    status = 400 if problem.status == _INVALID else problem.status
    body = encode({"detail": problem.detail, "code": problem.code})
    return Response(body, status, problem.headers, content_type="application/json")


def refusal_of_call(problem: Problem) -> Response:
    """Like :func:`refusal`; what is wrong with a call's values as Gradio's own validation says it, which clients show."""
    if problem.code != "invalid_input":
        return refusal(problem)
    faults = problem.errors or [("", problem.detail)]
    detail = [
        {"__type__": "validate", "is_valid": False, "parameter_name": place.strip("/") or "data", "message": text}
        for place, text in faults
    ]
    return Response(encode({"detail": detail}), _INVALID, problem.headers, content_type="application/json")


def json_answer(value: object) -> Response:
    """Any JSON, which is not kept by anybody."""
    answer = Response(encode(value), content_type="application/json")
    answer.headers["Cache-Control"] = "no-store"
    return answer


@dataclass(frozen=True, slots=True)
class Routes:
    """Adds routes to a blueprint, each at ``/gradio/{name}/gradio_api`` and at ``/gradio/{name}``."""

    blueprint: Blueprint

    def add(self, method: str, path: str, operation: Operation) -> Callable[[View], View]:
        """Declare a view."""

        def declare(view: View) -> View:
            for prefix, mark in ((PREFIX, ""), ("", "Bare")):
                declared = replace(operation, id=operation.id + mark)
                self.blueprint.add_url_rule(
                    f"/gradio/<name>{prefix}{path}", declared.id, declared(_copy(view)), methods=[method]
                )
            return view

        return declare


def _copy(view: View) -> View:
    """Another function that does the same: a declaration is an attribute of its view."""

    @wraps(view)
    def other(**parameters: Any) -> Response:  # noqa: ANN401 - the variables of the path
        return view(**parameters)

    return other
