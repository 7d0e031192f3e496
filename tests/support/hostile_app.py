"""A server of raw sockets that looks like a Gradio app and then does what no Gradio does."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.parser import Parser

CONFIG = {
    "version": "6.31.0",
    "protocol": "sse_v3",
    "app_id": 7,
    "api_prefix": "/gradio_api",
    "dependencies": [{"id": 0, "api_name": "infer", "inputs": [1], "outputs": [1]}],
    "components": [{"id": 1, "type": "textbox", "props": {}}],
}
INFO = {"named_endpoints": {"/infer": {"parameters": [{"parameter_name": "prompt", "parameter_has_default": False}]}}}
SSE = "text/event-stream; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Request:
    """What came in: the path without its query, names of headers in lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Wire:
    """One connection, to answer on."""

    sock: socket.socket
    closing: threading.Event

    def send(self, data: bytes) -> None:
        """Send raw bytes."""
        self.sock.sendall(data)

    def head(self, status: str = "200 OK", **headers: str) -> None:
        """Send a status line and headers; underscores in names stand for hyphens."""
        lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode())

    def answer(self, body: object, status: str = "200 OK", content_type: str = "application/json") -> None:
        """Send a whole answer."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.head(status, Content_Type=content_type, Content_Length=str(len(raw)))
        self.send(raw)

    def chunk(self, data: bytes) -> None:
        """Send one chunk of a chunked body; an empty one ends it."""
        self.send(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def stream(self) -> None:
        """Begin a chunked stream of events."""
        self.head(Content_Type=SSE, Transfer_Encoding="chunked")

    def pause(self, seconds: float) -> bool:
        """Wait; False when the server stops."""
        return not self.closing.wait(seconds)


Handler = Callable[[Wire, Request], None]


def event(kind: str, **fields: object) -> bytes:
    """One message as Gradio writes it."""
    return b"data: " + json.dumps({"msg": kind, "event_id": "e1", **fields}).encode() + b"\n\n"


DONE = event("process_completed", output={"data": ["done"]}, success=True)


@dataclass(slots=True)
class HostileApp:
    """The server. ``routes`` are tried before the usual answers, by ``METHOD /path``."""

    routes: dict[str, Handler] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    tls: ssl.SSLContext | None = None
    _listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    _closing: threading.Event = field(default_factory=threading.Event)
    _open: list[socket.socket] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its address."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self._listener.getsockname()[1]}"

    def asked(self, path: str) -> list[Request]:
        """The requests for a path."""
        return [request for request in self.requests if request.path == path]

    def serve(self) -> None:
        """Take connections until it is closed."""
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._talk, args=(sock,), daemon=True).start()

    def close(self) -> None:
        """End everything."""
        self._closing.set()
        # A close alone does not wake a thread that waits in accept.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in self._open:
            sock.close()

    def _talk(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            sock = self.tls.wrap_socket(sock, server_side=True) if self.tls else sock
            self._open.append(sock)
        with contextlib.suppress(OSError), sock:
            file = sock.makefile("rb")
            while request := _read(file):
                self.requests.append(request)
                wire = Wire(sock, self._closing)
                route = f"{request.method} {request.path}"
                (self.routes.get(route) or _USUAL.get(route, _missing))(wire, request)


def _read(file: object) -> Request | None:
    line = file.readline().decode()  # type: ignore[attr-defined]
    if not line.strip():
        return None
    method, target, _ = line.split()
    lines = []
    while (header := file.readline().decode()).strip():  # type: ignore[attr-defined]
        lines.append(header)
    headers = {name.lower(): value for name, value in Parser().parsestr("".join(lines)).items()}
    body = file.read(int(headers.get("content-length", "0")))  # type: ignore[attr-defined]
    path, _, query = target.partition("?")
    return Request(method, path, query, headers, body)


def _finish(wire: Wire, _: Request) -> None:
    wire.stream()
    wire.chunk(DONE)
    wire.chunk(b"")


def _missing(wire: Wire, _: Request) -> None:
    wire.answer({"detail": "Not Found"}, status="404 Not Found")


_USUAL: dict[str, Handler] = {
    "GET /config": lambda wire, _: wire.answer(CONFIG),
    "GET /gradio_api/info": lambda wire, _: wire.answer(INFO),
    "GET /gradio_api/app_id": lambda wire, _: wire.answer({"app_id": 7}),
    "POST /gradio_api/call/infer": lambda wire, _: wire.answer({"event_id": "e1"}),
    "POST /gradio_api/cancel": lambda wire, _: wire.answer({"success": True}),
    "GET /gradio_api/queue/data": _finish,
}


@contextlib.contextmanager
def hostile_app(tls: ssl.SSLContext | None = None) -> Iterator[HostileApp]:
    """A running server."""
    app = HostileApp(tls=tls)
    thread = threading.Thread(target=app.serve, daemon=True)
    thread.start()
    try:
        yield app
    finally:
        app.close()
        thread.join(5)
