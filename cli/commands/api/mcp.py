"""``darkroom mcp``: the Model Context Protocol over standard input and output, for hosts that start a program.

A bridge to ``POST /mcp`` of a running service: a line in is a request there, and each message of its answer a line out.
Standard library only, since a host waits for its start.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import socket
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, BinaryIO, Final
from urllib.parse import urlsplit

import click

from cli.commands.api.options import service_options
from resilience import beside

Json = dict[str, Any]

_CONNECT_SECONDS: Final = 5.0
#: The service says something every 15 s.
_READ_SECONDS: Final = 60.0
#: Seconds for which a request is sent again while nothing answers. A restart takes less.
_PATIENCE_SECONDS: Final = 40.0
_PAUSE_SECONDS: Final = 0.5
#: What has been asked for when the input ends may be answered so long.
_LAST_SECONDS: Final = 1.0
_VERSION: Final = "io.modelcontextprotocol/protocolVersion"
_INTERNAL_ERROR: Final = -32603


@click.command()
@service_options
def mcp(url: str, api_key: str | None) -> None:
    """Let a host of the Model Context Protocol use the service.

    For the settings of hosts that start a program. The others take the address of the service, with /mcp behind it.
    """
    Bridge(url, api_key, sys.stdout.buffer).run(sys.stdin.buffer)


class Bridge:
    """Passes messages on, each request in a thread of its own.

    Args:
        url: Address of the service.
        key: An API key; None in the open mode.
        output: Where answers go, and nothing else.
    """

    def __init__(self, url: str, key: str | None, output: BinaryIO) -> None:
        self._url = url.rstrip("/")
        self._output = output
        self._writing = threading.Lock()
        self._headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"
        #: What ``initialize`` has agreed on, for the requests after it.
        self._agreed: dict[str, str] = {}
        #: Requests that wait for their answers, by their ids in JSON.
        self._open: dict[str, _Post] = {}

    def run(self, lines: BinaryIO) -> None:
        """Pass on what comes, until the input ends."""
        threads: list[threading.Thread] = []
        for line in lines:
            if line.strip():
                threads = [thread for thread in threads if thread.is_alive()]
                threads.append(beside("mcp", partial(self._pass_on, line)))
        ends = time.monotonic() + _LAST_SECONDS
        for thread in threads:
            thread.join(max(0.0, ends - time.monotonic()))

    def _pass_on(self, line: bytes) -> None:
        message = _read(line)
        name = json.dumps(message["id"]) if "id" in message else ""
        post = _Post(self._url, line, {**self._headers, **(_named(message) or self._agreed)})
        if name:
            self._open[name] = post
        try:
            for answer in post.answers():
                if message.get("method") == "initialize":
                    self._agree(answer, post)
                if not post.is_canceled and name:
                    self._write(answer, message)
            if message.get("method") == "notifications/cancelled":
                self._cancel(message)
        except (OSError, http.client.HTTPException):
            if name and not post.is_canceled:
                text = f"No Darkroom answers at {self._url}; `darkroom up` starts one."
                self._write({"jsonrpc": "2.0", "error": {"code": _INTERNAL_ERROR, "message": text}}, message)
        finally:
            if self._open.get(name) is post:
                del self._open[name]

    def _agree(self, answer: Json, post: _Post) -> None:
        result = answer.get("result")
        if isinstance(result, dict):
            self._agreed = {"MCP-Protocol-Version": str(result.get("protocolVersion")), **post.session}

    def _cancel(self, message: Json) -> None:
        """Close what a request is answered by: in the newer era that cancels it, in the older one the message has done so."""
        params = message.get("params")
        post = self._open.get(json.dumps(params.get("requestId"))) if isinstance(params, dict) else None
        if post is not None:
            post.cancel()

    def _write(self, answer: Json, request: Json) -> None:
        if "method" not in answer:
            answer = {**answer, "id": request["id"]}
        with self._writing:
            try:
                self._output.write(json.dumps(answer, separators=(",", ":")).encode() + b"\n")
                self._output.flush()
            except OSError:
                # The host is gone, and with it the reason to be here.
                os._exit(0)


class _Post:
    """One message on its way, sent again while the service is away: its key keeps it from being done twice."""

    def __init__(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        self._url = urlsplit(url)
        self._body = body
        self._headers = {**headers, "Idempotency-Key": str(uuid.uuid4())}
        self._socket: socket.socket | None = None
        self.is_canceled = False
        self.session: dict[str, str] = {}

    def answers(self) -> Iterator[Json]:
        """The messages of the answer.

        Raises:
            OSError: Nothing answers.
            HTTPException: It is no HTTP.
        """
        ends = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                yield from self._once()
            except (OSError, http.client.HTTPException):
                if self.is_canceled or time.monotonic() > ends:
                    raise
            else:
                return
            time.sleep(_PAUSE_SECONDS)

    def cancel(self) -> None:
        """Close the connection."""
        self.is_canceled = True
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def _once(self) -> Iterator[Json]:
        kind = http.client.HTTPSConnection if self._url.scheme == "https" else http.client.HTTPConnection
        connection = kind(self._url.netloc, timeout=_CONNECT_SECONDS)
        try:
            connection.connect()
            self._socket = connection.sock
            self._socket.settimeout(_READ_SECONDS)
            if self.is_canceled:
                return
            connection.request("POST", f"{self._url.path}/mcp", self._body, self._headers)
            answer = connection.getresponse()
            if answer.status in {502, 503, 504} and not _is_json(answer):
                raise http.client.HTTPException(answer.reason)
            if session := answer.headers.get("Mcp-Session-Id"):
                self.session["Mcp-Session-Id"] = session
            if answer.headers.get_content_type() == "text/event-stream":
                yield from _events(answer)
            elif text := answer.read():
                yield _message(answer, text)
        finally:
            connection.close()


def _is_json(answer: http.client.HTTPResponse) -> bool:
    return answer.headers.get_content_type() == "application/json"


def _events(answer: http.client.HTTPResponse) -> Iterator[Json]:
    """The messages of a stream.

    Raises:
        HTTPException: It ended before the last one.
    """
    for line in answer:
        name, _, data = line.partition(b": ")
        if name == b"data":
            message = json.loads(data)
            yield message
            if "method" not in message:
                return
    raise http.client.HTTPException("the stream ended early")


def _message(answer: http.client.HTTPResponse, text: bytes) -> Json:
    """The message that an answer is, or an error that says what it is instead."""
    with suppress(ValueError):
        found = json.loads(text)
        if isinstance(found, dict) and "jsonrpc" in found:
            return found
        if isinstance(found, dict) and "detail" in found:
            return {"jsonrpc": "2.0", "error": {"code": answer.status, "message": str(found["detail"])}}
    return {"jsonrpc": "2.0", "error": {"code": answer.status, "message": f"The service answers {answer.status}."}}


def _read(line: bytes) -> Json:
    """A message as far as the bridge needs it; what is none is for the service to refuse."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {"id": None}


def _named(message: Json) -> dict[str, str]:
    """The headers that repeat what a request of the newer era says; of the older one none."""
    params = message.get("params")
    meta = params.get("_meta") if isinstance(params, dict) else None
    if not isinstance(params, dict) or not isinstance(meta, dict) or _VERSION not in meta:
        return {}
    said = {"MCP-Protocol-Version": str(meta[_VERSION]), "Mcp-Method": str(message.get("method"))}
    # Others cannot be headers. The service will say that they are missing.
    found = {name: value for name, value in said.items() if value.isascii() and value.isprintable()}
    name = params.get("taskId", params.get("name"))
    if isinstance(name, str):
        found["Mcp-Name"] = f"=?base64?{base64.b64encode(name.encode()).decode()}?="
    return found
