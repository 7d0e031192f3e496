"""HTTP to one app: bounded, without surprises, and within reach of another thread.

Built on requests. What is added, and why:

* nothing is taken from the environment, no redirect leaves the origin, no
  compressed body is accepted (a few hundred bytes can unpack to megabytes);
* every socket is known, so that a cancel ends a read or a write that blocks;
* one TLS context for the whole process: loading the certificates costs 20 ms
  and half a megabyte, which a job in flight must not pay;
* no text of requests or urllib3 gets out: those may hold header values and
  the password of a proxy.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import cache, partial
from socket import SHUT_RDWR, socket
from threading import Lock
from typing import Any
from urllib.parse import urljoin, urlsplit
from weakref import WeakSet

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from providers.base import Control
from providers.errors import Protocol, ProviderError, Rejected, Timeout, Unreachable
from providers.gradio.files import same_origin
from providers.gradio.limits import Limits
from providers.gradio.refusals import Refusal, wait_of
from providers.gradio.stream import EventStream

_PIECE = 65536
_HOPS = 3

#: Seconds to connect and to wait for the answer of a request that nobody waits for.
_FAREWELL = (1.5, 1.0)


class Reach:
    """The open sockets of one app, to be shut from another thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._sockets: WeakSet[socket] = WeakSet()
        self._shut = False
        #: The socket of the newest response.
        self.newest: socket | None = None

    def add(self, sock: socket) -> None:
        """Take a socket in; it is shut at once where :meth:`shut` was called before."""
        with self._lock:
            self._sockets.add(sock)
            late = self._shut
        if late:
            _end(sock)

    def shut(self) -> None:
        """End everything that reads or writes, now and later."""
        with self._lock:
            self._shut = True
            found = list(self._sockets)
        for sock in found:
            _end(sock)

    def reopen(self) -> None:
        """Let new sockets live again, for a last request."""
        self._shut = False


def _end(sock: socket) -> None:
    with suppress(OSError):
        # Not SSLSocket.shutdown: that one takes TLS off under a reading thread.
        socket.shutdown(sock, SHUT_RDWR)


class _Reached:
    """A connection that tells its socket."""

    reach: Reach
    sock: Any

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        self.reach.add(self.sock)

    def getresponse(self) -> Any:  # noqa: ANN401 - urllib3's own type, passed through
        self.reach.newest = self.sock
        return super().getresponse()  # type: ignore[misc]


class _Connection(_Reached, HTTPConnection):
    """A plain connection within reach."""


class _TLSConnection(_Reached, HTTPSConnection):
    """A TLS connection within reach."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection
    reach: Reach

    def _new_conn(self) -> Any:  # noqa: ANN401
        connection: Any = super()._new_conn()
        connection.reach = self.reach
        return connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection
    reach: Reach

    def _new_conn(self) -> Any:  # noqa: ANN401
        connection: Any = super()._new_conn()
        connection.reach = self.reach
        return connection


def _pool(kind: type[_Pool | _TLSPool], reach: Reach, host: str, port: int, **context: Any) -> _Pool | _TLSPool:  # noqa: ANN401
    pool = kind(host, port, **context)
    pool.reach = reach
    return pool


@cache
def _tls() -> ssl.SSLContext:
    """The process's TLS context: the system's certificates (and ``SSL_CERT_FILE``) and certifi's."""
    context = ssl.create_default_context()
    context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    return context


class _Adapter(HTTPAdapter):
    """Makes connections within reach, with the shared TLS context."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        super().__init__(pool_connections=2, pool_maxsize=2)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool: Any) -> None:  # noqa: ANN401, FBT001, FBT002 - the base's signature
        super().init_poolmanager(connections, maxsize, block, **pool)
        self._within_reach(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **settings: Any) -> Any:  # noqa: ANN401
        known = proxy in self.proxy_manager
        manager = super().proxy_manager_for(proxy, **settings)
        if not known:
            self._within_reach(manager)
        return manager

    def _within_reach(self, manager: Any) -> None:  # noqa: ANN401
        manager.pool_classes_by_scheme = {
            "http": partial(_pool, _Pool, self._reach),
            "https": partial(_pool, _TLSPool, self._reach),
        }

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:  # noqa: ANN401
        host, settings = super().build_connection_pool_key_attributes(request, verify, cert)
        if host["scheme"] == "https":
            settings["ssl_context"] = _tls()
        return host, settings

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:  # noqa: ANN401
        """Leave it to the context: the base would load certifi's file for each connection."""


class _Session(requests.Session):
    """A session that reads nothing by itself: the base reads a redirect's whole body, however long."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Say no: redirects are followed by :class:`Transport`, with bounds."""
        del resp
        return None


