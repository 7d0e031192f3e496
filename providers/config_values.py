"""Checks of single values of the configuration. Each returns the value or raises ValueError, which says what to give."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit


def web_url(value: object) -> str:
    """An http or https address without user name, query and fragment; without a slash at its end."""
    wanted = "give an http or https address such as http://192.168.1.5:7860"
    if not isinstance(value, str):
        raise ValueError(wanted)  # noqa: TRY004 - one type for every wrong value
    try:
        parts = urlsplit(value)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        raise ValueError(wanted) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or not has_port or any(c <= " " for c in value):
        raise ValueError(wanted)
    if parts.username is not None or parts.password is not None:
        raise ValueError('leave user name and password out of the address; use login = ["name", "password"]')
    if parts.query or parts.fragment:
        raise ValueError("leave query and fragment out of the address")
    return value.rstrip("/")


def text(value: object) -> str:
    """A text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError("give a text")
    return value.strip()


def any_text(value: object) -> str:
    """A text, which may be empty."""
    if not isinstance(value, str):
        raise ValueError("give a text; an empty one switches it off")  # noqa: TRY004 - see web_url
    return value.strip()


def flag(value: object) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise ValueError("give true or false")  # noqa: TRY004 - see web_url
    return value


def count(value: object) -> int:
    """A whole number of at least 1."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError("give a whole number of at least 1")
    return value


def seconds(value: object) -> float:
    """A time in seconds, of at most a day."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= 86_400:
        raise ValueError("give seconds, above 0 and at most 86400")
    return float(value)


def login(value: object) -> tuple[str, str]:
    """A user name and a password."""
    if not isinstance(value, list) or len(value) != 2 or not all(isinstance(part, str) for part in value):
        raise ValueError('give ["user name", "password"]')
    return value[0], value[1]


def numbers(value: object) -> dict[str, float]:
    """A table of numbers above 0."""
    if not isinstance(value, dict):
        raise ValueError("give a table, such as { read = 120 }")  # noqa: TRY004 - see web_url
    for key, number in value.items():
        if not isinstance(number, int | float) or isinstance(number, bool) or number <= 0:
            raise ValueError(f"{key} must be a number above 0")
    return value


#: Keys that every provider takes. All others belong to its driver.
COMMON_KEYS: Final[Mapping[str, Callable[[object], object]]] = {
    "driver": text,
    "label": text,
    "url": web_url,
    "space": any_text,
    "enabled": flag,
    "working": flag,
    "concurrency": count,
    "timeout_seconds": seconds,
    "login": login,
    "limits": numbers,
}
