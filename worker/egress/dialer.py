"""The only way to a user's address: the host is looked up once, and the connection goes to an address that was checked.

Every address of the host must be public, or one that the operator allows (:mod:`jobs.egress`). So no second DNS answer
can lead elsewhere. A redirect is a new address, and is dialed anew.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from functools import partial

from jobs.egress import BadAddress, Egress, Target
from providers import Control
from providers.errors import Rejected, Unreachable
from worker.egress.resolver import STEP_SECONDS, Resolve, resolve


class PinnedConnection:
    """A connection for one request.

    Args:
        sock: Encrypted as the address wants it.
        target: The address.
        limit: Shuts the socket when its time is over.
    """

    def __init__(self, sock: socket.socket, target: Target, limit: _TimeLimit) -> None:
        kind = http.client.HTTPSConnection if target.scheme == "https" else http.client.HTTPConnection
        self._http = kind(target.host, target.port)
        self._http.sock = sock
        self._path = target.path
        self._limit = limit

    @property
    def is_late(self) -> bool:
        """Whether the time is over. A socket that was shut reads like an answer that has ended."""
        return self._limit.is_over

    def ask(self, method: str, headers: Mapping[str, str], body: bytes | None = None) -> http.client.HTTPResponse:
        """Send the request; the answer's head.

        Raises:
            OSError: The connection broke.
            http.client.HTTPException: The answer is no HTTP.
            ValueError: The answer is no HTTP.
        """
        fixed = {"Accept-Encoding": "identity", "Connection": "close"}
        self._http.request(method, self._path, body, {**fixed, **headers})
        return self._http.getresponse()


class Dialer:
    """Opens connections to users' addresses, and pins users' proxies. Reads no proxy from the environment.

    Args:
        rules: Where connections may go.
        resolver: Looks a host up; replaced in tests.
        ca_certs: A file of authorities to trust instead of the system's.
    """

    def __init__(self, rules: Egress, resolver: Resolve = resolve, ca_certs: str | None = None) -> None:
        self._rules = rules
        self._resolve = resolver
        self._tls = ssl.create_default_context(cafile=ca_certs)

    @contextmanager
    def open(self, url: str, ends: float, control: Control | None = None) -> Iterator[PinnedConnection]:
        """A connection to an address, shut when the time is over.

        Args:
            url: The address, as the user gave it.
            ends: When the time is over, by the monotonic clock.
            control: Shuts the connection when it is canceled.

        Raises:
            BadAddress: The address may not be asked.
            ssl.SSLError: The server's certificate or TLS failed.
            OSError: There is no connection, or none is allowed.
            Canceled: The control was canceled.
        """
        target = self._rules.check(url)
        with (
            self._connect(target, ends) as plain,
            _time_limit(plain, ends - time.monotonic()) as limit,
            _closing(control, limit.shut),
            self._encrypted(plain, target) as sock,
        ):
            yield PinnedConnection(sock, target, limit)

    def proxy(self, url: str) -> str:
        """A user's proxy with one of its checked addresses in place of its host, so that no library looks it up again.

        Raises:
            Rejected: The proxy may not be used.
            Unreachable: There is no such host, or it is not public.
        """
        try:
            proxy = self._rules.check_proxy(url)
        except BadAddress as error:
            raise Rejected(f"the proxy {error}") from None
        try:
            return proxy.at(self._pin(proxy.host, proxy.port, self._rules.may_proxy))
        except OSError:
            raise Unreachable("the proxy could not be reached, or refused") from None

    def _pin(self, host: str, port: int, may_connect: Callable[[list[str]], bool]) -> str:
        """The IP address for a host; the host is looked up here and nowhere else.

        Raises:
            OSError: There is no such host, or it may not be connected to.
        """
        try:
            addresses = self._resolve(host, port)
        except UnicodeError as error:
            raise OSError("no host has such a name") from error
        if not may_connect(addresses):
            raise ConnectionRefusedError("no connection to this host is allowed")
        return addresses[0]

    def _connect(self, target: Target, ends: float) -> socket.socket:
        address = self._pin(target.host, target.port, partial(self._rules.may_connect, target))
        seconds = min(STEP_SECONDS, max(0.01, ends - time.monotonic()))
        return socket.create_connection((address, target.port), seconds)

    def _encrypted(self, plain: socket.socket, target: Target) -> socket.socket:
        """The socket with TLS for https. It has a descriptor of its own, so that ``plain`` can be shut meanwhile."""
        with ExitStack() as on_error:
            copy = on_error.enter_context(plain.dup())
            sock = self._tls.wrap_socket(copy, server_hostname=target.host) if target.scheme == "https" else copy
            on_error.pop_all()
            return sock


def _closing(control: Control | None, shut: Callable[[], None]) -> AbstractContextManager[None]:
    return nullcontext() if control is None else control.closing(shut)


class _TimeLimit:
    """Shuts a socket: a peer that sends a byte now and then never runs into the socket's own timeout."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.is_over = False

    def shut(self) -> None:
        """End reads and writes now."""
        # Not SSLSocket.shutdown: that one takes TLS off under a reading thread.
        with suppress(OSError):
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    def expire(self) -> None:
        """End them since the time is over."""
        self.is_over = True
        self.shut()


@contextmanager
def _time_limit(sock: socket.socket, seconds: float) -> Iterator[_TimeLimit]:
    """Shut a socket when the time is over."""
    limit = _TimeLimit(sock)
    watch = threading.Timer(seconds, limit.expire)
    watch.daemon = True
    watch.start()
    try:
        yield limit
    finally:
        watch.cancel()
