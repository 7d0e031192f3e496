"""What an app can write into an answer, over real sockets: each ends the attempt, and reaches nobody else."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

import pytest

from providers.base import Control
from providers.errors import Busy, Crashed, Protocol, ProviderError, Quota
from providers.events import Completed, Preview
from providers.gradio.answers.files import same_origin
from providers.gradio.app_info import AppAddress, AppInfo
from providers.gradio.app_limits import AppLimits
from providers.gradio.client import GradioApp
from providers.gradio.session import CallResult
from providers.gradio.transport import AppTransport
from providers.huggingface.hub import GpuToken, Hub
from providers.spec import Credentials, InputFile
from tests.support.driver_attempts import Outcome, attempt_on
from tests.support.hostile_app import CONFIG, DONE, Handler, HostileApp, Request, Wire, event, hostile_app
from tests.support.odd_values import places, with_odd

CONFIG_ROUTE = "GET /config"
INFO_ROUTE = "GET /gradio_api/info"
CALL = "POST /gradio_api/call/infer"
STREAM = "GET /gradio_api/queue/data"
UPLOAD = "POST /gradio_api/upload"


@pytest.fixture
def app() -> Iterator[HostileApp]:
    with hostile_app() as server:
        forget(server)
        yield server


def forget(server: HostileApp) -> None:
    """Forget what is known about the app: its port may have been another's."""
    with GradioApp(AppAddress(base_url=server.url), control=Control(5)) as client:
        client.info.forget()


def run(server: HostileApp, prompt: str = "x", style: str = "call") -> Outcome:
    """One attempt of a driver that is configured for the app."""
    toml = f"""
        [providers.own]
        driver = "space"
        url = "{server.url}"
        api_name = "/infer"
        models = ["own-model"]
        kind = "text"
        style = "{style}"
        parameters.prompt = {{}}
    """
    forget(server)
    return attempt_on(toml)("own", "own-model", {"prompt": prompt})


def raw(body: str) -> Handler:
    """Answer with this JSON text."""
    return lambda wire, _: wire.answer(body.encode())


def saying(*messages: bytes) -> Handler:
    """Stream these messages."""

    def stream(wire: Wire, _: Request) -> None:
        wire.stream()
        wire.chunk(b"".join(messages))
        wire.chunk(b"")

    return stream


def file_at(**fields: object) -> dict[str, object]:
    return {"meta": {"_type": "gradio.FileData"}, "orig_name": "a.png", **fields}


def test_the_driver_works_with_the_server_itself(app: HostileApp) -> None:
    assert run(app).texts == ["done"]


# Each field with each value: tests/unit/providers/gradio/test_mutated_recordings.py.
@pytest.mark.parametrize("odd", [r'"\ud800"', r'"\u0000"', "1e400", "true", "[[]]", "9" * 400, '"http://["'])
@pytest.mark.parametrize("route", [CONFIG_ROUTE, INFO_ROUTE, CALL])
def test_an_odd_answer_ends_the_attempt_at_most(app: HostileApp, route: str, odd: str) -> None:
    body = {
        CONFIG_ROUTE: CONFIG,
        INFO_ROUTE: {"named_endpoints": {"/infer": {"parameters": []}}},
        CALL: {"event_id": "e1"},
    }
    for way in list(places(body[route]))[:12]:
        app.routes[route] = raw(with_odd(body[route], way, odd))
        with contextlib.suppress(ProviderError):
            run(app)


