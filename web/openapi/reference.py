"""docs/reference/http-api.md, from the OpenAPI document. ``./run docs`` writes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from jobs.error_codes import CAUSES
from web.http.problems import KINDS
from web.openapi import document as openapi
from web.openapi.schemas import Json
from web.streaming.messages import KINDS as MESSAGES
from web.v1.schemas.jobs import JOB_REQUEST

_HEAD = """\
# HTTP API

Made by `./run docs`; do not edit.

"""


_ERRORS_HEAD: Final = """\
# Errors

Made by `./run docs`; do not edit.

"""
_REFUSALS: Final = """\
## Why a request was refused

Such an answer is a problem document (RFC 9457, [Problem](http-api.md#problem)). Its `code` is stable: new codes may be
added, none is renamed. Its `detail` is a text for people and may change. `retryable` tells whether the same request can
succeed later.
"""
_FAILURES: Final = """\
## Why a job failed

A failed job, and each of its failed attempts, has an `error`. Its `code` is stable: new codes may be added, none is
renamed. Its `detail` is a text for people and may change. `retryable` tells whether the same job can succeed later or
on another provider; Darkroom has already tried that, as far as the number of attempts and the deadline allowed.
"""


def _everywhere() -> dict[str, tuple[str, str]]:
    """Answers that any route may give, by their description in the document."""
    found = {}
    for code, status in (("invalid_input", 400), *((code, KINDS[code].status) for code in openapi.EVERYWHERE)):
        text = f"`{code}`: {KINDS[code].title}."
        found[text] = (str(status), text)
    return found


_EVERYWHERE: Final = _everywhere()


def markdown(document: Json) -> str:
    """The reference page."""
    return _HEAD + "\n".join(_page(document)).rstrip() + "\n"


def _page(document: Json) -> Iterator[str]:
    yield document["info"]["description"]
    yield "\nThe same as an OpenAPI 3.1 document: `GET /openapi.json`; to try out: `/docs`.\n"
    yield "## Every route\n"
    yield "What is said here is not repeated below.\n"
    yield from _table(("status", "meaning"), list(_EVERYWHERE.values()))
    for tag in document["tags"]:
        yield f"## {tag['name']}\n"
        for path, methods in document["paths"].items():
            for method, found in methods.items():
                if tag["name"] in found["tags"]:
                    yield from _route(path, method, found)
    yield "## Messages of an event stream\n"
    yield from _table(("event", "meaning"), [(f"`{name}`", text) for name, text in MESSAGES.items()])
    yield "## Submission\n"
    yield from _fields(JOB_REQUEST.components[JOB_REQUEST.name])
    yield "What `input` may hold depends on the model: `GET /v1/models/{name}` gives its JSON Schema.\n"
    for name, schema in document["components"]["schemas"].items():
        # One submission for each model stands there instead of the body above.
        if "properties" in schema and "." not in name:
            yield f"## {name}\n"
            if text := schema.get("description"):
                yield f"{text}\n"
            yield from _fields(schema)


def errors() -> str:
    """The page of error codes."""
    return _ERRORS_HEAD + "\n".join(_error_page()).rstrip() + "\n"


def _error_page() -> Iterator[str]:
    yield _REFUSALS
    rows = [
        (f"`{code}`", str(kind.status), kind.title, "yes" if kind.retryable else "no", kind.advice)
        for code, kind in KINDS.items()
    ]
    yield from _table(("code", "status", "meaning", "retryable", "what to do"), rows)
    yield _FAILURES
    causes = [(f"`{code}`", cause.meaning, cause.action) for code, cause in CAUSES.items()]
    yield from _table(("code", "meaning", "what Darkroom does"), causes)
    yield "A job whose deadline passed before it ran has no error: its status is `expired`."


def _route(path: str, method: str, found: Json) -> Iterator[str]:
    yield f"### {method.upper()} {path}\n"
    scope = f" Scope: `{found['x-scope']}`." if "x-scope" in found else " Needs no key."
    yield f"{found['summary']}.{scope}\n"
    if text := found.get("description"):
        yield f"{text}\n"
    rows = [
        (f"`{parameter['name']}`", parameter["in"], _cell(parameter["description"]))
        for parameter in found.get("parameters", [])
    ]
    if rows:
        yield from _table(("parameter", "in", "meaning"), rows)
    rows = [
        (status, _cell(answer["description"]), ", ".join(f"`{kind}`" for kind in answer.get("content", {})))
        for status, answer in found["responses"].items()
        if answer["description"] not in _EVERYWHERE
    ]
    yield from _table(("status", "meaning", "content"), rows)


def _fields(schema: Json) -> Iterator[str]:
    required = schema.get("required", [])
    rows = [
        (f"`{name}`", _type(field), "always" if name in required else "", _cell(field.get("description", "")))
        for name, field in schema["properties"].items()
    ]
    yield from _table(("field", "type", "there", "meaning"), rows)


def _type(schema: Json) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "enum" in schema or "const" in schema:
        return " \\| ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}" if "items" in schema else "list"
    kind = schema.get("type", "any")
    words = kind if isinstance(kind, str) else " or ".join(kind)
    form = schema.get("format")
    return f"{words} ({form})" if form else words


def _cell(text: str) -> str:
    return text.replace("\n", " ").replace("|", "\\|")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |".replace("  ", " ")
    yield ""
