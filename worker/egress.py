"""Fetch from an address that a user gave, without letting it reach anything that is not public.

The host is resolved once, every address it has must be public, and the
connection goes to one of exactly these addresses: so neither a redirect nor a
second DNS answer can lead elsewhere.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

import urllib3
from urllib3.util import Timeout

from jobs.pictures import BadPicture

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
#: Seconds for a whole fetch, and for each step of it.
_TOTAL_SECONDS: Final = 30.0
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
    """

    def __init__(
        self, resolver: Resolve = resolve, allow: Callable[[str], bool] = is_public, ca_certs: str | None = None
    ) -> None:
        self._resolve = resolver
        self._allow = allow
        self._ca_certs = ca_certs

    def fetch(self, url: str, limit: int) -> bytes:
        """Get the bytes behind an https address; redirects are not followed.

        Args:
            url: The address.
            limit: Bytes at most.

        Raises:
            Refused: It is not public, did not answer with 200 in time, or is larger than ``limit``.
        """
        host, port, target = _parts(url)
        address = self._address(host, port)
        pool = urllib3.HTTPSConnectionPool(
            address,
            port,
            server_hostname=host,
            assert_hostname=host,
            timeout=Timeout(connect=_STEP_SECONDS, read=_STEP_SECONDS),
            retries=False,
            maxsize=1,
            ca_certs=self._ca_certs,
        )
        try:
            return _read(pool, host if port == 443 else f"{host}:{port}", target, limit)
        except (urllib3.exceptions.HTTPError, OSError):
            # One text for everything: what differs would tell a stranger what is behind our walls.
            raise Refused("the picture's address gave no usable answer") from None
        finally:
            pool.close()

    def _address(self, host: str, port: int) -> str:
        try:
            addresses = self._resolve(host, port)
        except (OSError, UnicodeError):
            raise Refused("the picture's address gave no usable answer") from None
        if not addresses or not all(self._allow(address) for address in addresses):
            raise Refused("the picture's address is not public")
        return addresses[0]


def _parts(url: str) -> tuple[str, int, str]:
    try:
        parts = urlsplit(url)
        port = 443 if parts.port is None else parts.port
    except ValueError:
        raise Refused("the picture's address is malformed") from None
    odd = any(character in url for character in "\\ \t\r\n") or "@" in parts.netloc or "%" in parts.netloc
    if parts.scheme != "https" or not parts.hostname or odd or port not in _PORTS:
        raise Refused("give an https address on port 443 or 8443, without user name")
    target = parts.path or "/"
    return parts.hostname, port, f"{target}?{parts.query}" if parts.query else target


def _read(pool: urllib3.HTTPSConnectionPool, host: str, target: str, limit: int) -> bytes:
    ends = time.monotonic() + _TOTAL_SECONDS
    headers = {"Host": host, "Accept": "image/png, image/jpeg, image/webp", "Accept-Encoding": "identity"}
    response: Any = pool.request("GET", target, headers=headers, redirect=False, preload_content=False)
    try:
        if response.status != 200 or response.headers.get("Content-Encoding", "identity") != "identity":
            raise Refused("the picture's address gave no usable answer")
        pieces: list[bytes] = []
        size = 0
        while piece := response.read1(_CHUNK):
            size += len(piece)
            if size > limit:
                raise Refused(f"the picture is larger than {limit} bytes")
            if time.monotonic() > ends:
                raise Refused("the picture's address gave no usable answer")
            pieces.append(piece)
        return b"".join(pieces)
    finally:
        response.close()
