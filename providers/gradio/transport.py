"""HTTP to one app, with bounds on time and size.

Redirects that leave the origin are not followed. No error text of requests or
urllib3 gets out: it may contain header values and the password of a proxy.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from providers.base import Control
from providers.errors import Protocol, ProviderError, Rejected, Timeout, Unreachable
from providers.gradio.app_limits import AppLimits
from providers.gradio.files import same_origin
from providers.gradio.http_session import Sockets, open_session
from providers.gradio.refusals import LONGEST_WAIT, Refusal
from providers.gradio.stream import EventReader
from retry_after import wait_of

_PIECE = 65536
_HOPS = 3

#: Seconds to connect, and to wait for the answer of a last request whose answer hardly matters.
_FAREWELL = (1.5, 1.0)


class AppTransport:
    """Requests to one app.

    Args:
        base_url: Without a slash at the end.
        headers: Sent with every request.
        cookies: A ``Cookie`` header to begin with.
        proxy: For all requests.
        limits: Bounds on time and size.
        control: Cancel and time budget of the attempt.

    Raises:
        Rejected: A header is malformed, or a proxy could read the requests.
    """

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str],
        cookies: str | None,
        proxy: str | None,
        limits: AppLimits,
        control: Control,
    ) -> None:
        self.base = base_url.rstrip("/")
        self.sockets = Sockets()
        self._limits = limits
        self._control = control
        host = urlsplit(self.base).hostname or ""
        self._hosted = host.endswith(".hf.space")
        self._session = open_session(self.base, self.sockets, headers, cookies, proxy)

    def cookies(self) -> list[str]:
        """The values of all cookies, ours and the app's."""
        return [cookie.value for cookie in self._session.cookies if cookie.value]

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def ask(self, method: str, path: str, *, limit: int | None = None, wait: float | None = None, **body: Any) -> bytes:  # noqa: ANN401 - requests' own arguments
        """Send a request and read the whole answer.

        Args:
            method: The HTTP method.
            path: A path below the base, or a whole URL of the same origin.
            limit: Most bytes of the answer.
            wait: Seconds until the answer must begin.
            body: ``json``, ``data``, ``files`` or ``params`` of requests.

        Raises:
            Refused: The status is not 200.
            ProviderError: There is no answer.
        """
        with self._send(method, path, wait=wait, **body) as response:
            if response.status_code != 200:
                raise Refused(self._refusal(response))
            return self._whole(response, self._limits.body_bytes if limit is None else limit)

    def require(self, method: str, path: str, **body: Any) -> bytes:  # noqa: ANN401 - requests' own arguments
        """As :meth:`ask`; a status other than 200 raises the error that it usually means.

        Raises:
            ProviderError: There is no answer, or it is another one.
        """
        try:
            return self.ask(method, path, **body)
        except Refused as answer:
            raise answer.refusal.error() from None

    def listen(self, path: str, *, first: float | None = None, **params: str) -> OpenStream:
        """Open a stream of events.

        Args:
            path: A path below the base.
            first: Seconds until the first message.
            params: The query.

        Raises:
            Refused: The answer is not a stream of events.
            ProviderError: There is no answer.
        """
        response = self._send("GET", path, params=params, headers={"Accept": "text/event-stream"})
        if response.status_code != 200 or _content_type(response) != "text/event-stream":
            with response:
                raise Refused(self._refusal(response))
        sock = self.sockets.newest

        def read(seconds: float) -> bytes:
            if sock is not None:
                with suppress(OSError):
                    sock.settimeout(seconds)
            return self._piece(response)

        return OpenStream(response, EventReader(read, limits=self._limits, first=first, control=self._control))

    def tell(self, path: str, fields: Mapping[str, object]) -> int:
        """Post a last message, also after a cancel. Returns the status; 0 if there was no answer in time."""
        self.sockets.reopen()
        try:
            with self._session.post(self.base + path, json=fields, timeout=_FAREWELL, stream=True) as response:
                return response.status_code
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError):
            return 0

    def glance(self, path: str, **params: str) -> bytes:
        """Open a stream, read its first piece and close it, also after a cancel: then the app drops the session's jobs."""
        self.sockets.reopen()
        try:
            url = self.base + path
            with self._session.get(url, params=params, timeout=_FAREWELL, stream=True) as response:
                return self._piece(response)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ProviderError):
            return b""

    def _send(
        self,
        method: str,
        path: str,
        *,
        wait: float | None = None,
        **body: Any,  # noqa: ANN401
    ) -> requests.Response:
        url = path if path.startswith(("http://", "https://")) else self.base + path
        for _ in range(_HOPS):
            self._control.check()
            left = self._control.remaining()
            silence = self._limits.read if wait is None else wait
            timeout = (self._limits.connect, silence if left is None else min(silence, max(left, 0.001)))
            try:
                response = self._session.request(method, url, timeout=timeout, stream=True, **body)
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
                raise self._failure(error) from None
            target = response.headers.get("location") if response.is_redirect else None
            if method != "GET" or not target or not same_origin(urljoin(url, target), self.base):
                return response
            response.close()
            url = urljoin(url, target)
        raise Protocol("the app redirects from one address to the next")

    def _whole(self, response: requests.Response, limit: int) -> bytes:
        if (response.headers.get("content-length") or "").isdigit() and int(response.headers["content-length"]) > limit:
            raise Protocol(f"the app sent more than {limit} bytes")
        pieces: list[bytes] = []
        size, ends = 0, time.monotonic() + self._limits.no_news
        while piece := self._piece_or_timeout(response):
            self._control.check()
            size += len(piece)
            if size > limit:
                raise Protocol(f"the app sent more than {limit} bytes")
            if time.monotonic() > ends:
                raise Timeout(f"the app took more than {self._limits.no_news:.0f} s to send its answer")
            pieces.append(piece)
        return b"".join(pieces)

    def _piece(self, response: requests.Response) -> bytes:
        if response.headers.get("content-encoding", "identity").lower() not in {"", "identity"}:
            raise Protocol("the app sent a compressed answer though none was asked for")
        try:
            # read1: a read would return an answer of unknown length only at its end.
            return response.raw.read1(_PIECE, decode_content=False) or b""
        except urllib3.exceptions.ReadTimeoutError:
            raise TimeoutError from None
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise self._failure(error) from None

    def _piece_or_timeout(self, response: requests.Response) -> bytes:
        try:
            return self._piece(response)
        except TimeoutError:
            raise self._failure(TimeoutError()) from None

    def _refusal(self, response: requests.Response) -> Refusal:
        try:
            # The body of a redirect does not matter, and it may never end.
            body = "" if response.is_redirect else self._whole(response, _PIECE).decode("utf-8", "replace")
        except (Protocol, Timeout):
            body = ""
        return Refusal(
            status=response.status_code,
            content_type=_content_type(response),
            body=body,
            retry_after=wait_of(
                response.headers.get("retry-after", ""),
                time.time(),
                longest=LONGEST_WAIT,
                date=response.headers.get("date", ""),
            ),
            hosted=self._hosted,
        )

    def _failure(self, error: Exception) -> ProviderError:
        """The typed error for an error of requests, without its text."""
        try:
            self._control.check()
        except ProviderError as ended:
            return ended
        match error:
            case requests.exceptions.ProxyError():
                return Unreachable("the proxy could not be reached, or refused")
            case requests.exceptions.SSLError() | ssl.SSLError():
                return Unreachable("no safe connection to the app: its certificate or TLS failed")
            case requests.exceptions.ConnectTimeout():
                return Unreachable(f"no connection to the app within {self._limits.connect:g} s")
            case requests.exceptions.ReadTimeout() | TimeoutError():
                return Timeout("the app did not answer in time")
            case requests.exceptions.ConnectionError():
                return Unreachable("no connection to the app")
            case requests.exceptions.InvalidSchema() | requests.exceptions.InvalidProxyURL():
                return Rejected("this kind of proxy or address is not supported")
            case _:
                return Unreachable("the connection to the app was lost")


class Refused(Exception):
    """The app answered with another status or type than the wanted one. What that means depends on the request."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal
        super().__init__(f"status {refusal.status}")


class OpenStream:
    """An open stream of events. Close it."""

    def __init__(self, response: requests.Response, events: EventReader) -> None:
        self._response = response
        self.events = events

    def finish(self) -> None:
        """Read the short rest, so that the connection can serve the next request too."""
        with suppress(ProviderError):
            self.events.drain(0.2)

    def close(self) -> None:
        """Close the stream. The app drops the job if it is not finished."""
        self._response.close()


def _content_type(response: requests.Response) -> str:
    return response.headers.get("content-type", "").split(";")[0].strip().lower()