class Transport:
    """Requests to one app.

    Args:
        base_url: Without a slash at the end.
        headers: Sent with every request.
        cookies: A ``Cookie`` header to begin with.
        proxy: For all requests.
        limits: Bounds on time and size.
        control: Cancel and time budget of the attempt.

    Raises:
        Rejected: A header is malformed, or a proxy would see what is sent. The text does not hold it.
    """

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str],
        cookies: str | None,
        proxy: str | None,
        limits: Limits,
        control: Control,
    ) -> None:
        self.base = base_url.rstrip("/")
        self.reach = Reach()
        self._limits = limits
        self._control = control
        host = urlsplit(self.base).hostname or ""
        self._hosted = host.endswith(".hf.space")
        self._session = _session(self.base, self.reach, headers, cookies, proxy)

    def cookies(self) -> list[str]:
        """The values of all cookies, ours and the app's."""
        return [cookie.value for cookie in self._session.cookies if cookie.value]

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def ask(self, method: str, path: str, *, limit: int | None = None, wait: float | None = None, **body: Any) -> bytes:  # noqa: ANN401 - requests' own arguments
        """Send a request and read the whole answer.

        Args:
            method: Of HTTP.
            path: From the base, or a whole URL of the same origin.
            limit: Bytes at most.
            wait: Seconds of silence before the answer begins.
            body: ``json``, ``data``, ``files`` or ``params`` of requests.

        Raises:
            Refused: The status is not 200.
            ProviderError: It could not be asked.
        """
        with self._send(method, path, wait=wait, **body) as response:
            if response.status_code != 200:
                raise Refused(self._refusal(response))
            return self._whole(response, self._limits.body_bytes if limit is None else limit)

    def listen(self, path: str, *, first: float | None = None, **params: str) -> Stream:
        """Open a stream of events. ``first``: seconds until there must be news.

        Raises:
            Refused: It is no such stream.
            ProviderError: It could not be opened.
        """
        response = self._send("GET", path, params=params, headers={"Accept": "text/event-stream"})
        if response.status_code != 200 or _content_type(response) != "text/event-stream":
            with response:
                raise Refused(self._refusal(response))
        sock = self.reach.newest

        def read(seconds: float) -> bytes:
            if sock is not None:
                with suppress(OSError):
                    sock.settimeout(seconds)
            return self._piece(response)

        return Stream(response, EventStream(read, limits=self._limits, first=first, control=self._control))

    def tell(self, path: str, fields: Mapping[str, object]) -> int:
        """Post something that nobody waits for, also after a cancel. Gives the status, 0 where there was none."""
        self.reach.reopen()
        try:
            with self._session.post(self.base + path, json=fields, timeout=_FAREWELL, stream=True) as response:
                return response.status_code
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError):
            return 0

    def glance(self, path: str, **params: str) -> bytes:
        """Open a stream, read its first piece and drop it, also after a cancel: the app forgets the session's jobs."""
        self.reach.reopen()
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
        raise Protocol("the app sends from one address to the next")

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
            # read1: an answer of unknown length would otherwise come only when it is over.
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
            # What a redirect says is of no interest, and it may not even end.
            body = "" if response.is_redirect else self._whole(response, _PIECE).decode("utf-8", "replace")
        except (Protocol, Timeout):
            body = ""
        return Refusal(
            status=response.status_code,
            content_type=_content_type(response),
            body=body,
            retry_after=wait_of(response.headers.get("retry-after", ""), response.headers.get("date", ""), time.time()),
            hosted=self._hosted,
        )

    def _failure(self, error: Exception) -> ProviderError:
        """The typed error for what requests raised, without its text."""
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
    """An answer that is not the wanted one; what it means depends on the question."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal
        super().__init__(f"status {refusal.status}")


class Stream:
    """An open stream of events; close it."""

    def __init__(self, response: requests.Response, events: EventStream) -> None:
        self._response = response
        self.events = events

    def finish(self) -> None:
        """Read the short rest, so that the connection serves the next request too."""
        with suppress(ProviderError):
            self.events.drain(0.2)

    def close(self) -> None:
        """Let go. The app drops the job where it was not finished."""
        self._response.close()


def _content_type(response: requests.Response) -> str:
    return response.headers.get("content-type", "").split(";")[0].strip().lower()


def _session(
    base: str, reach: Reach, headers: Mapping[str, str], cookies: str | None, proxy: str | None
) -> requests.Session:
    session = _Session()
    session.trust_env = False
    adapter = _Adapter(reach)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    session.headers.update({"User-Agent": "darkroom", "Accept-Encoding": "identity"})
    for name, value in headers.items():
        session.headers[name] = _header(name, value)
    if cookies:
        session.cookies = _jar(_header("Cookie", cookies))
    if proxy:
        if not base.startswith("https:"):
            # In plain text it could read the operator's login, and look around in the operator's network.
            raise Rejected("this app cannot be reached through a proxy: the way to it is not encrypted")
        session.proxies = {"http": proxy, "https": proxy}
    return session


def _header(name: str, value: str) -> str:
    # requests refuses these too, but with the value in its text.
    if value.isascii() and value.isprintable() and value == value.strip():
        return value
    raise Rejected(f"the value for the header {name} holds characters that are not allowed")


def _jar(header: str) -> RequestsCookieJar:
    """A jar and not the header itself: the app's own cookies must be able to join."""
    jar = RequestsCookieJar()
    for pair in header.split(";"):
        name, equals, value = pair.strip().partition("=")
        if equals and name:
            jar.set(name, value)
    return jar
