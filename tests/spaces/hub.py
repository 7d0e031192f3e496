"""A local stand-in for the Hugging Face Hub: the Space's page, its state and its token, as the public site gives them."""

from __future__ import annotations

import html
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest


@dataclass(slots=True)
class Asked:
    """One request that came in: path without query, the query, headers in lower case."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]


@dataclass(slots=True)
class HubStandIn:
    """What the stand-in answers; tests change it while it runs.

    Args:
        token: On the page of every Space; None leaves it out.
        uuid: The page's ``sessionUuid``; None leaves it out.
        user_token: Of the API, for those with the right cookie.
        cookie: The right one.
        stages: ``runtime.stage`` by Space.
        commit: Of every Space.
        hosts: Address of the app by Space.
        renamed: The new name of a Space; the old one is answered with a redirect, as the Hub does.
        private: The token that may read a Space; anybody else is told that there is none.
        hardware: Of every Space.
        broken: Answers everything with 500.
        odd: Answers everything with this text, where there is one.
    """

    token: str | None = "page-token"
    uuid: str | None = "page-uuid"
    user_token: str = "user-token"
    cookie: str = "token=me"
    stages: dict[str, str] = field(default_factory=dict)
    commit: str = "0123456789abcdef0123456789abcdef01234567"
    hosts: dict[str, str] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    private: dict[str, str] = field(default_factory=dict)
    hardware: str = "cpu-basic"
    broken: bool = False
    odd: str | None = None
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    def paths(self) -> list[str]:
        """Paths of all requests so far."""
        return [asked.path for asked in self.asked]

    def answer(self, asked: Asked) -> tuple[int, str, str]:
        """Status, content type and body."""
        self.asked.append(asked)
        if self.broken:
            return 500, "text/html", "<html>Internal error</html>"
        if self.odd is not None:
            return 200, "application/json", self.odd
        space = asked.path.removeprefix("/api").removeprefix("/spaces/").removesuffix("/jwt")
        if space in self.renamed:
            return 307, "text/plain", asked.path.replace(space, self.renamed[space])
        if space in self.private and asked.headers.get("authorization") != f"Bearer {self.private[space]}":
            return 401, "application/json", json.dumps({"error": "Invalid username or password."})
        if asked.path.startswith("/spaces/"):
            return 200, "text/html", self._page()
        if asked.path.endswith("/jwt"):
            if asked.headers.get("cookie") != self.cookie:
                return 401, "application/json", json.dumps({"error": "Unauthorized"})
            return 200, "application/json", json.dumps({"token": self.user_token})
        stage = self.stages.get(space, "RUNNING")
        about: dict[str, object] = {"id": space, "sha": self.commit, "private": space in self.private, "sdk": "gradio"}
        about["runtime"] = {"stage": stage, "hardware": {"current": self.hardware, "requested": self.hardware}}
        if space in self.hosts:
            about |= {"subdomain": space.replace("/", "-").lower(), "host": self.hosts[space]}
        return 200, "application/json", json.dumps(about)

    def _page(self) -> str:
        found = {"token": self.token, "sessionUuid": self.uuid}
        props = {"iframeSrc": "https://x.hf.space", **{key: value for key, value in found.items() if value}}
        # As on the real page: JSON in an attribute, compact and escaped.
        return f'<html><div data-props="{html.escape(json.dumps(props, separators=(",", ":")))}"></div></html>'


@pytest.fixture
def hub() -> Iterator[HubStandIn]:
    """A stand-in of one's own."""
    with serve_hub() as stand_in:
        yield stand_in


@contextmanager
def serve_hub() -> Iterator[HubStandIn]:
    """A stand-in that listens on the loopback interface."""
    stand_in = HubStandIn()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            headers = {key.lower(): value for key, value in self.headers.items()}
            status, content_type, body = stand_in.answer(Asked(parts.path, query, headers))
            data = body.encode()
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            if status == 307:
                self.send_header("Location", body)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        stand_in.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield stand_in
        server.shutdown()
        thread.join()
