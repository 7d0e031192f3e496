"""The API client against a real HTTP server that misbehaves on purpose."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cli.commands.api.client import Api, ApiError
from cli.errors import ServiceUnreachable
from cli.main import main

Answer = tuple[int, dict[str, str], bytes]


class _Server(ThreadingHTTPServer):
    """Answers by a function of method and path. It hangs up where the status is 0."""

    daemon_threads = True

    def __init__(self, answer: Callable[[str, str, bytes], Answer]) -> None:
        self.answer = answer
        self.seen: list[tuple[str, str, bytes, dict[str, str]]] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.seen.append((self.command, self.path, body, dict(self.headers)))
        status, headers, content = self.server.answer(self.command, self.path, body)
        if not status:
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = _serve  # noqa: N815 - the names of http.server

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[str, str, bytes], Answer]], _Server]]:
    servers: list[_Server] = []

    def start(answer: Callable[[str, str, bytes], Answer]) -> _Server:
        server = _Server(answer)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def _json(status: int, body: Any, **headers: str) -> Answer:
    return status, {"Content-Type": "application/json", **headers}, json.dumps(body).encode()


def _job(status: str, **more: Any) -> dict[str, Any]:
    ended = {} if status in {"queued", "running"} else {"finished_at": "2031"}
    return {"id": "job_1", "status": status, "model": "echo", "created_at": "2030", **ended, **more}


Serve = Callable[[Callable[[str, str, bytes], Answer]], _Server]


def test_a_refusal_shows_its_detail_and_where_it_is(serve: Serve) -> None:
    problem = {
        "title": "Bad",
        "detail": "the input is wrong",
        "errors": [{"pointer": "/input/width", "detail": "too wide"}],
    }
    server = serve(lambda *_: _json(422, problem))
    with pytest.raises(ApiError) as caught:
        Api(server.url).submit({})
    assert str(caught.value) == "the input is wrong\n  /input/width: too wide"


def test_a_refusal_that_is_no_problem_document_shows_its_status(serve: Serve) -> None:
    server = serve(lambda *_: (502, {"Content-Type": "text/html"}, b"<html>bad gateway"))
    with pytest.raises(ApiError, match="HTTP 502"):
        Api(server.url, pause_seconds=0.01).get("/v1/jobs")


def test_nobody_there_is_said_in_one_line() -> None:
    with pytest.raises(ServiceUnreachable, match="no Darkroom answers at"):
        Api("http://127.0.0.1:9", pause_seconds=0.01).get("/v1/jobs")


def test_a_submission_is_sent_again_with_its_key_while_the_service_restarts(serve: Serve) -> None:
    hang_up: Answer = (0, {}, b"")
    answers = iter([_json(503, {"detail": "restarting"}), hang_up, hang_up, _json(202, _job("queued"))])
    server = serve(lambda *_: next(answers))
    assert Api(server.url, pause_seconds=0.01).submit({"model": "echo"}) == _job("queued")
    keys = {headers["Idempotency-Key"] for *_, headers in server.seen}
    assert (len(server.seen), len(keys)) == (4, 1)


def test_half_an_answer_is_a_lost_connection(serve: Serve) -> None:
    server = serve(lambda *_: (200, {"Content-Type": "application/json", "Content-Length": "100"}, b"{"))
    with pytest.raises(ServiceUnreachable):
        Api(server.url).get("/v1/jobs")


def test_watching_survives_a_dropped_stream_and_a_restart(serve: Serve) -> None:
    polls = iter(
        [
            _json(200, _job("queued"), ETag='"1"'),
            _json(304, None),
            _json(503, {"detail": "restarting"}),
            _json(200, _job("running"), ETag='"2"'),
            _json(304, None),
            _json(200, _job("succeeded"), ETag='"3"'),
        ]
    )
    streams = iter([b"id: 7\nevent: status\ndata: {}\n\n", b"id: 8\nda"])

    def answer(_method: str, path: str, _body: bytes) -> Answer:
        if not path.endswith("/events"):
            return next(polls)
        content = next(streams, None)
        if content is None:
            return _json(503, {})
        return 200, {"Content-Type": "text/event-stream", "Content-Length": str(len(content) + 100)}, content

    server = serve(answer)
    assert [job["status"] for job in Api(server.url, pause_seconds=0.01).watch("job_1")] == [
        "queued",
        "running",
        "succeeded",
    ]
    assert [headers.get("Last-Event-ID") for _, path, _, headers in server.seen if path.endswith("/events")][:2] == [
        None,
        "7",
    ]
    assert [headers.get("If-None-Match") for _, path, _, headers in server.seen if path.endswith("job_1")][1] == '"1"'


def test_an_unknown_job_is_an_error_at_once(serve: Serve) -> None:
    server = serve(lambda *_: _json(404, {"detail": "there is no such job"}))
    with pytest.raises(ApiError, match="no such job"):
        list(Api(server.url).watch("job_x"))


def test_links_to_a_public_address_are_followed_on_the_address_at_hand(serve: Serve) -> None:
    server = serve(lambda *_: (200, {"Content-Type": "image/png; x=y"}, b"bytes"))
    content = Api(server.url).download("https://pictures.example.com/v1/jobs/job_1/outputs/0?sig=1")
    assert content == (b"bytes", "image/png")
    assert server.seen[0][1] == "/v1/jobs/job_1/outputs/0?sig=1"


def test_generate_sends_what_was_asked_for(serve: Serve) -> None:
    server = serve(lambda *_: _json(202, _job("queued")))
    options = [
        "--model",
        "flux-dev",
        "--width",
        "64",
        "--steps",
        "4",
        "--param",
        'script=["image"]',
        "--param",
        "style=oil",
        "--strategy",
        "hedge",
    ]
    done = CliRunner().invoke(main, ["generate", "a cat", *options, "--no-wait", "--url", server.url, "--api-key", "k"])
    assert (done.exit_code, done.output) == (0, "job_1\n")
    _, path, body, headers = server.seen[0]
    assert path == "/v1/jobs"
    assert json.loads(body) == {
        "model": "flux-dev",
        "input": {"prompt": "a cat", "width": 64, "num_inference_steps": 4, "script": ["image"], "style": "oil"},
        "strategy": "hedge",
    }
    assert headers["Authorization"] == "Bearer k"
    assert headers["Idempotency-Key"]


def test_generate_uploads_pictures(serve: Serve, tmp_path: Path) -> None:
    def answer(_: str, path: str, body: bytes) -> Answer:
        return _json(201, {"id": f"file_{len(body)}"}) if path == "/v1/files" else _json(202, _job("queued"))

    server = serve(answer)
    (tmp_path / "a.png").write_bytes(b"pixels")
    (tmp_path / "b.png").write_bytes(b"more pixels")
    options = [
        "--image",
        str(tmp_path / "a.png"),
        "--param",
        f"mask=@{tmp_path / 'b.png'}",
        "--no-wait",
        "--url",
        server.url,
    ]
    done = CliRunner().invoke(main, ["generate", *options])
    assert (done.exit_code, done.output) == (0, "job_1\n")
    paths = [path for _, path, _, _ in server.seen]
    assert paths == ["/v1/files", "/v1/files", "/v1/jobs"]
    assert b'filename="a.png"' in server.seen[0][2]
    assert b"more pixels" in server.seen[1][2]
    ids = [f"file_{len(body)}" for _, path, body, _ in server.seen if path == "/v1/files"]
    assert json.loads(server.seen[2][2])["input"] == {"image": ids[0], "mask": ids[1]}


def test_a_picture_that_is_somewhere_else_is_not_uploaded(serve: Serve) -> None:
    server = serve(lambda *_: _json(202, _job("queued")))
    done = CliRunner().invoke(
        main, ["generate", "--image", "https://example.com/a.png", "--no-wait", "--url", server.url]
    )
    assert done.exit_code == 0
    assert json.loads(server.seen[0][2])["input"] == {"image": "https://example.com/a.png"}


def test_a_picture_that_is_not_there_is_an_error_of_the_users(serve: Serve, tmp_path: Path) -> None:
    server = serve(lambda *_: _json(202, _job("queued")))
    done = CliRunner().invoke(main, ["generate", "--image", str(tmp_path / "none.png"), "--url", server.url])
    assert (done.exit_code, server.seen) == (1, [])
    assert "No such file" in done.output


def test_a_job_that_fails_ends_the_command_with_1_and_its_reason(serve: Serve) -> None:
    error = {"code": "provider_quota", "detail": "used up", "retryable": False}
    failed = _job("failed", error=error)
    server = serve(lambda method, *_: _json(202, _job("queued")) if method == "POST" else _json(200, failed))
    done = CliRunner().invoke(main, ["generate", "x", "--url", server.url])
    assert done.exit_code == 1
    assert "job_1 failed: provider_quota: used up" in done.output


@pytest.mark.parametrize(
    "arguments",
    [[], ["nosuch"], ["generate"], ["generate", "x", "--width", "wide"], ["generate", "x", "--param", "novalue"], ["jobs", "--status", "odd"]],
)  # fmt: skip
def test_wrong_usage_ends_with_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(main, arguments).exit_code == 2


def test_a_wrong_setting_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKROOM_BIND", "nonsense")
    done = CliRunner().invoke(main, ["up"])
    assert done.exit_code == 1
    assert done.output == "Error: DARKROOM_BIND='nonsense': give host:port, for example 127.0.0.1:8000\n"
