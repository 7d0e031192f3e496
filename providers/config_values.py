"""Checks of single values of the configuration. Each returns the value or raises ValueError, which says what to give."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from providers import config_secrets

Reader = Callable[[object], Any]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def reader(kind: object, wanted: str) -> Reader:
    """Reads a value of a type that msgspec knows; anything else is a ValueError with the text ``wanted``."""

    def read(value: object) -> Any:  # noqa: ANN401 - the type of ``kind``
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError:
            raise ValueError(wanted) from None

    return read


def one_of(*choices: str) -> Reader:
    """Reads one of these texts."""

    def read(value: object) -> object:
        if value not in choices:
            raise ValueError(f"give one of {', '.join(choices)}")
        return value

    return read


def read_table(table: Mapping[str, object], keys: Mapping[str, Reader]) -> dict[str, Any]:
    """The values of a table; a ValueError names the key.

    Args:
        table: As TOML gives it.
        keys: Reads the value of each key; another key is an error.
    """
    for key in table:
        if key not in keys:
            raise ValueError(f"{key} is unknown; known here: {', '.join(keys)}")
    found = {}
    for key, value in table.items():
        try:
            found[key] = keys[key](value)
        except ValueError as error:
            raise ValueError(f"{key}: {error}") from error
    return found


flag: Final = reader(bool, "give true or false")
_text: Final = reader(Annotated[str, Meta(pattern=r"\S")], "give a text")
_any_text: Final = reader(str, "give a text; an empty one switches it off")
_networks: Final = reader(list[str], 'give a list of networks, such as ["10.1.0.0/16"]')
_table: Final = reader(dict[str, object], "give a table, such as { read = 120 }")


def web_url(value: object) -> str:
    """An http or https address without user name, query and fragment; without a slash at its end."""
    wanted = "give an http or https address such as http://192.168.1.5:7860"
    address: str = reader(str, wanted)(value)
    try:
        parts = urlsplit(address)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        raise ValueError(wanted) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or not has_port or any(c <= " " for c in address):
        raise ValueError(wanted)
    if parts.username is not None or parts.password is not None:
        raise ValueError('leave user name and password out of the address; use login = ["name", "password"]')
    if parts.query or parts.fragment:
        raise ValueError("leave query and fragment out of the address")
    return address.rstrip("/")


_SPACE: Final = re.compile(r"[\w.-]{1,96}/[\w.-]{1,96}", re.ASCII)
_PAGE: Final = re.compile(rf"https?://[^/]+/spaces/({_SPACE.pattern})(?:[/?#].*)?", re.ASCII)


def space_id(value: object) -> str:
    """The id of a Space, such as ``owner/name``, from that or from the address of its page; empty if it has none."""
    given = _any_text(value).strip()
    page = _PAGE.fullmatch(given)
    found = page[1] if page else given
    if found and not _SPACE.fullmatch(found):
        raise ValueError('give its id, such as "owner/name", or the address of its page on the Hub')
    return found


def networks(value: object) -> tuple[Network, ...]:
    """A list of IP networks."""
    return tuple(ipaddress.ip_network(entry) for entry in _networks(value))


def numbers(value: object) -> dict[str, float]:
    """A table of numbers above 0."""
    keys = _table(value)
    return read_table(keys, dict.fromkeys(keys, reader(Annotated[float, Meta(gt=0)], "give a number above 0")))


#: Keys that every provider takes. All others belong to its driver.
COMMON_KEYS: Final[Mapping[str, Reader]] = {
    "driver": lambda value: _text(value).strip(),
    "label": lambda value: _text(value).strip(),
    "url": web_url,
    "space": space_id,
    "enabled": flag,
    "working": flag,
    "concurrency": reader(Annotated[int, Meta(ge=1)], "give a whole number of at least 1"),
    "timeout_seconds": reader(Annotated[float, Meta(gt=0, le=86_400)], "give seconds, above 0 and at most 86400"),
    "login": config_secrets.name_and_password,
    "basic": config_secrets.name_and_password,
    "token": config_secrets.header_value,
    "headers": config_secrets.headers,
    "ca_file": config_secrets.certificates,
    "limits": numbers,
}
