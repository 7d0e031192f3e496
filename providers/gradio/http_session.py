"""A requests session for one app whose sockets another thread can shut.

What it adds to requests, and why:

* every socket is known, so that a cancel ends a read or a write that blocks;
* nothing is taken from the environment, no redirect is followed by itself, no
  compressed body is asked for (a few hundred bytes can unpack to megabytes);
* one TLS context for the whole process: loading the certificates costs 20 ms
  and half a megabyte, which every job would pay.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from contextlib import suppress
from functools import cache, partial
from socket import SHUT_RDWR, socket
from threading import Lock
from typing import Any
from weakref import WeakSet

import requests
from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from providers.errors import Rejected


class Sockets:
    """The open sockets of one session. Another thread can shut them."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._open: WeakSet[socket] = WeakSet()
        self._shut = False
        #: The socket of the newest response.
        self.newest: socket | None = None

    def add(self, sock: socket) -> None:
        """Register a socket. After :meth:`shut` it is shut at once."""
        with self._lock:
            self._open.add(sock)
            late = self._shut
        if late:
            _end(sock)

    def shut(self) -> None:
        """End every read and write, now and later."""
        with self._lock:
            self._shut = True
            found = list(self._open)
        for sock in found:
            _end(sock)

    def reopen(self) -> None:
        """Allow new sockets again, for a last request."""
        self._shut = False


def open_session(
    base: str, sockets: Sockets, headers: Mapping[str, str], cookies: str | None, proxy: str | None
) -> requests.Session:
    """A session for one app.

    Args:
        base: Address of the app.
        sockets: Registers every socket of the session.
        headers: Sent with every request.
        cookies: A ``Cookie`` header to begin with.
        proxy: For all requests.

    Raises:
        Rejected: A header is malformed, or a proxy could read the requests. The text does not contain the header.
    """
    session = _Session()
    session.trust_env = False
    adapter = _Adapter(sockets)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    session.headers.update({"User-Agent": "darkroom", "Accept-Encoding": "identity"})
    for name, value in headers.items():
        session.headers[name] = _header(name, value)
    if cookies:
        session.cookies = _jar(_header("Cookie", cookies))
    if proxy:
        if not base.startswith("https:"):
            # It could read the operator's login, and look around in the operator's network.
            raise Rejected("this app cannot be used through a proxy: the connection is not encrypted")
        session.proxies = {"http": proxy, "https": proxy}
    return session


def _end(sock: socket) -> None:
    with suppress(OSError):
        # Not SSLSocket.shutdown: that one takes TLS off under a reading thread.
        socket.shutdown(sock, SHUT_RDWR)


class _Registered:
    """A connection that registers its socket."""

    sockets: Sockets
    sock: Any

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        self.sockets.add(self.sock)

    def getresponse(self) -> Any:  # noqa: ANN401 - urllib3's own type, passed through
        self.sockets.newest = self.sock
        return super().getresponse()  # type: ignore[misc]


class _Connection(_Registered, HTTPConnection):
    """A plain connection."""


class _TLSConnection(_Registered, HTTPSConnection):
    """A TLS connection."""


class _RegisteringPool:
    """A pool that tells its connections where to register."""

    sockets: Sockets

    def _new_conn(self) -> Any:  # noqa: ANN401
        connection: Any = super()._new_conn()  # type: ignore[misc]
        connection.sockets = self.sockets
        return connection


class _Pool(_RegisteringPool, HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(_RegisteringPool, HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


def _pool(kind: type[_Pool | _TLSPool], sockets: Sockets, host: str, port: int, **context: Any) -> _Pool | _TLSPool:  # noqa: ANN401
    pool = kind(host, port, **context)
    pool.sockets = sockets
    return pool


@cache
def _tls() -> ssl.SSLContext:
    """The process's TLS context: the system's certificates (and ``SSL_CERT_FILE``) and certifi's."""
    context = ssl.create_default_context()
    context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    return context


class _Adapter(HTTPAdapter):
    """Makes connections that register their sockets, with the shared TLS context."""

    def __init__(self, sockets: Sockets) -> None:
        self._sockets = sockets
        super().__init__(pool_connections=2, pool_maxsize=2)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool: Any) -> None:  # noqa: ANN401, FBT001, FBT002 - the base's signature
        super().init_poolmanager(connections, maxsize, block, **pool)
        self._use_own_pools(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **settings: Any) -> Any:  # noqa: ANN401
        known = proxy in self.proxy_manager
        manager = super().proxy_manager_for(proxy, **settings)
        if not known:
            self._use_own_pools(manager)
        return manager

    def _use_own_pools(self, manager: Any) -> None:  # noqa: ANN401
        manager.pool_classes_by_scheme = {
            "http": partial(_pool, _Pool, self._sockets),
            "https": partial(_pool, _TLSPool, self._sockets),
        }

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:  # noqa: ANN401
        host, settings = super().build_connection_pool_key_attributes(request, verify, cert)
        if host["scheme"] == "https":
            settings["ssl_context"] = _tls()
        return host, settings

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:  # noqa: ANN401
        """Leave it to the context: the base would load certifi's file for each connection."""


class _Session(requests.Session):
    """A session that follows no redirect: the base reads a redirect's whole body, of any length."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Always None: :class:`providers.gradio.transport.AppTransport` follows redirects, with bounds."""
        del resp
        return None


def _header(name: str, value: str) -> str:
    # requests refuses these too, but its error text contains the value.
    if value.isascii() and value.isprintable() and value == value.strip():
        return value
    raise Rejected(f"the value for the header {name} contains characters that are not allowed")


def _jar(header: str) -> RequestsCookieJar:
    """A jar rather than a header, so that cookies which the app sets are sent as well."""
    jar = RequestsCookieJar()
    for pair in header.split(";"):
        name, equals, value = pair.strip().partition("=")
        if equals and name:
            jar.set(name, value)
    return jar
