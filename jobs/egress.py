"""The rules for addresses that users give. Pure: names are resolved by :mod:`worker.egress.dialer`."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

#: Ports of public servers; networks that the operator allows may be reached on any port.
PORTS: Final = frozenset({443, 8443})
#: The port of plain http, if the operator allows that.
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
#: Parameters that are prose.
_WORDS: Final = frozenset({"prompt", "negative_prompt"})
_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
#: Userinfo without percent signs: parsers differ in what they read in their place (a line end, an "@").
_PROXY: Final = re.compile(
    r"http://(?P<login>[A-Za-z0-9._~!$&'()*+,;=-]+:[A-Za-z0-9._~!$&'()*+,;=-]*@)?"
    r"(?P<host>[A-Za-z0-9._-]+):(?P<port>[0-9]{1,5})/?"
)
_UNUSABLE: Final = re.compile(r"[^!-~]|[\\#]")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def holds_address(name: str, value: object) -> bool:
    """Whether a parameter contains an address, in any part of it. Prompts do not count: they may begin like one."""
    if isinstance(value, dict):
        return any(holds_address(part, inner) for part, inner in value.items())
    if isinstance(value, list | tuple):
        return any(holds_address(name, inner) for inner in value)
    return name not in _WORDS and isinstance(value, str) and value.startswith(("http://", "https://", "data:"))


class BadAddress(ValueError):
    """The address is forbidden or malformed; the text says what to give instead."""


@dataclass(frozen=True, slots=True)
class Target:
    """The parts of an address; ``path`` includes the query."""

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
    """Split an http or https address, and refuse one that two parsers could read differently.

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
    """The parts of a user's proxy; ``login`` as in the address, with its ``@``, or empty."""

    login: str = field(repr=False)
    host: str
    port: int

    def at(self, address: str) -> str:
        """The proxy's address, with an IP address in place of the host."""
        return f"http://{self.login}{f'[{address}]' if ':' in address else address}:{self.port}"


def split_proxy(url: str) -> Proxy:
    """Split a proxy's address: ``http://[name:password@]host:port``.

    Only plain HTTP proxies are supported: the connection to the app is encrypted through them in any case. The one
    library for SOCKS has not been maintained since 2019.

    Raises:
        BadAddress: It is anything else.
    """
    match = _PROXY.fullmatch(url)
    if match is None or not 0 < int(match["port"]) < 65536:
        raise BadAddress("must be http://host:port or http://name:password@host:port")
    return Proxy(match["login"] or "", match["host"].lower(), int(match["port"]))


@dataclass(frozen=True, slots=True)
class Egress:
    """The egress rules: public https servers, and the networks that the operator allows.

    Args:
        allow: Networks that may be reached, also by http and on any port.
        plain: Whether public servers may be reached by http too.
        proxies: Whether users may bring their own proxies.
        ports: The ports of public https servers.
        is_public: Tells public IP addresses; replaced in tests.
    """

    allow: tuple[Network, ...] = ()
    plain: bool = False
    proxies: bool = False
    ports: frozenset[int] = PORTS
    is_public: Callable[[str], bool] = field(default=is_public, repr=False)

    def allows(self, address: str) -> bool:
        """Whether the operator allows a network with this IP address."""
        ip = ipaddress.ip_address(address)
        return any(ip in network for network in self.allow)

    def may_connect(self, target: Target, addresses: list[str]) -> bool:
        """Whether a host with these IP addresses may be reached: one forbidden address is enough to refuse it."""
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
        """Check an address as far as that is possible without resolving its host.

        With allowed networks, names and ports that are usual in private networks pass here; the connection decides.

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
        """Check a user's proxy as far as that is possible without resolving its host.

        Raises:
            BadAddress: Users' proxies are not allowed, or it cannot be a public one.
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
        """Whether a proxy with these IP addresses may be used: one forbidden address is enough to refuse it."""
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
