"""Secrets that are unique, and a search for them in whatever form they may have leaked."""

from __future__ import annotations

import base64
import html
import json
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus


def forms(secret: str) -> dict[str, str]:
    """A secret as it may turn up, by the name of the form; the same text may have several names."""
    data = secret.encode()
    found = {
        "plain": secret,
        "percent": quote(secret, safe=""),
        "plus": quote_plus(secret),
        "json": json.dumps(secret)[1:-1],
        "html": html.escape(secret),
        "hex": data.hex(),
    }
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + data).decode().rstrip("=")
        # Without the characters that also hold bits of what stands before and after it.
        inner = coded[(0, 2, 3)[before] : (before + len(data)) * 8 // 6]
        found[f"base64+{before}"] = inner
        found[f"base64url+{before}"] = inner.replace("+", "-").replace("/", "_")
    return found


def one_of(words: set[bytes]) -> bytes:
    """A pattern for any of these words, the longest that fits.

    What several words begin with is in it once: with a thousand words side by side, each place of a text would be tried
    against each of them, which took 3 s for a megabyte.
    """
    following: dict[int, set[bytes]] = {}
    for word in words - {b""}:
        following.setdefault(word[0], set()).add(word[1:])
    branches = [re.escape(bytes([first])) + one_of(rest) for first, rest in sorted(following.items())]
    if len(branches) == len(words) == 1:
        return branches[0]
    return b"(?:" + b"|".join(branches) + (b")?" if b"" in words else b")") if branches else b""


@dataclass(slots=True)
class Canaries:
    """Named secrets, and the search for them."""

    known: dict[str, str] = field(default_factory=dict)

    def make(self, name: str, form: str = "{}") -> str:
        """A new secret; ``form`` says what stands around its unique part. The search is for that, and for its halves."""
        # With characters between them that URLs, HTML and JSON write in other ways.
        mark = f"{secrets.token_hex(6)}+&{secrets.token_hex(6)}"
        self.known[name] = mark
        return form.replace("{}", mark)

    def add(self, name: str, secret: str) -> None:
        """Take in a secret that somebody else made."""
        assert len(secret) >= 12, f"{name} is too short to be told from other texts"
        self.known[name] = secret

    def without(self, *names: str) -> Canaries:
        """All but these."""
        return Canaries({name: secret for name, secret in self.known.items() if name not in names})

    def leaks(self, evidence: Mapping[str, bytes | Iterable[bytes]]) -> list[str]:
        """Where which of them is found: ``place: name as form``, once each."""
        wanted: dict[bytes, str] = {}
        for name, secret in self.known.items():
            for half in secret.split("+&") if "+&" in secret else ():
                wanted[half.encode().lower()] = f"{name} in part"
            for kind, form in reversed(forms(secret).items()):
                wanted[form.encode().lower()] = f"{name} as {kind}"
        # One pass over megabytes of evidence for all of them; letters of percent and hex forms may be large or small.
        pattern = re.compile(one_of(set(wanted)))
        found = {
            f"{place}: {wanted[match.group()]}": None
            for place, said in evidence.items()
            for piece in ((said,) if isinstance(said, bytes) else said)
            for match in pattern.finditer(piece.lower())
        }
        return list(found)