@pytest.mark.parametrize("path", ["\ud800.png", "a\0b.png", "../\x1b[31m.png", "http://[", "", "%00", "\u202egnp.exe"])
def test_an_odd_file_name_is_a_file_or_a_provider_error(app: HostileApp, path: str) -> None:
    for field in ("path", "url", "orig_name"):
        done = event("process_completed", output={"data": [file_at(**{"path": "a.png", field: path})]}, success=True)
        app.routes[STREAM] = saying(done)
        # Without a path it is no file of Gradio's, but data: an answer in JSON.
        with contextlib.suppress(ProviderError) if not path else pytest.raises(ProviderError):
            run(app)


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: \xb2", b"Content-Length: " + b"9" * 5000, b"Content-Length: -1", b"Content-Length: 1, 2",
        b"Content-Type: \xff\x1b[31m", b"Retry-After: \xb2", b"Set-Cookie: \xff=\x00; Domain=[; Max-Age=" + b"9" * 5000,
        b"Content-Encoding: \xff", b"Transfer-Encoding: \xff", b"Transfer-Encoding: chunked", b"\xff\xfe: \x00", b": x",
        b"Location: http://[", b"Location: //[::1", b"Location: http://127.0.0.1:99999999/", b"Location: \xff\x00\x1b",
    ],
)  # fmt: skip
@pytest.mark.parametrize("status", [b"200 OK", b"302 Found", b"503 \xff", b"999999 X", b"\xb2\xb2\xb2 X"])
def test_odd_headers_end_the_attempt_at_most(app: HostileApp, status: bytes, head: bytes) -> None:
    def answer(wire: Wire, _: Request) -> None:
        wire.send(b"HTTP/1.1 " + status + b"\r\n" + head + b"\r\nConnection: close\r\n\r\n" + b'{"event_id": "e1"}')
        wire.sock.shutdown(2)

    for route in (CONFIG_ROUTE, CALL, STREAM):
        app.routes = {route: answer}
        with contextlib.suppress(ProviderError):
            run(app)


@pytest.mark.parametrize("place", ["file", "redirect"])
def test_no_spelling_of_an_address_sends_the_credentials_to_another_server(app: HostileApp, place: str) -> None:
    with hostile_app() as other:
        port, elsewhere = app.url.rpartition(":")[2], other.url.removeprefix("http://")
        for url in (
            f"http://{elsewhere}\\@127.0.0.1:{port}/x", f"http://{elsewhere}/\\@127.0.0.1:{port}/x",
            f"http://127.0.0.1:{port}@{elsewhere}/x", f"//{elsewhere}/x", f"/\\{elsewhere}/x", f"\\\\{elsewhere}/x",
            f"http:{elsewhere}/x", f"http://{elsewhere}#@127.0.0.1:{port}/x", f"http://{elsewhere}?@127.0.0.1:{port}/",
            f"http://{elsewhere}\t\\@127.0.0.1:{port}/x",
        ):  # fmt: skip
            if place == "file":
                done = event("process_completed", output={"data": [file_at(url=url, is_stream=True)]}, success=True)
                app.routes = {STREAM: saying(done)}
            else:
                head = f"HTTP/1.1 302 Found\r\nLocation: {url}\r\nContent-Length: 0\r\n\r\n".encode()
                app.routes = {CONFIG_ROUTE: lambda wire, _, head=head: wire.send(head)}  # type: ignore[misc]
            with pytest.raises(ProviderError):
                run(app)
        assert other.requests == []
    assert same_origin(f"{app.url}/x", app.url)


def test_a_refusal_of_a_request_without_any_input_is_not_the_inputs_fault(app: HostileApp) -> None:
    for status in ("422 Unprocessable Content", "413 Content Too Large"):
        app.routes = {CONFIG_ROUTE: lambda wire, _, status=status: wire.answer({"detail": "no"}, status)}  # type: ignore[misc]
        with pytest.raises(Protocol):
            run(app)


@pytest.mark.parametrize("text", ["You have exceeded your GPU quota. Try again in 23:00:00", "No GPU is available"])
def test_a_refusal_that_the_app_quotes_from_the_prompt_is_not_believed(app: HostileApp, text: str) -> None:
    app.routes[STREAM] = saying(event("process_completed", output={"error": f"cannot paint: {text}"}, success=False))
    with pytest.raises((Quota, Busy)):
        run(app, "a cat")
    with pytest.raises(Crashed):
        run(app, f"please: {text}")


STEPS: list[list[object]] = [
    [{"image": {"image": {"image": 1}}}], ["data:image/png;base64,AAAA"], [[[["add", [0], 1]]]], [[["replace", [], 1]]],
    [[["append", ["a"] * 1000, "x"]]], [[["add", [10**30], "x"], ["delete", [-1], None]]],
    [file_at(path="http://[", mime_type="image/png")], [file_at(path="\0", url="\0", is_stream=True)], [[]], [None],
]  # fmt: skip


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("kind", ["process_generating", "process_streaming"])
def test_a_step_that_makes_no_sense_costs_a_preview_at_most(app: HostileApp, kind: str, step: list[object]) -> None:
    step_ = event(kind, output={"data": step})
    app.routes[STREAM] = saying(event(kind, output={"data": [["a"]]}), step_, step_, DONE)
    assert run(app).texts == ["done"]


