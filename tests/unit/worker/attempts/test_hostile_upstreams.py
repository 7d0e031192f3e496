"""A hostile app and a good provider on one route, through the runner: the job has its result from the good one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from jobs.model import Status
from providers import Control, config_file
from providers.catalog import Catalog
from providers.gradio.app_info import AppAddress
from providers.gradio.client import GradioApp
from tests.support.hostile_app import Handler, HostileApp, Request, Wire, event, hostile_app
from tests.support.worker_parts import WorkerParts, done


@pytest.fixture
def app() -> Iterator[HostileApp]:
    with hostile_app() as server:
        # Its port may have been another's.
        with GradioApp(AppAddress(base_url=server.url), control=Control(5)) as client:
            client.info.forget()
        yield server


def stream(*messages: bytes) -> Handler:
    def handler(wire: Wire, _: Request) -> None:
        wire.stream()
        wire.chunk(b"".join(messages))
        wire.chunk(b"")

    return handler


def answer(raw: str) -> Handler:
    return lambda wire, _: wire.answer(raw.encode())


def head(line: bytes) -> Handler:
    def handler(wire: Wire, _: Request) -> None:
        wire.send(b"HTTP/1.1 302 Found\r\n" + line + b"\r\nConnection: close\r\n\r\n{}")
        wire.sock.shutdown(2)

    return handler


def result(data: object) -> Handler:
    return stream(event("process_completed", output={"data": data}, success=True))


def file_of(path: str) -> dict[str, object]:
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


CALL, STREAM = "POST /gradio_api/call/infer", "GET /gradio_api/queue/data"
HOSTILE: dict[str, tuple[str, Handler]] = {
    "a file name": (STREAM, result([file_of("\ud800.png")])),
    "a file name with NUL": (STREAM, result([file_of("a\0.png")])),
    "an event id": (CALL, answer(r'{"event_id": "\ud800"}')),
    "an event id with controls": (CALL, answer(r'{"event_id": "\u0000\u001b"}')),
    "a configuration": ("GET /config", answer(r'{"version": "\ud800", "dependencies": []}')),
    "a protocol": ("GET /config", answer('{"protocol": 1e400, "dependencies": [{"id": true, "inputs": [null]}]}')),
    "depth": ("GET /config", answer("[" * 100_000 + "]" * 100_000)),
    "digits": (CALL, answer("9" * 5000)),
    "a refusal of the configuration": ("GET /config", lambda wire, _: wire.answer({}, "422 Unprocessable Content")),
    "an error": (STREAM, stream(event("process_completed", output={"error": "\ud800"}, success=False))),
    "no output": (STREAM, stream(event("process_completed", output=None, success="yes"))),
    "a number for success": (STREAM, stream(event("process_completed", output={"data": []}, success=1))),
    "an address": ("GET /config", head(b"Location: http://[")),
    "a length": ("GET /config", head(b"Content-Length: \xb2")),
    "bytes": (STREAM, stream(b"data: \xff\xfe\n\n")),
}


def drivers(parts: WorkerParts, app: HostileApp) -> None:
    toml = f"""
        [providers.bad]
        driver = "space"
        url = "{app.url}"
        api_name = "/infer"
        models = ["bad-model"]
        parameters.prompt = {{}}
    """
    catalog = Catalog.of(config_file.parse(toml), hub_url="", installed=[])
    parts.drivers["bad"] = catalog.driver("bad")
    parts.script(done(), name="good")


def run(parts: WorkerParts) -> tuple[Status, list[str | None]]:
    """The end of a job that may use both, and the codes of its attempts."""
    job_id = parts.submit(model="bad-model", route=("bad", "good"))
    for _ in range(3):
        if parts.job(job_id).status is Status.QUEUED:
            parts.runner(job_id).run()
    job = parts.job(job_id)
    return job.status, [None if attempt.error is None else attempt.error.code for attempt in job.attempts]


@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_an_app_says_the_job_has_its_result_from_the_next_provider(
    parts: WorkerParts, app: HostileApp, name: str
) -> None:
    route, handler = HOSTILE[name]
    app.routes[route] = handler
    drivers(parts, app)
    status, codes = run(parts)
    assert (status, len(codes), codes[-1]) == (Status.SUCCEEDED, 2, None)
    assert codes[0] in {"provider_protocol", "provider_error", "provider_unreachable", "provider_changed"}


STEPS: dict[str, Callable[[], bytes]] = {
    "a name": lambda: event("process_generating", output={"data": [file_of("a\0\x1b.png")]}),
    "a nest": lambda: event("process_generating", output={"data": [{"image": {"image": {"image": {}}}}]}),
    "a diff": lambda: event("process_generating", output={"data": [[["add", [10**30], 1]]]}),
    "no picture": lambda: event("process_generating", output={"data": ["data:image/png;base64,AAAA"]}),
    "nothing": lambda: event("process_generating", output={"data": None}),
}


@pytest.mark.parametrize("name", STEPS)
def test_an_odd_preview_costs_no_result(parts: WorkerParts, app: HostileApp, name: str) -> None:
    picture = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    end = event("process_completed", output={"data": [picture]}, success=True)
    app.routes[STREAM] = stream(STEPS[name](), STEPS[name](), end)
    drivers(parts, app)
    assert run(parts) == (Status.SUCCEEDED, [None])
