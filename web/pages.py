"""The page at ``/`` and the API docs: static files without inline code or foreign resources."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import flask_swagger_ui
from flask import Blueprint, Response, render_template, send_from_directory

from web.http.operation import Answer, Operation
from web.http.problems import Problem

blueprint = Blueprint("pages", __name__)

#: What our own page may load: its own files, images that it fetched with the key, films and sounds by signed links.
PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self'; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
#: Swagger UI has its icons in data: addresses, and makes markup from text. It runs only on its own page.
DOCS_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_SWAGGER: Final = Path(flask_swagger_ui.__file__).parent / "dist"
_SWAGGER_FILES: Final = frozenset({"swagger-ui.css", "swagger-ui-bundle.js"})
_HTML: Final = {"text/html": None}


@blueprint.get("/")
@Operation("page", "Pages", None, answers=(Answer(200, "The page.", _HTML),))
def home() -> Response:
    """Show the page to try the service with."""
    return _page("page.html", PAGE_POLICY)


@blueprint.get("/docs")
@Operation("docs", "Pages", None, answers=(Answer(200, "The page.", _HTML),))
def docs() -> Response:
    """Show the API's documentation, to read and to try out."""
    return _page("docs.html", DOCS_POLICY)


@blueprint.get("/docs/assets/<name>")
@Operation(
    "docsAsset",
    "Pages",
    None,
    answers=(Answer(200, "The file.", {"text/css": None, "text/javascript": None}),),
    errors=("not_found",),
)
def docs_asset(name: str) -> Response:
    """Get a file of the documentation page: Swagger UI's own, from the installed package."""
    if name not in _SWAGGER_FILES:
        raise Problem("not_found", "The documentation page has no such file.")
    answer = send_from_directory(_SWAGGER, name, max_age=3600, conditional=False, etag=False)
    answer.headers["Cache-Control"] = "private, max-age=3600"
    return answer


def _page(template: str, policy: str) -> Response:
    answer = Response(render_template(template), mimetype="text/html")
    answer.headers["Content-Security-Policy"] = policy
    answer.headers["Cache-Control"] = "no-cache"
    return answer
