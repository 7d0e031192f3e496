"""HTTP to one app, with bounds on time and size.

Redirects that leave the origin are not followed. No error text of requests or
urllib3 gets out: it may contain header values and the password of a proxy.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final
from urllib.parse import urlencode, urljoin, urlsplit

import requests
import urllib3
from requests.structures import CaseInsensitiveDict

import logs
from providers import clean
from providers.base import Control
from providers.errors import Protocol, ProviderError, Rejected, Timeout, Unreachable
from providers.gradio.answers.files import same_origin
from providers.gradio.app_limits import AppLimits
from providers.gradio.http_session import Sockets, basic_header, open_session
from providers.gradio.refusals import LONGEST_WAIT, Refusal
from providers.gradio.stream import EventReader
from providers.gradio.untrusted_json import loads
from retry_after import wait_of

_NO_HEADERS: Final[Mapping[str, str]] = {}
_PIECE = 65536
_HOPS = 3

#: Seconds to connect, and to wait for the answer of a last request whose answer hardly matters.
_FAREWELL = (1.5, 1.0)

#: What requests and urllib3 raise, for what a server sends too.
_FAILURES = (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError)


class AppTransport:
    """Requests to one app, during one attempt; see :func:`providers.gradio.http_session.open_session`."""

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str],
        cookies: str | None = None,
        proxy: str | None,
        ca_file: str | None = None,
        limits: AppLimits,
        control: Control,
    ) -> None:
        self.base = base_url.rstrip("/")
        self.sockets = Sockets()
        self.limits = limits
        self.control = control
        self._hosted = (urlsplit(self.base).hostname or "").endswith(".hf.space")
        self._session = open_session(self.base, self.sockets, headers, cookies, proxy, ca_file)

    def cookies(self) -> list[str]:
        """The values of all cookies, ours and the app's."""
        return [cookie.value for cookie in self._session.cookies if cookie.value]

    def use_basic(self, login: tuple[str, str]) -> bool:
        """Log in by HTTP Basic from now on. False: the session does already."""
        sent = basic_header(*login)
        logs.hide(sent.partition(" ")[2])
        known, self._session.headers["Authorization"] = self._session.headers.get("Authorization"), sent
        return known != sent

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    @contextmanager
    def opened(self) -> Iterator[None]:
        """A block that a cancel ends, and that closes all connections at its end."""
        try:
            with self.control.closing(self.sockets.shut):
                yield
        finally:
            self.close()

    def ask(
        self,
        method: str,
        path: str,
        *,
        limit: int | None = None,
        wait: float | None = None,
        within: float | None = None,
        **body: Any,  # noqa: ANN401 - requests' own arguments
    ) -> bytes:
        """Send a request and read the whole answer, of at most ``limit`` bytes.

        It must begin within ``wait`` seconds, and be there ``within`` seconds from its begin.

        The path is below the base, or a whole URL of the same origin; ``body`` is ``json``, ``data``, ``files`` or
        ``params`` of requests.

        Raises:
            Refused: The status is not 200.
            ProviderError: There is no answer.
        """
        with self._send(method, path, wait=wait, **body) as response:
            if response.status_code != 200:
                raise Refused(self._refusal(response))
            return self._whole(response, self.limits.body_bytes if limit is None else limit, within)

    def pieces(self, method: str, path: str, *, limit: int) -> Iterator[bytes]:
        """Send a request and read the answer in pieces, at most ``limit`` bytes; errors as of :meth:`ask`."""
        with self._send(method, path) as response:
            if response.status_code != 200:
                raise Refused(self._refusal(response))
            yield from self._pieces(response, limit, None)

    def ask_json(self, method: str, path: str, **more: Any) -> object:  # noqa: ANN401 - as ask
        """As :meth:`ask`, and read the answer as JSON; Protocol if it is none."""
        return loads(self.ask(method, path, **more))

    def require_json(self, method: str, path: str, **more: Any) -> object:  # noqa: ANN401 - as ask
        """As :meth:`ask_json`; a status other than 200 raises the ProviderError that it usually means."""
        try:
            return self.ask_json(method, path, **more)
        except Refused as answer:
            raise answer.refusal.error() from None

    def listen(self, path: str, *, first: float | None = None, **params: str) -> OpenStream:
        """Open a stream of events, whose first message must come within ``first`` seconds.

        Raises:
            Refused: The answer is not a stream of events.
            ProviderError: There is no answer.
        """
        response = self._send("GET", f"{path}?{urlencode(params)}", headers={"Accept": "text/event-stream"})
        if response.status_code != 200 or _content_type(response) != "text/event-stream":
            with response:
                raise Refused(self._refusal(response))
        sock = self.sockets.newest
        waits: float | None = None

        def read(seconds: float) -> bytes:
            nonlocal waits
            # Nearly always as long as for the piece before; setting it anew is a call of the system.
            if sock is not None and seconds != waits:
                with suppress(OSError):
                    sock.settimeout(seconds)
                waits = seconds
            return self._piece(response)

        return OpenStream(response, EventReader(read, limits=self.limits, first=first, control=self.control))

    def tell(self, path: str, fields: Mapping[str, object]) -> int:
        """Post a last message, also after a cancel. Returns the status; 0 if there was no answer in time."""
        self.sockets.reopen()
        try:
            with self._session.post(self.base + path, json=fields, timeout=_FAREWELL, stream=True) as response:
                return response.status_code
        except _FAILURES:
            return 0

    def glance(self, path: str, **params: str) -> bytes:
        """Open a stream, read its first piece and close it, also after a cancel: then the app drops the session's jobs."""
        self.sockets.reopen()
        try:
            url = self.base + path
            with self._session.get(url, params=params, timeout=_FAREWELL, stream=True) as response:
                return self._piece(response)
        except (*_FAILURES, ProviderError):
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
            self.control.check()
            left = self.control.remaining()
            silence = self.limits.read if wait is None else wait
            timeout = (self.limits.connect, silence if left is None else min(silence, max(left, 0.001)))
            try:
                request = self._prepared(method, url, **body)
                response = self._session.send(request, timeout=timeout, stream=True, proxies=self._session.proxies)
            except _FAILURES as error:
                raise self._failure(error) from None
            target = _target(response, url) if method == "GET" else None
            if target is None or not same_origin(target, self.base):
                return response
            response.close()
            url = target
        raise Protocol("the app redirects from one address to the next")

    def _prepared(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] = _NO_HEADERS,
        **body: Any,  # noqa: ANN401
    ) -> requests.PreparedRequest:
        """A request with the session's headers and cookies.

        The session would also merge settings of the environment, parameters, hooks and logins. There are none, and looking
        for them costs a third of the request.
        """
        merged = CaseInsensitiveDict(self._session.headers)
        merged.update(headers)
        return requests.Request(method, url, merged, cookies=self._session.cookies, **body).prepare()

    def _whole(self, response: requests.Response, limit: int, within: float | None = None) -> bytes:
        return b"".join(self._pieces(response, limit, self.limits.answer if within is None else within))

    def _pieces(self, response: requests.Response, limit: int, seconds: float | None) -> Iterator[bytes]:
        announced = response.headers.get("content-length", "")
        # As many digits as no limit has are enough: a number of thousands of digits cannot be read.
        if announced.isascii() and announced.isdigit() and int(announced[:16]) > limit:
            raise Protocol(f"the app sent more than {limit} bytes")
        size, began = 0, time.monotonic()
        try:
            while piece := self._piece(response):
                self.control.check()
                size += len(piece)
                if size > limit:
                    raise Protocol(f"the app sent more than {limit} bytes")
                if seconds is not None and time.monotonic() - began > seconds:
                    raise Timeout(f"the app took more than {seconds:.0f} s to send its answer")
                yield piece
        except TimeoutError as error:
            raise self._failure(error) from None

    def _piece(self, response: requests.Response) -> bytes:
        if response.headers.get("content-encoding", "identity").lower() not in {"", "identity"}:
            raise Protocol("the app sent a compressed answer though none was asked for")
        try:
            # read1: a read would return an answer of unknown length only at its end.
            return response.raw.read1(_PIECE, decode_content=False) or b""
        except urllib3.exceptions.ReadTimeoutError:
            raise TimeoutError from None
        except _FAILURES as error:
            raise self._failure(error) from None

    def _refusal(self, response: requests.Response) -> Refusal:
        away = _target(response, response.url or self.base)
        try:
            # The body of a redirect does not matter, and it may never end.
            body = "" if away else self._whole(response, _PIECE).decode("utf-8", "replace")
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
            has_input=response.request.method == "POST",
            location=away or "",
            challenge=response.headers.get("www-authenticate", "")[:40].partition(" ")[0].lower(),
        )

    def _failure(self, error: Exception) -> ProviderError:
        """The typed error for an error of requests, without its text."""
        try:
            self.control.check()
        except ProviderError as ended:
            return ended
        match error:
            case requests.exceptions.ProxyError():
                return Unreachable("the proxy could not be reached, or refused")
            case requests.exceptions.SSLError() | ssl.SSLError():
                return Unreachable("no safe connection to the app: its certificate or TLS failed")
            case requests.exceptions.ConnectTimeout():
                return Unreachable(f"no connection to the app within {self.limits.connect:g} s")
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


def _target(response: requests.Response, url: str) -> str | None:
    """Where an answer leads; None: it is no redirect, or leads nowhere."""
    try:
        return urljoin(url, response.headers["location"]) if response.is_redirect else None
    except ValueError:
        return None


def _content_type(response: requests.Response) -> str:
    return clean.text(response.headers.get("content-type", "").split(";")[0], 80).lower()
