"""The OpenAPI 3.1 document, from the routes' own declarations, the schemas, and what the providers declare.

``./run docs`` makes docs/reference/http-api.md from it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from flask import Flask

from jobs.resources import examples
from jobs.resources.base import BatchId, Count, DeliveryId, FileId, JobId, KeyId
from providers.catalog import Catalog
from providers.inputs.schema import input_schema
from providers.spec import ModelSpec
from web.http.error_responses import ProblemResource
from web.http.operation import WORDS, Answer, Content, Operation, operation_of
from web.http.problems import KINDS
from web.http.rate_limits import LIMIT, POLICY
from web.http.validation import BodyReader
from web.openapi.schemas import Json, example_of, schema_of
from web.v1.schemas.batches import BATCH_EXAMPLES, BatchOfJobs, BatchOfMatrix
from web.v1.schemas.jobs import JOB_REQUEST

_DESCRIPTION: Final = """\
Submit image, vision and text jobs, poll or watch them, fetch their results.

Errors are RFC 9457 problem documents with a stable `code`. Times are RFC 3339 in UTC. Fields without a value are left out.
Until the first API key is made, programs on the same machine need no key. From then on every `/v1` route needs
`Authorization: Bearer <key>`."""

#: Codes that every route can answer, every route with a body, and every route with a key.
_ALWAYS: Final = ("misdirected", "internal")
_WITH_BODY: Final = ("too_large", "too_slow", "unsupported_media")
_WITH_KEY: Final = ("unauthenticated", "forbidden", "store_unavailable")
_COUNTED: Final = ("rate_limited",)
EVERYWHERE: Final = (*_WITH_KEY[:2], *_COUNTED, *_ALWAYS, _WITH_KEY[2])

#: Headers of answers, by name.
_HEADERS: Final = {
    "Location": "The address of the new resource.",
    "ETag": "The version of the content.",
    "Retry-After": "Seconds until a new request makes sense.",
    "Preference-Applied": "The wait that was granted.",
    POLICY: 'The key\'s quotas and their windows: `"submit";q=6000;w=60`.',
    LIMIT: 'What is left of them and the seconds until more becomes free: `"submit";r=5999;t=33`.',
    "Link": "The next part of the list (`rel=next`).",
    "openai-poll-after-ms": "Milliseconds until a new request makes sense, while it has not ended.",
    "X-Ignored-Params": "Fields of the request that had no effect.",
    "Idempotency-Replayed": "`true`: an earlier request with the same key made it.",
    "Content-Range": "The range of these bytes, and the total size.",
    "Accept-Ranges": "`bytes`.",
}
#: Type, meaning and example of each variable in a path.
_PATH_PARAMETERS: Final[dict[str, tuple[Any, str, str | None]]] = {
    "job_id": (JobId, "The job's id.", examples.JOB),
    "batch_id": (BatchId, "The batch's id.", examples.BATCH),
    "index": (Count, "The output's number, from 0.", None),
    "file_id": (FileId, "The file's id.", examples.FILE),
    "delivery_id": (DeliveryId, "The delivery's id.", examples.DELIVERY),
    "key_id": (KeyId, "The key's id.", examples.KEY),
    "name": (str, "Its name.", None),
    "owner": (str, "What stands before its name.", "darkroom"),
    "version": (str, "The id of its version.", None),
    "api_name": (str, "The function's name in the app.", None),
    "session": (str, "The client's own name of its session.", None),
    "path": (str, "As an answer has named the file.", None),
    "space": (str, "The Space's name.", None),
}


#: A variable in a path, as Flask writes it.
_VARIABLE: Final = re.compile(r"<(?:[^:<>]+:)?([^<>]+)>")


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path."""

    path: str
    method: str
    declared: Operation
    text: str
    parameters: tuple[str, ...]


#: The methods that a document of OpenAPI 3.1 can have; ``QUERY`` (Replicate's search) is none of them.
METHODS: Final = frozenset({"get", "post", "put", "patch", "delete"})


def routes(app: Flask) -> Iterator[Route]:
    """Every declared route, in the order in which they were added."""
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        declared = operation_of(view)
        if declared is not None:
            method = next(iter(sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})))
            variables = tuple(_VARIABLE.findall(rule.rule))
            path = _VARIABLE.sub(r"{\1}", rule.rule)
            yield Route(path, method.lower(), declared, inspect.getdoc(view) or "", variables)


