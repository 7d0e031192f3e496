"""What the Hub says of a Space, for clients that find an app by the Space's name (``HF_ENDPOINT``)."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from flask import Blueprint, Response

from web.dialects.gradio.apps import faces
from web.dialects.gradio.declared import CREDENTIAL, TAG, encode, json_answer
from web.http.operation import Operation, ok
from web.http.problems import Problem
from web.services import links, services

blueprint: Final = Blueprint("gradio_hub", __name__)
_NOT_FOUND: Final = 404


def _refusal(problem: Problem) -> Response:
    """An error as the Hub's clients read it."""
    headers = dict(problem.headers)
    if problem.status == _NOT_FOUND:
        headers["X-Error-Code"] = "RepoNotFound"
    return Response(encode({"error": problem.detail}), problem.status, headers, content_type="application/json")


def _declared(number: str, text: str) -> Operation:
    return Operation(
        number, TAG, "read", answers=(ok(text, None),), errors=("not_found",), credential=CREDENTIAL, refusal=_refusal
    )


@blueprint.get("/api/spaces/<owner>/<space>")
@_declared("hubSpace", "The Space.")
def space(owner: str, space: str) -> Response:
    """Get where a Space's app is: here.

    For the Space of a provider; `host` is the path of its model where it is the first to be asked for that, so that another
    provider can stand in; else its own.
    """
    provider = _provider(f"{owner}/{space}")
    catalog = services().catalog
    spec = catalog.spec(provider)
    exact = spec.models[0].name
    stands_in = len(spec.models) == 1 and "/" not in exact and next(faces(catalog, exact), None) == (provider, exact)
    path = quote(exact if stands_in else provider, safe="")
    host = f"{links().base}/gradio/{path}/"
    return json_answer(
        {**_space(spec.space or ""), "host": host, "subdomain": path, "sdk": "gradio", "runtime": _RUNTIME}
    )


@blueprint.get("/api/spaces/<owner>/<space>/runtime")
@_declared("hubSpaceRuntime", "Its state.")
def runtime(owner: str, space: str) -> Response:
    """Get the state of a Space: it takes jobs here, whether it runs or not."""
    _provider(f"{owner}/{space}")
    return json_answer(_RUNTIME)


_RUNTIME: Final[dict[str, Any]] = {
    "stage": "RUNNING", "hardware": {"current": None, "requested": None}, "storage": None, "gcTimeout": None,
}  # fmt: skip


def _space(name: str) -> dict[str, Any]:
    return {
        "_id": name,
        "id": name,
        "author": name.partition("/")[0],
        "private": False,
        "disabled": False,
        "likes": 0,
        "tags": [],
    }


def _provider(name: str) -> str:
    """The provider of a Space.

    Raises:
        Problem: 404: there is none.
    """
    for spec in services().catalog.specs():
        if spec.enabled and (spec.space or "").lower() == name.lower():
            return spec.name
    raise Problem("not_found", f"No provider here is the Space {name[:200]}.")
