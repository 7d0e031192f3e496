"""Fetch from an address that a user gave, without letting it reach anything that is not public.

The host is resolved once, every address it has must be public, and the
connection goes to one of exactly these addresses: so neither a redirect nor a
second DNS answer can lead elsewhere.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import Final

from jobs.egress import PORTS, BadAddress, is_public, split
from jobs.pictures import BadPicture
from providers import Control

#: Seconds for each step of a fetch.
STEP_SECONDS: Final = 10.0
_CHUNK: Final = 64 << 10

Resolve = Callable[[str, int], list[str]]


class Refused(BadPicture):
    """The address leads somewhere that this service does not go, or gave nothing usable."""


def resolve(host: str, port: int) -> list[str]:
    """All addresses of a host, by the system's resolver.

    That one has no time limit of ours: where its servers are silent it is left to itself after :data:`STEP_SECONDS`.

    Raises:
        OSError: There is no such host, or no answer.
    """
    found: SimpleQueue[list[str] | OSError | UnicodeError] = SimpleQueue()

    def look() -> None:
        try:
            found.put([str(row[4][0]) for row in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)])
        except (OSError, UnicodeError) as error:
            found.put(error)

    threading.Thread(target=look, name="resolve", daemon=True).start()
    try:
        answer = found.get(timeout=STEP_SECONDS)
    except Empty:
        raise TimeoutError("the name's servers do not answer") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


class EgressGuard:
    """Fetches public https addresses.

    Args:
        resolver: Looks a host up; replaced in tests.
        allow: Says whether an address may be connected to; replaced in tests.
        ca_certs: Authorities to trust instead of the system's.
        ports: Ports that are asked; replaced in tests.
        seconds: Time for a whole fetch.
    """

    def __init__(
        self,
        resolver: Resolve = resolve,
        allow: Callable[[str], bool] = is_public,
        ca_certs: str | None = None,
        ports: frozenset[int] = PORTS,
        seconds: float = 30.0,
    ) -> None:
        self._resolve = resolver
        self._allow = allow
        self._tls = ssl.create_default_context(cafile=ca_certs)
        self._ports = ports
        self._seconds = seconds

    def fetch(self, url: str, limit: int, control: Control) -> bytes:
        """Get the bytes behind an https address; redirects are not followed.

        Args:
            url: The address.
            limit: Bytes at most.
            control: Ends the fetch when the attempt is canceled.

        Raises:
            Refused: It is not public, did not answer with 200 in time, or is larger than ``limit``.
            Canceled: The attempt was canceled.
        """
        host, port, target = _parts(url, self._ports)
        address = self._address(host, port)
        try:
            plain = socket.create_connection((address, port), STEP_SECONDS)
            # The handshake comes later: by then somebody can shut the socket down.
            with self._tls.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False) as sock:
                return self._read(sock, host, port, target, limit, control)
        except Refused:
            raise
        except (OSError, http.client.HTTPException, ValueError):
            control.check()
            # One text for everything: what differs would tell a stranger what is behind our walls.
            raise Refused("the picture's address gave no usable answer") from None

    def _read(self, sock: ssl.SSLSocket, host: str, port: int, target: str, limit: int, control: Control) -> bytes:
        with time_limit(sock, self._seconds) as limited:
            with control.closing(limited.shut):
                sock.do_handshake()
                data = _ask(sock, host, port, target, limit)
            # A socket that was shut reads like a body that has ended.
            control.check()
            if limited.is_over:
                raise Refused("the picture's address gave no usable answer")
            return data

    def _address(self, host: str, port: int) -> str:
        try:
            addresses = self._resolve(host, port)
        except (OSError, UnicodeError):
            raise Refused("the picture's address gave no usable answer") from None
        if not addresses or not all(self._allow(address) for address in addresses):
            raise Refused("the picture's address is not public")
        return addresses[0]


class TimeLimit:
    """Ends what is done on a socket: a peer that sends a byte now and then never runs into its timeout.

    Args:
        sock: The socket.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.is_over = False

    def shut(self) -> None:
        """End it now."""
        # Not SSLSocket.shutdown: that one takes TLS off under a reading thread.
        with suppress(OSError):
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    def expire(self) -> None:
        """End it since the time is over."""
        self.is_over = True
        self.shut()


@contextmanager
def time_limit(sock: socket.socket, seconds: float) -> Iterator[TimeLimit]:
    """Shut a socket down when the time is over."""
    limited = TimeLimit(sock)
    watch = threading.Timer(seconds, limited.expire)
    watch.daemon = True
    watch.start()
    try:
        yield limited
    finally:
        watch.cancel()


def _parts(url: str, ports: frozenset[int]) -> tuple[str, int, str]:
    try:
        target = split(url)
    except BadAddress:
        raise Refused("the picture's address is malformed") from None
    if target.scheme != "https" or target.port not in ports:
        raise Refused("give an https address on port 443 or 8443, without user name")
    return target.host, target.port, target.path


def _ask(sock: ssl.SSLSocket, host: str, port: int, target: str, limit: int) -> bytes:
    connection = http.client.HTTPSConnection(host, port)
    connection.sock = sock
    headers = {"Accept": "image/png, image/jpeg, image/webp", "Accept-Encoding": "identity", "Connection": "close"}
    connection.request("GET", target, headers=headers)
    with connection.getresponse() as response:
        if response.status != http.HTTPStatus.OK or response.getheader("Content-Encoding", "identity") != "identity":
            raise Refused("the picture's address gave no usable answer")
        pieces: list[bytes] = []
        size = 0
        while piece := response.read1(_CHUNK):
            size += len(piece)
            if size > limit:
                raise Refused(f"the picture is larger than {limit} bytes")
            pieces.append(piece)
        if response.length:
            raise Refused("the picture's address gave no usable answer")
        return b"".join(pieces)