def document(app: Flask, catalog: Catalog) -> Json:
    """The whole document."""
    paths: dict[str, Json] = {}
    found = [route for route in routes(app) if route.method in METHODS]
    tags = list(dict.fromkeys((*_TAGS, *sorted({route.declared.tag for route in found}))))
    found.sort(key=lambda route: tags.index(route.declared.tag))
    for route in found:
        paths.setdefault(route.path, {})[route.method] = _linked(_operation(route), found)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Darkroom",
            "version": "1",
            "summary": "A dependable generation API for Hugging Face Spaces and any Gradio app.",
            "description": _DESCRIPTION,
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in tags],
        "security": [{"key": []}, {}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "An API key, `dk_live_…`."},
                "link": {"type": "apiKey", "in": "query", "name": "sig", "description": "As `POST …/link` makes it."},
            },
            "schemas": {
                **schema_of(*resources(found))[1],
                **_bodies(found),
                **_batches(),
                **submissions(catalog),
            },
        },
    }


def resources(found: Iterable[Route]) -> list[type]:
    """Every resource that an answer of these routes holds."""
    contents = [content for route in found for answer in route.declared.answers for content in answer.content.values()]
    contents += [route.declared.refused for route in found]
    kinds = [kind for content in contents for kind in (content if isinstance(content, tuple) else (content,))]
    return list(dict.fromkeys(kind for kind in (*kinds, ProblemResource) if isinstance(kind, type)))


#: In the order of the document; the dialects' own follow.
_TAGS: Final = ("Jobs", "Files", "Results", "Webhooks", "Catalog", "Operations", "Admin", "Pages")


def _operation(route: Route) -> Json:
    declared = route.declared
    summary, _, rest = route.text.partition("\n")
    found: Json = {
        "operationId": declared.id,
        "tags": [declared.tag],
        "summary": summary.rstrip("."),
        "description": re.sub(r"(?<!\n)\n(?!\n)", " ", rest.strip()),
        "parameters": [*map(_path_parameter, route.parameters), *map(_parameter, declared.parameters)],
        "responses": dict([*(_answer(answer, declared.rate) for answer in declared.answers), *_problems(declared)]),
    }
    if declared.scope is None:
        found["security"] = []
    else:
        found["x-scope"] = declared.scope
    if declared.linkable:
        found["security"] = [{"key": []}, {"link": []}, {}]
    if declared.body is not None:
        body = declared.body
        name, shown, optional = (
            (body, BATCH_EXAMPLES, False) if isinstance(body, str) else (body.name, body.examples, body.optional)
        )
        content = {"schema": _ref(name), "examples": shown}
        found["requestBody"] = {"required": not optional, "content": {declared.body_type: content}}
    return {name: value for name, value in found.items() if value not in ("", []) or name == "security"}


#: Answers that name a thing which other routes take, by their schema: those routes' common path, and where its
#: parameters stand in the answer.
_NAMING: Final[dict[str, tuple[str, dict[str, str]]]] = {
    "Job": ("/v1/jobs/{job_id}", {"job_id": "/id"}),
    "Batch": ("/v1/batches/{batch_id}", {"batch_id": "/id"}),
    "File": ("/v1/files/{file_id}", {"file_id": "/id"}),
    "ShownKey": ("/v1/admin/keys/{key_id}", {"key_id": "/id"}),
    "ModelList": ("/v1/models/{name}", {"name": "/data/0/id"}),
    "ProviderList": ("/v1/providers/{name}", {"name": "/data/0/name"}),
}


def _linked(operation: Json, found: list[Route]) -> Json:
    """An operation whose answers say by links what can be done with what was made or listed."""
    for answer in operation["responses"].values():
        schema = answer.get("content", {}).get("application/json", {}).get("schema", {}).get("$ref", "")
        path, places = _NAMING.get(schema.rpartition("/")[2], ("", {}))
        # The first of a list only where it is never empty.
        if path and ("Location" in answer.get("headers", {}) or schema.endswith("List")):
            values = {name: f"$response.body#{place}" for name, place in places.items()}
            answer["links"] = {
                route.declared.id: {
                    "operationId": route.declared.id,
                    "parameters": {name: values[name] for name in route.parameters if name in values},
                }
                for route in found
                if route.path.startswith(path) and {*route.parameters} <= {*values, "index"}
            }
    return operation