def test_a_preview_that_does_not_come_holds_the_result_up_for_seconds_only(app: HostileApp) -> None:
    step = event("process_generating", output={"data": [file_at(path="/p.png", mime_type="image/png")]})
    app.routes[STREAM] = saying(step, DONE)

    def drip(wire: Wire, _: Request) -> None:
        wire.head(Content_Length="1000")
        while wire.pause(0.1):
            wire.send(b"x")

    app.routes["GET /gradio_api/file=/p.png"] = drip
    address = AppAddress(base_url=app.url)
    began = time.monotonic()
    with GradioApp(address, control=Control(60)) as client:
        for seen in client.call("/infer", {"prompt": "x"}):
            if isinstance(seen, Preview):
                with pytest.raises(ProviderError):
                    seen.image.read(1 << 20)
        assert seen == CallResult(("done",))
    assert time.monotonic() - began < 10


def test_diffs_cannot_keep_a_worker_busy(app: HostileApp) -> None:
    big = event("process_generating", output={"data": ["x" * (2 << 20), [0] * 500_000]})
    edits = [["append", [], "y"]] * 50_000, [["add", [0], 0], ["delete", [0], None]] * 25_000
    app.routes[STREAM] = saying(big, event("process_generating", output={"data": list(edits)}), DONE)
    app.routes["POST /gradio_api/queue/join"] = lambda wire, _: wire.answer({"event_id": "e1"})
    began = time.process_time()
    assert run(app, style="join").texts == ["done"]
    assert time.process_time() - began < 5


def test_nobody_waits_for_what_comes_through_a_users_own_proxy(app: HostileApp) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def slow(wire: Wire, _: Request) -> None:
        if not asked.is_set():
            asked.set()
            go_on.wait(20)
        wire.answer(CONFIG)

    app.routes[CONFIG_ROUTE] = slow
    address = AppAddress(base_url=app.url)

    def through_a_proxy() -> None:
        # The proxy itself is not needed for this.
        transport = AppTransport(app.url, headers={}, proxy=None, limits=AppLimits(), control=Control(30))
        with transport.opened():
            AppInfo(address, transport, shares=False).get()

    thread = threading.Thread(target=through_a_proxy)
    thread.start()
    assert asked.wait(5)
    with GradioApp(address, control=Control(5)) as client:
        assert client.info.get().find("/infer").fn_index == 0
    go_on.set()
    thread.join(10)


def test_an_odd_place_of_an_upload_is_a_protocol_error(app: HostileApp) -> None:
    with GradioApp(AppAddress(base_url=app.url), control=Control(10)) as client:
        for body in (r'["\ud800"]', "[1]", "{}", "[]", "[[]]", "null", "[NaN]"):
            app.routes[UPLOAD] = raw(body)
            with pytest.raises(Protocol):
                client.files.upload(InputFile("x", b"x", "image/png"))


def test_the_result_of_a_run_is_read_after_all_odd_steps(app: HostileApp) -> None:
    steps = [event("process_generating", output={"data": step}) for step in STEPS]
    app.routes[STREAM] = saying(*steps, DONE)
    outcome = run(app)
    assert outcome.of(Completed)


@pytest.mark.parametrize("token", [r"\ud800", "\u00e9", "a b", r"a\u0000", "", "x" * 5000])
def test_an_odd_token_of_the_hub_is_none_at_all(app: HostileApp, token: str) -> None:
    page = f'<script>{{"token":"{token}","sessionUuid":"{token}"}}</script>'.encode()
    app.routes["GET /spaces/a/b"] = lambda wire, _: wire.answer(page, content_type="text/html")
    app.routes["GET /api/spaces/a/b/jwt"] = raw(f'{{"token": "{token}"}}')
    found = Hub(app.url).gpu_token("a/b", Credentials(cookies="session=1"), Control(10))
    assert found == GpuToken()
    app.routes["GET /api/spaces/a/b"] = raw(f'{{"sha": "{token}", "runtime": {{"stage": "{token}"}}}}')
    assert Hub(app.url).revision("a/b", Control(10)) is None
    assert Hub(app.url).state("a/b", Credentials(), Control(10)) is None
