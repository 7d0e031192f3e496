"""The page at ``/`` and the API docs: static files of ours, no inline code, nothing from elsewhere."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, render_template

from web.operation import Answer, Operation, operation

blueprint = Blueprint("pages", __name__)

#: What our own page may do: its own files, pictures that it fetched with the key, and nothing else.
PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
_HTML: Final = {"text/html": None}


@blueprint.get("/")
@operation(
    Operation(
        id="page",
        tag="Pages",
        scope=None,
        answers=(Answer(status=200, description="The page.", content=_HTML),),
    )
)
def home() -> Response:
    """Show the page to try the service with."""
    return _page("page.html", PAGE_POLICY)


def _page(template: str, policy: str) -> Response:
    answer = Response(render_template(template), mimetype="text/html")
    answer.headers["Content-Security-Policy"] = policy
    answer.headers["Cache-Control"] = "no-cache"
    return answer
