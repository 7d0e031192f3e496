"""Fetch from an address that a user gave, without letting it reach anything that is not public.

The host is resolved once, every address it has must be public, and the
connection goes to one of exactly these addresses: so neither a redirect nor a
second DNS answer can lead elsewhere.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

from jobs.pictures import BadPicture
from providers import Control

#: Ranges that are not public, or lead to such ranges. The ``ipaddress`` properties miss some (measured on 3.13).
_CLOSED_V4: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16",
        "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24",
        "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",
        "240.0.0.0/4",
    )
)  # fmt: skip
_OPEN_V6: Final = ipaddress.ip_network("2000::/3")
_CLOSED_V6: Final = tuple(
    ipaddress.ip_network(network)
    for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "2620:4f:8000::/48")
)
#: Ports that are asked.
_PORTS: Final = frozenset({443, 8443})
#: Seconds for each step of a fetch.
_STEP_SECONDS: Final = 10.0
_CHUNK: Final = 64 << 10

Resolve = Callable[[str, int], list[str]]


class Refused(BadPicture):
    """The address leads somewhere that this service does not go, or gave nothing usable."""


def is_public(address: str) -> bool:
    """Whether an IP address is a public unicast one."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv4Address):
        return not any(ip in network for network in _CLOSED_V4)
    return ip in _OPEN_V6 and not any(ip in network for network in _CLOSED_V6)


def resolve(host: str, port: int) -> list[str]:
    """All addresses of a host, by the system's resolver."""
    return [str(row[4][0]) for row in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


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
        ports: frozenset[int] = _PORTS,
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
            plain = socket.create_connection((address, port), _STEP_SECONDS)
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
        def shut() -> None:
            # Not SSLSocket.shutdown: that one takes TLS off under a reading thread.
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

        # A peer that sends a byte now and then never runs into a timeout of the socket.
        watch = threading.Timer(self._seconds, shut)
        watch.daemon = True
        watch.start()
        try:
            with control.closing(shut):
                sock.do_handshake()
                data = _ask(sock, host, port, target, limit)
            # A socket that was shut reads like a body that has ended.
            control.check()
            if watch.finished.is_set():
                raise Refused("the picture's address gave no usable answer")
            return data
        finally:
            watch.cancel()

    def _address(self, host: str, port: int) -> str:
        try:
            addresses = self._resolve(host, port)
        except (OSError, UnicodeError):
            raise Refused("the picture's address gave no usable answer") from None
        if not addresses or not all(self._allow(address) for address in addresses):
            raise Refused("the picture's address is not public")
        return addresses[0]


def _parts(url: str, ports: frozenset[int]) -> tuple[str, int, str]:
    try:
        parts = urlsplit(url)
        port = 443 if parts.port is None else parts.port
    except ValueError:
        raise Refused("the picture's address is malformed") from None
    odd = any(character in url for character in "\\ \t\r\n") or "@" in parts.netloc or "%" in parts.netloc
    if parts.scheme != "https" or not parts.hostname or odd or port not in ports:
        raise Refused("give an https address on port 443 or 8443, without user name")
    target = parts.path or "/"
    return parts.hostname, port, f"{target}?{parts.query}" if parts.query else target


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
