"""A requests session for one app whose sockets another thread can shut.

What it adds to requests, and why:

* every socket is known, so that a cancel ends a read or a write that blocks;
* nothing is taken from the environment, no redirect is followed by itself, no
  compressed body is asked for (a few hundred bytes can unpack to megabytes);
* one TLS context for the whole process, and one for each file of certificates
  that an operator names: loading them costs 20 ms and half a megabyte, which
  every job would pay.
"""

from __future__ import annotations

import base64
import ssl
import time
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
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from connecting import in_turn, shares
from providers.errors import Rejected, Unreachable
from resolving import resolve

#: From this status on, what a server says is that it failed.
_BROKEN = 500


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
    base: str,
    sockets: Sockets,
    headers: Mapping[str, str],
    cookies: str | None,
    proxy: str | None,
    ca_file: str | None = None,
) -> requests.Session:
    """A session for the app at ``base``. ``cookies`` is a ``Cookie`` header to begin with.

    The certificates in ``ca_file`` are trusted besides the usual ones.

    Raises:
        Rejected: A header is malformed, or a proxy could read the requests. The text does not contain the header.
    """
    session = _Session()
    session.trust_env = False
    adapter = _Adapter(sockets, ca_file)
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

    sock: Any
    port: int
    #: Attributes of the base that say where it connects, and for how many seconds it tries.
    _dns_host: str
    timeout: Any

    def __init__(self, *place: Any, sockets: Sockets, **settings: Any) -> None:  # noqa: ANN401 - urllib3's own arguments
        super().__init__(*place, **settings)
        self._sockets = sockets
        self._ends = False

    def _new_conn(self) -> socket:
        """As the base does it, but all addresses of the host share one time: a cancel waits for its end."""
        host, seconds = self._dns_host, self.timeout
        ends = time.monotonic() + seconds
        addresses = self._addresses(host, seconds)
        failure: Exception = NewConnectionError(self, "the host has no address")  # type: ignore[arg-type]
        try:
            for self._dns_host, self.timeout in shares(addresses, ends):
                try:
                    sock: socket = super()._new_conn()  # type: ignore[misc]
                except (NewConnectionError, ConnectTimeoutError) as error:
                    failure = error
                else:
                    sock.settimeout(seconds)
                    return sock
        finally:
            self._dns_host, self.timeout = host, seconds
        raise failure

    def _addresses(self, host: str, seconds: float) -> list[str]:
        """The addresses of the host, in the order in which they are tried; the base would wait for them without an end."""
        try:
            return in_turn(resolve(host, self.port, seconds))
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "the host is not found in time") from error
        except (OSError, ValueError) as error:
            raise NewConnectionError(self, "the host is not found") from error  # type: ignore[arg-type]

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        self._ends = False
        self._sockets.add(self.sock)

    @property
    def is_connected(self) -> bool:
        """Whether the pool may use it once more: not after a 5xx, when a server closes it without saying so."""
        return not self._ends and super().is_connected  # type: ignore[misc]

    def getresponse(self) -> Any:  # noqa: ANN401 - urllib3's own type, passed through
        self._sockets.newest = self.sock
        response = super().getresponse()  # type: ignore[misc]
        self._ends = response.status >= _BROKEN
        return response


class _Connection(_Registered, HTTPConnection):
    """A plain connection."""


class _TLSConnection(_Registered, HTTPSConnection):
    """A TLS connection."""


def _pool(kind: Any, connection: type[_Registered], sockets: Sockets, *place: Any, **context: Any) -> Any:  # noqa: ANN401
    pool = kind(*place, **context)
    pool.ConnectionCls = partial(connection, sockets=sockets)
    return pool


@cache
def _tls(ca_file: str | None = None) -> ssl.SSLContext:
    """A TLS context: the system's certificates (and ``SSL_CERT_FILE``), certifi's, and those of a file."""
    context = ssl.create_default_context()
    context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except OSError:
            raise Unreachable("the file that ca_file names cannot be read now") from None
    return context


class _Adapter(HTTPAdapter):
    """Makes connections that register their sockets, with a shared TLS context."""

    def __init__(self, sockets: Sockets, ca_file: str | None) -> None:
        self._sockets = sockets
        self._ca_file = ca_file
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
            "http": partial(_pool, HTTPConnectionPool, _Connection, self._sockets),
            "https": partial(_pool, HTTPSConnectionPool, _TLSConnection, self._sockets),
        }

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:  # noqa: ANN401
        host, settings = super().build_connection_pool_key_attributes(request, verify, cert)
        if host["scheme"] == "https":
            settings["ssl_context"] = _tls(self._ca_file)
        return host, settings

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:  # noqa: ANN401
        """Leave it to the context: the base would load certifi's file for each connection."""


class _Session(requests.Session):
    """A session that follows no redirect: the base reads a redirect's whole body, of any length."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Always None: :class:`providers.gradio.transport.AppTransport` follows redirects, with bounds."""
        del resp
        return None


def basic_header(name: str, password: str) -> str:
    """The header ``Authorization`` of HTTP Basic (RFC 7617)."""
    return f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"


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
