"""The addresses of a host, one after the other until one answers, in the time of one. Looks no host up."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, zip_longest
from typing import Final

#: Least seconds for one of several addresses: where there are many, the last ones are left out rather than all hurried.
LEAST_SECONDS: Final = 1.5


def in_turn(addresses: Iterable[str]) -> list[str]:
    """Each IP address once, the kinds (4 and 6) in turn, in the resolver's order: a network may have one kind only.

    Raises:
        ValueError: One is no IP address.
    """
    kinds: dict[int, dict[object, str]] = {}
    for address in addresses:
        ip = ipaddress.ip_address(address)
        kinds.setdefault(ip.version, {}).setdefault(ip, address)
    return [
        address for address in chain.from_iterable(zip_longest(*(kind.values() for kind in kinds.values()))) if address
    ]


def shares(addresses: Sequence[str], ends: float) -> Iterator[tuple[str, float]]:
    """Each address, and the seconds for a connection to it; to be read one by one, as each is tried.

    What one leaves of its share goes to those after it. The first is always tried.

    Args:
        addresses: What to connect to.
        ends: When the time for all of them is over, by the monotonic clock.
    """
    for number, address in enumerate(addresses):
        left = ends - time.monotonic()
        if left <= 0 < number:
            return
        yield address, max(0.01, min(left, max(LEAST_SECONDS, left / (len(addresses) - number))))
