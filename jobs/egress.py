"""Which addresses a user may send us to. Pure: what a name resolves to is looked up by :mod:`worker.egress.dialer`."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

#: Ports that are asked; what the operator allows may be asked on any.
PORTS: Final = frozenset({443, 8443})
#: The port of plain http, where the operator allows that.
PLAIN_PORT: Final = 80

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
#: Last labels of names that no public DNS has: reserved (RFC 6761, 6762, 7686, 8375), or used in private networks.
_PRIVATE_NAMES: Final = frozenset(
    {"localhost", "local", "internal", "test", "invalid", "onion", "arpa", "svc", "lan", "intranet", "corp", "home"}
)
#: Parameters that are meant to be read.
_WORDS: Final = frozenset({"prompt", "negative_prompt"})
_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
#: Userinfo without percent signs: what they stand for (a line end, an "@") is read differently by different readers.
_PROXY: Final = re.compile(
    r"http://(?P<login>[A-Za-z0-9._~!$&'()*+,;=-]+:[A-Za-z0-9._~!$&'()*+,;=-]*@)?"
    r"(?P<host>[A-Za-z0-9._-]+):(?P<port>[0-9]{1,5})/?"
)
_UNUSABLE: Final = re.compile(r"[^!-~]|[\\#]")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def holds_address(name: str, value: object) -> bool:
    """Whether a parameter says, in any part of it, where something is, not what it is; a prompt may well begin like that."""
    if isinstance(value, dict):
        return any(holds_address(part, inner) for part, inner in value.items())
    if isinstance(value, list | tuple):
        return any(holds_address(name, inner) for inner in value)
    return name not in _WORDS and isinstance(value, str) and value.startswith(("http://", "https://", "data:"))


class BadAddress(ValueError):
    """Nobody is sent to this address; the text says what to give instead."""


@dataclass(frozen=True, slots=True)
class Target:
    """An address taken apart; ``path`` includes the query."""

    scheme: str
    host: str
    port: int
    path: str


def is_public(address: str) -> bool:
    """Whether an IP address is a public unicast one."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv4Address):
        return not any(ip in network for network in _CLOSED_V4)
    return ip in _OPEN_V6 and not any(ip in network for network in _CLOSED_V6)


def split(url: str) -> Target:
    """Take an http or https address apart, so that no two readers can understand it differently.

    Raises:
        BadAddress: It is malformed, or has a user name, a fragment or characters that do not belong there.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BadAddress("is malformed") from None
    if _UNUSABLE.search(url) or "@" in parts.netloc or "%" in parts.netloc:
        raise BadAddress("has a user name, a fragment, or characters that are not allowed in an address")
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise BadAddress("must be an https address")
    path = parts.path or "/"
    usual = 443 if parts.scheme == "https" else 80
    return Target(parts.scheme, parts.hostname, port or usual, f"{path}?{parts.query}" if parts.query else path)


@dataclass(frozen=True, slots=True)
class Proxy:
    """A user's proxy taken apart; ``login`` as it stands in the address, with its ``@``, or empty."""

    login: str = field(repr=False)
    host: str
    port: int

    def at(self, address: str) -> str:
        """The proxy's address with an IP address in the place of its host."""
        return f"http://{self.login}{f'[{address}]' if ':' in address else address}:{self.port}"


def split_proxy(url: str) -> Proxy:
    """Take a proxy's address apart: ``http://[name:password@]host:port``.

    Only plain HTTP proxies: the way to the app is encrypted through them in any case. The one library for SOCKS has
    not been looked after since 2019.

    Raises:
        BadAddress: It is anything else.
    """
    match = _PROXY.fullmatch(url)
    if match is None or not 0 < int(match["port"]) < 65536:
        raise BadAddress("must be http://host:port or http://name:password@host:port")
    return Proxy(match["login"] or "", match["host"].lower(), int(match["port"]))


@dataclass(frozen=True, slots=True)
class Egress:
    """Where users' addresses may lead: to public https servers, and to the networks that the operator named.

    Args:
        allow: These may also be reached by http, and on any port.
        plain: Whether public servers may be reached by http, too.
        proxies: Whether users may bring proxies of their own.
        ports: The ports of public https servers.
        is_public: Tells public IP addresses; replaced in tests.
    """

    allow: tuple[Network, ...] = ()
    plain: bool = False
    proxies: bool = False
    ports: frozenset[int] = PORTS
    is_public: Callable[[str], bool] = field(default=is_public, repr=False)

    def allows(self, address: str) -> bool:
        """Whether the operator named a network with this IP address."""
        ip = ipaddress.ip_address(address)
        return any(ip in network for network in self.allow)

    def may_connect(self, target: Target, addresses: list[str]) -> bool:
        """Whether a host with these IP addresses may be asked: one that may not is enough to refuse it."""
        if not addresses:
            return False
        if all(self.allows(address) for address in addresses):
            return True
        public = all(self.is_public(address) or self.allows(address) for address in addresses)
        return public and self._is_usual(target)

    def _is_usual(self, target: Target) -> bool:
        """Whether scheme and port are those of public servers."""
        if target.scheme == "https":
            return target.port in self.ports
        return self.plain and target.port == PLAIN_PORT

    def check(self, url: str) -> Target:
        """What can be said of an address without looking its host up.

        With an allow list, names and ports that are usual in a private network pass: the connection decides.

        Raises:
            BadAddress: It cannot be that of a public https server.
        """
        target = split(url)
        ip = _literal(target.host)
        if ip is not None:
            if not self.allows(ip):
                raise BadAddress("must have a host name, not an IP address")
            return target
        self._check_name(target.host)
        if not self.allow and not self._is_usual(target):
            raise BadAddress(f"must be an {'http or ' if self.plain else ''}https address on its usual port")
        return target

    def check_proxy(self, url: str) -> Proxy:
        """What can be said of a user's proxy without looking its host up.

        Raises:
            BadAddress: None may be brought, or it cannot be a public one.
        """
        if not self.proxies:
            raise BadAddress("is not allowed: users' proxies are switched off on this server")
        proxy = split_proxy(url)
        ip = _literal(proxy.host)
        if ip is None:
            self._check_name(proxy.host)
        elif not self.allows(ip):
            raise BadAddress("must have a host name, not an IP address")
        return proxy

    def may_proxy(self, addresses: list[str]) -> bool:
        """Whether a proxy with these IP addresses may be connected to: one that may not is enough to refuse it."""
        return bool(addresses) and all(self.is_public(address) or self.allows(address) for address in addresses)

    def _check_name(self, host: str) -> None:
        labels = host.split(".")
        if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels) or labels[-1][0].isdigit():
            raise BadAddress("has a host that is not a DNS name")
        if not self.allow and (len(labels) < 2 or labels[-1] in _PRIVATE_NAMES):
            raise BadAddress("has a host that is not public")


def _literal(host: str) -> str | None:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None
