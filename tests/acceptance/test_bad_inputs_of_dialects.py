"""What no reader of JSON lets in, and what is of another type than the document says, at every dialect's route with a body.

Each is refused in the shape that the document declares for the route, and nothing is left of it. The lists of
:mod:`tests.acceptance.test_bad_inputs` say what is sent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import jsonschema_rs
import pytest
from flask import Response

from docs.generate import offline_document
from jobs.access.api_key_store import ApiKeyStore
from jobs.limits import NAMES as LIMITS
from tests.acceptance.test_bad_inputs import ENTRIES, body_of
from tests.support.openapi_answers import faults_of
from tests.support.processes import Stack
from tests.support.raw_http import exchange, request
from web import dialects
from web.http.json_body import parse
from web.http.problems import Problem

pytestmark = [pytest.mark.real, pytest.mark.acceptance]

DOCUMENT: Final = offline_document()
LABELS: Final = {dialects.load(name).label for name in dialects.NAMES}
#: The routes of dialects that cannot do without a body: (method, path).
ROUTES: Final = [
    (method, path)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
    if set(operation["tags"]) & LABELS and operation.get("requestBody", {}).get("required")
]
#: Values of every type, one of which each field of a body refuses.
VALUES: Final[tuple[Any, ...]] = (7, "x", True, [], [[7]], {}, {"a": {"b": 7}})
JSON: Final = {"Content-Type": "application/json"}
_REPEATED: Final = re.compile(rb"<<(.+?)\*(\d+)>>", re.DOTALL)
#: Bodies that are longer are sent to one route only (:mod:`tests.acceptance.test_bad_inputs`).
_LONGEST: Final = 2 << 20


@dataclass(frozen=True, slots=True)
class Sent:
    """A request that has to be refused."""

    name: str
    body: bytes
    headers: Mapping[str, str | None]


def unreadable() -> Iterator[Sent]:
    """The entries that are no JSON object, or are not sent as one."""
    for name, entry in ENTRIES.items():
        refused = min(entry["expect_status"]) >= 400
        if entry["where"] != "POST /v1/jobs body" or "$chunked" in entry["value"] or not refused:
            continue
        body, headers = body_of(entry["value"])
        body = _REPEATED.sub(lambda match: match[1] * int(match[2]), body)
        if len(body) < _LONGEST and (_is_typed_wrongly({**JSON, **headers}) or not _is_object(body)):
            yield Sent(name, body, {**JSON, **headers})


def _is_typed_wrongly(headers: Mapping[str, str | None]) -> bool:
    return (headers["Content-Type"] or "").lower() != "application/json" or "Content-Encoding" in headers


def _is_object(body: bytes) -> bool:
    try:
        return isinstance(parse(body), dict)
    except Problem:
        return False


def mistyped(method: str, path: str) -> Iterator[Sent]:
    """For each field of a route's body, one that has a value of a wrong type and nothing else."""
    (content,) = DOCUMENT["paths"][path][method]["requestBody"]["content"].values()
    name = content["schema"]["$ref"].rpartition("/")[2]
    for field in DOCUMENT["components"]["schemas"][name].get("properties", {}):
        schema = {
            "components": DOCUMENT["components"],
            "properties": {field: {"$ref": f"#/components/schemas/{name}/properties/{field}"}},
        }
        fits = jsonschema_rs.Draft202012Validator(schema).is_valid
        for value in VALUES:
            if not fits({field: value}):
                yield Sent(f"{field} {value!r}", json.dumps({field: value}).encode(), JSON)
                break


UNREADABLE: Final = [*unreadable()]


@dataclass(frozen=True, slots=True)
class Server:
    """A web process without a worker: a job that it accepted would stay."""

    stack: Stack
    key: str

    def fault(self, method: str, path: str, sent: Sent) -> str:
        """What is wrong with the answer to a request; empty if nothing is."""
        address = re.sub(r"\{(\w+)\}", lambda found: "echo" if found[1] in {"name", "model"} else "x", path)
        headers = {
            "Host": f"127.0.0.1:{self.stack.port}",
            "Authorization": f"Bearer {self.key}",
            "Content-Length": str(len(sent.body)),
            **sent.headers,
        }
        # A request that is accepted waits for ever here.
        reply = exchange(self.stack.port, request(method.upper(), address, headers) + sent.body, seconds=10)
        if not 400 <= reply.status < 500:
            return f"{reply.status} ({reply.body[:120]!r})"
        answer = Response(reply.body, reply.status, [*reply.headers.items()])
        return "; ".join(faults_of(method, path, answer))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Stack(tmp_path_factory.mktemp("bad-inputs-of-dialects") / "stack") as stack:
        _, key = ApiKeyStore(stack.connection).create("mine", limits=dict.fromkeys(LIMITS, "none"))
        stack.web()
        yield Server(stack, key)


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_it_is_refused_in_the_shape_of_the_route(server: Server, method: str, path: str) -> None:
    faults = {
        sent.name: fault
        for sent in [*UNREADABLE, *mistyped(method, path)]
        if (fault := server.fault(method, path, sent))
    }
    assert faults == {}
    assert server.stack.queue.overview().queued == 0
    assert "a request failed" not in server.stack.logs()


def test_there_is_something_to_send() -> None:
    assert len(UNREADABLE) > 60
    assert {label for method, path in ROUTES for label in DOCUMENT["paths"][path][method]["tags"]} == LABELS
    assert sum(1 for route in ROUTES for _ in mistyped(*route)) > len(ROUTES)