def _path_parameter(name: str) -> Json:
    kind, description, example = _PATH_PARAMETERS[name]
    found = {"name": name, "in": "path", "required": True, "description": description, "schema": _schema(kind)}
    return found if example is None else {**found, "example": example}


def _parameter(parameter: Any) -> Json:  # noqa: ANN401 - web.http.operation.Parameter; map() over a tuple of them
    found: Json = {
        "name": parameter.name,
        "in": parameter.place,
        "description": parameter.description,
        # What a query may say is bounded in one place (web/http/operation.py).
        "schema": WORDS if parameter.place == "query" and parameter.schema is str else _schema(parameter.schema),
    }
    return found if parameter.example is None else {**found, "example": parameter.example}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _schema(declared: Any) -> Json:  # noqa: ANN401 - a type, or a JSON Schema
    return declared if isinstance(declared, dict) else schema_of(declared)[0][0]


def _answer(answer: Answer, rate: str | None) -> tuple[str, Json]:
    found: Json = {"description": answer.description}
    if answer.content:
        found["content"] = {kind: _content(schema) for kind, schema in answer.content.items()}
    headers = [*answer.headers, *((POLICY, LIMIT) if rate else ())]
    if headers:
        found["headers"] = {name: {"description": _HEADERS[name], "schema": {"type": "string"}} for name in headers}
    return str(answer.status), found


def _content(content: Content) -> Json:
    if content is None:
        return {}
    kinds = content if isinstance(content, tuple) else (content,)
    references, components = schema_of(*kinds)
    found: Json = {"schema": references[0] if len(kinds) == 1 else {"oneOf": list(references)}}
    example = example_of(references[0], components)
    return found if example is None else {**found, "example": example}


def _problems(declared: Operation) -> Iterator[tuple[str, Json]]:
    codes = [*declared.errors, *_ALWAYS, *(_WITH_KEY if declared.scope else ())]
    if declared.body is not None:
        codes += _WITH_BODY
    if declared.rate is not None:
        codes += _COUNTED
    by_status: dict[int, list[str]] = {}
    for code in dict.fromkeys(codes):
        by_status.setdefault(KINDS[code].status, []).append(code)
    # A request that cannot even be read: its Host header, its body.
    by_status.setdefault(400, []).append("invalid_input")
    for status, together in sorted(by_status.items()):
        text = "; ".join(f"`{code}`: {KINDS[code].title}" for code in together)
        problem: Json = {
            "description": f"{text}.",
            "content": _refusal(declared),
        }
        if any(KINDS[code].retryable for code in together):
            problem["headers"] = {"Retry-After": {"description": _HEADERS["Retry-After"], "schema": {"type": "string"}}}
        yield str(status), problem


def _refusal(declared: Operation) -> Json:
    """What an error of a route holds."""
    if declared.refusal is None:
        return {"application/problem+json": {"schema": _schema(ProblemResource)}}
    return {"application/json": _content(declared.refused)}


# -- what can be submitted ----------------------------------------------------


def submissions(catalog: Catalog) -> dict[str, Json]:
    """The body of a submission for each kind of input: names of models that take the same input go together."""
    groups: list[tuple[ModelSpec, list[str]]] = []
    for model in catalog.models():
        for spec, names in groups:
            if input_schema(spec) == input_schema(model.spec):
                names.append(model.name)
                break
        else:
            groups.append((model.spec, [model.name]))
    parts = dict(JOB_REQUEST.components)
    body = parts.pop(JOB_REQUEST.name)
    schemas: dict[str, Json] = {}
    for spec, names in groups:
        schemas[f"Input.{spec.name}"] = {**input_schema(spec), "description": f"For {', '.join(names)}."}
        fields = {"model": {"enum": names, "description": "What to run."}, "input": _ref(f"Input.{spec.name}")}
        schemas[f"Submission.{spec.name}"] = {**body, "properties": {**body["properties"], **fields}}
    variants = [_ref(name) for name in schemas if name.startswith("Submission.")]
    return {"Submission": {"anyOf": variants}, **schemas, **parts}


def _bodies(found: list[Route]) -> dict[str, Json]:
    """The components of the bodies that routes read."""
    readers = [route.declared.body for route in found]
    return {name: part for body in readers if isinstance(body, BodyReader) for name, part in body.components.items()}


def _batches() -> dict[str, Json]:
    (jobs, matrix), components = schema_of(BatchOfJobs, BatchOfMatrix)
    return {"BatchSubmission": {"oneOf": [jobs, matrix]}, **components}
