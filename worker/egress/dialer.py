"""The only way to a user's address: the host is looked up once, and the connection goes to an address that was checked.

Where a host has several, they are tried one after the other until one answers. Every address of the host must be public,
or one that the operator allows (:mod:`jobs.egress`). So no second DNS answer can lead elsewhere. A redirect is a new address, and is dialed anew.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from functools import partial
from typing import Self

from connecting import in_turn, shares
from jobs.egress import BadAddress, Egress, Target
from providers import Control, Rejected, Unreachable
from resilience import later
from resolving import STEP_SECONDS, Resolve, resolve


class PinnedConnection:
    """A connection for one request; its socket is encrypted as the address wants it."""

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
            http.client.HTTPException, ValueError: The answer is no HTTP.
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
            self._connect(target, ends, control) as plain,
            _TimeLimit(plain, ends - time.monotonic()) as limit,
            control.closing(limit.shut) if control else nullcontext(),
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
            addresses = self._addresses(proxy.host, proxy.port, self._rules.may_proxy)
            return proxy.at(_answering(addresses, proxy.port))
        except OSError:
            raise Unreachable("the proxy could not be reached, or refused") from None

    def _addresses(self, host: str, port: int, may_connect: Callable[[list[str]], bool]) -> list[str]:
        """The checked IP addresses of a host, as they are to be tried; it is looked up here and nowhere else.

        Raises:
            OSError: There is no such host, or it may not be connected to.
        """
        try:
            addresses = in_turn(self._resolve(host, port))
        except ValueError as error:
            raise OSError("no host has such a name, or such an address") from error
        if not may_connect(addresses):
            raise ConnectionRefusedError("no connection to this host is allowed")
        return addresses

    def _connect(self, target: Target, ends: float, control: Control | None) -> socket.socket:
        addresses = self._addresses(target.host, target.port, partial(self._rules.may_connect, target))
        sock = _connected(addresses, target.port, ends, control)[1]
        # Each read may take as long as a step.
        sock.settimeout(min(STEP_SECONDS, max(0.01, ends - time.monotonic())))
        return sock

    def _encrypted(self, plain: socket.socket, target: Target) -> socket.socket:
        """The socket with TLS for https. It has a descriptor of its own, so that ``plain`` can be shut meanwhile."""
        with ExitStack() as on_error:
            copy = on_error.enter_context(plain.dup())
            sock = self._tls.wrap_socket(copy, server_hostname=target.host) if target.scheme == "https" else copy
            on_error.pop_all()
            return sock


def _connected(
    addresses: list[str], port: int, ends: float, control: Control | None = None
) -> tuple[str, socket.socket]:
    """A connection to the first of these addresses that answers, and which one it is; all in the time of one step.

    Raises:
        OSError: None answers.
        Canceled: The control was canceled.
    """
    failure = OSError("the host has no address")
    for address, seconds in shares(addresses, min(ends, time.monotonic() + STEP_SECONDS)):
        if control is not None:
            control.check()
        try:
            return address, socket.create_connection((address, port), seconds)
        except OSError as error:
            failure = error
    raise failure


def _answering(addresses: list[str], port: int) -> str:
    """Which of these addresses to pin: the only one, or the first that answers.

    Raises:
        OSError: None answers.
    """
    if len(addresses) == 1:
        return addresses[0]
    address, sock = _connected(addresses, port, time.monotonic() + STEP_SECONDS)
    sock.close()
    return address


class _TimeLimit:
    """Shuts a socket after some seconds: a peer that sends a byte now and then never runs into its own timeout."""

    def __init__(self, sock: socket.socket, seconds: float) -> None:
        self._sock = sock
        self._seconds = seconds
        self.is_over = False

    def __enter__(self) -> Self:
        self._watch = later("time-limit", self._seconds, self._expire)
        return self

    def __exit__(self, *_: object) -> None:
        self._watch.cancel()

    def shut(self) -> None:
        """End reads and writes now."""
        # Not SSLSocket.shutdown: that one takes TLS off under a reading thread.
        with suppress(OSError):
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    def _expire(self) -> None:
        self.is_over = True
        self.shut()
