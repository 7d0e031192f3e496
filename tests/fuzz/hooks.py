"""Keeps Schemathesis from waiting and from sawing off the branch that it sits on, and says what our formats mean."""

from __future__ import annotations

import base64
import os
import re
import uuid
from typing import Any, Final

import schemathesis
from hypothesis import strategies as st
from schemathesis.transport.serialization import Binary

from providers.echo.painting import paint

_KEY: Final = re.compile(r"[!-~]{1,255}")
_WAIT: Final = re.compile(r"(?<![\w-])wait\s*=\s*\"?\d+")

_visible = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"], exclude_characters="\u115f\u1160\u3164\uffa0\u2800"), min_size=1)  # fmt: skip
_picture = f"data:image/png;base64,{base64.b64encode(paint('a lighthouse', 1, 8, 8)).decode()}"
schemathesis.openapi.format("visible", _visible.filter(lambda text: not text.isspace()))
schemathesis.openapi.format(
    "step", st.sampled_from(["queue", "progress 2 0s", "preview", "log hello", "image 2", "text a"])
)
schemathesis.openapi.format("picture", st.sampled_from([_picture, "https://example.com/a.png"]))
schemathesis.openapi.format("binary", st.just(Binary(paint("a lighthouse", 1, 8, 8))))
# In requests there are no other addresses than those of webhooks.
schemathesis.openapi.format("uri", st.sampled_from(["https://hooks.example.com/a?b=c", "https://example.org:8443"]))


def _say_something(body: Any) -> None:
    """A chat without a text from the user needs a prompt, and no schema says which text shows something."""
    given = body.get("input") if isinstance(body, dict) else None
    if isinstance(given, dict) and "messages" in given and "prompt" not in given:
        given["prompt"] = "a lighthouse"


def _name_another_host(body: Any) -> None:
    """Schemathesis tries addresses that it saw in answers. They are our own, and no webhook goes there."""
    places = [body, body.get("webhook")] if isinstance(body, dict) else []
    for place in places:
        if isinstance(place, dict) and str(place.get("url")).startswith("http://127.0.0.1"):
            place["url"] = "https://hooks.example.com/"


def _use_no_proxy(body: Any) -> None:
    """Users' proxies are off until the operator allows them: the document knows the field, this server refuses it."""
    credentials = body.get("credentials") if isinstance(body, dict) else None
    if isinstance(credentials, dict):
        credentials.pop("proxy", None)


def _name_an_app_that_is_away(body: Any) -> None:
    """An address that nobody has would be waited for; without a Hub, a name is refused at once."""
    if isinstance(body, dict) and str(body.get("app")).startswith(("http://", "https://")):
        body["app"] = "owner/name"


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Change what would hold up or end the run; what is wrong on purpose stays wrong."""
    del context, kwargs
    headers = case.headers
    if _WAIT.search(headers.get("Prefer") or ""):
        headers["Prefer"] = "wait=0"
    if _KEY.fullmatch(headers.get("Idempotency-Key") or ""):
        # The document's example comes often, and with other bodies: that is refused for a good reason.
        headers["Idempotency-Key"] = uuid.uuid4().hex
    if case.path_parameters.get("key_id") == os.environ["FUZZ_KEY_ID"]:
        case.path_parameters["key_id"] = "key_01ARZ3NDEKTSV4RRFFQ69G5FAV"
    if case.meta is not None and case.meta.generation.mode.is_positive:
        # A cursor is what an answer gave: no other text is one, and no schema can say which.
        case.query.pop("cursor", None)
        _say_something(case.body)
        _name_another_host(case.body)
        _use_no_proxy(case.body)
        _name_an_app_that_is_away(case.body)
