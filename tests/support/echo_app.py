"""A stand-in for a Gradio app that sends back, in every form, what it was sent: it leaks all that it knows."""

from __future__ import annotations

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, unquote_plus

from tests.support.canaries import forms

#: What it does when it is asked for this.
MODES: Final = ("text", "fail", "refuse", "forbid", "page", "junk", "file")


class EchoApp:
    """An app behind a login that sends back, in every form, what it was sent; ``told`` is what it was sent."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.modes: dict[str, str] = {}
        self.password = self.session = ""
        app = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                app.get(self)

            def do_POST(self) -> None:
                app.post(self, self.rfile.read(int(self.headers.get("Content-Length") or 0)))

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def listen(self, handler: BaseHTTPRequestHandler) -> list[str]:
        """Every form of the secrets of this request and of the login; not of others' requests."""
        names = ("x-hf-authorization", "x-zerogpu-token", "x-zerogpu-uuid", "cookie", "authorization", "x-op-key")
        values = [value.removeprefix("Bearer ") for name in names if (value := handler.headers.get(name))]
        basic = (handler.headers.get("authorization") or "").partition("Basic ")[2]
        values += [base64.b64decode(basic).decode().partition(":")[2]] if basic else []
        self.told += values
        return [form for secret in (*values, self.password) for form in dict.fromkeys(forms(secret).values())]

    def get(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer a GET: the app's configuration, its endpoints, or the event stream of a call."""
        said = self.listen(handler)
        path, _, query = handler.path.partition("?")
        if path == "/config":
            if "access-token" not in (handler.headers.get("cookie") or ""):
                return self.answer(handler, {"detail": "Not authenticated"}, 401)
            # What opens it for the operator; users' tokens are not in what all share.
            label = " ".join(forms(self.password).values())
            parts = [{"id": 1, "type": "textbox", "props": {"label": label}}]
            function = {"id": 0, "api_name": "infer", "inputs": [1], "outputs": [1]}
            return self.answer(
                handler,
                {
                    "version": "6.31.0",
                    "protocol": "sse_v3",
                    "api_prefix": "/gradio_api",
                    "dependencies": [function],
                    "components": parts,
                },
            )
        if path == "/gradio_api/info":
            one = {"parameter_name": "prompt", "parameter_has_default": False}
            return self.answer(handler, {"named_endpoints": {"/infer": {"parameters": [one]}}})
        if path == "/gradio_api/queue/data":
            return self.stream(handler, self.modes[parse_qs(query)["session_hash"][0]], said)
        return self.answer(handler, {"detail": said}, 404)

    def post(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        """Answer a POST: a login, a cancel, or a call whose prompt is one of :data:`MODES`."""
        said = self.listen(handler)
        if handler.path == "/login":
            fields = dict(part.split("=", 1) for part in body.decode().split("&"))
            self.password = unquote_plus(fields["password"])
            handler.send_response(200)
            handler.send_header("Set-Cookie", f"access-token={self.session}; Path=/")
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return None
        asked = json.loads(body)
        if "data" not in asked:
            return self.answer(handler, {"success": True})
        prompt = asked["data"][0]
        self.modes[asked.get("session_hash", prompt)] = prompt
        if prompt == "refuse":
            return self.answer(handler, {"detail": " | ".join(said)}, 500)
        if prompt == "forbid":
            return self.answer(handler, {"detail": " | ".join(said)}, 403)
        return self.answer(handler, {"event_id": prompt})

    def stream(self, handler: BaseHTTPRequestHandler, mode: str, forms_of_all: list[str]) -> None:
        """Send the events of a call, each with secrets in it."""
        said = " | ".join(forms_of_all)
        if mode == "page":
            return self.answer(handler, f"<html>{said}</html>".encode(), 200, "text/html")
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Connection", "close")
        handler.end_headers()
        steps: list[dict[str, Any]] = [
            {"msg": "process_starts"},
            {"msg": "log", "log": said, "level": "info", "title": said},
            *({"msg": "log", "log": form, "level": "warning"} for form in forms_of_all),
            {"msg": "progress", "progress_data": [{"index": 1, "length": 2, "desc": said, "unit": said}]},
            {"msg": "process_generating", "success": True, "output": {"data": [said]}},
        ]
        match mode:
            case "fail":
                end = {"msg": "process_completed", "success": False, "title": said, "output": {"error": said}}
            case "file":
                file = {"path": f"/tmp/{said}.png", "orig_name": said, "meta": {"_type": "gradio.FileData"}}
                end = {"msg": "process_completed", "success": True, "output": {"data": [file]}}
            case "junk":
                end = {"msg": said, "success": said}
            case _:
                end = {"msg": "process_completed", "success": True, "output": {"data": [said]}}
        for step in (*steps, end):
            handler.wfile.write(f"data: {json.dumps({**step, 'event_id': mode})}\n\n".encode())
        if mode == "junk":
            handler.wfile.write(f"data: {said}\n\n".encode())
        handler.close_connection = True
        return None

    def answer(
        self, handler: BaseHTTPRequestHandler, body: Any, code: int = 200, kind: str = "application/json"
    ) -> None:
        """Send a whole answer."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        handler.send_response(code)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)
