"""The check of answers against the document, which stands beside every test of the application, finds what is not declared."""

from __future__ import annotations

from functools import wraps

import pytest
from flask import Response

from tests.support.openapi_answers import undeclared_answers
from web.app import assemble
from web.services import Services


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Response(b"{}", 201, mimetype="application/json"), "201 is not declared"),
        (Response(b"x", 200, mimetype="text/plain"), "200 with text/plain is not declared"),
        (Response(b"{}", 200, mimetype="application/json"), '"status" is a required property'),
        (Response(b'{"status":"ok"}', 200, {"Link": "<x>"}, mimetype="application/json"), "the header Link"),
    ],
)
def test_what_is_not_declared_is_found(services: Services, answer: Response, said: str) -> None:
    app = assemble(services)
    view = app.view_functions["operations.healthz"]
    app.view_functions["operations.healthz"] = wraps(view)(lambda: answer)
    found = undeclared_answers(app)
    app.test_client().get("/healthz")
    assert [said in fault for fault in found] == [True], found
