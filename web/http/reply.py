"""An answer in plain WSGI, the headers that every one carries, and what caches may do with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

#: A client may keep the answer, but asks each time whether it still holds.
PRIVATE: Final = {"Cache-Control": "private, no-cache"}
#: Nothing on the way keeps the answer: it holds a secret, or is asked for to see what is so now.
NO_STORE: Final = {"Cache-Control": "no-store"}

#: Nothing of an API answer is ever active content. Pages set their own policy.
_API_POLICY: Final = "default-src 'none'; frame-ancestors 'none'"

#: What every answer carries, by the name in lower case. A view may set one of them otherwise.
_HEADERS: Final = {
    name.lower(): (name, value)
    for name, value in (
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("X-Frame-Options", "DENY"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Content-Security-Policy", _API_POLICY),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Cache-Control", "private, no-store"),
    )
}


#: Pairs that are the same in many answers: a server needs not look whether they are well formed (web/server/answers.py).
CONSTANT_HEADERS: Final = (
    *_HEADERS.values(), *PRIVATE.items(), *NO_STORE.items(), ("Content-Type", "application/json"),
)  # fmt: skip


class Reply(NamedTuple):
    """An answer: its status, its headers but for the request's own, and its body."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes


def complete(headers: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The headers of an answer with those that every one carries."""
    own = {name.lower() for name, _ in headers}
    return [*headers, *[pair for name, pair in _HEADERS.items() if name not in own]]
