"""Authentication: by API key, or open to this machine until the first key is made."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

from flask import Request

from jobs.access.api_key_store import ApiKeyStore
from jobs.access.api_keys import SCOPES, ApiKey, Scope
from jobs.limits import Limits, limits_of
from jobs.record.identity import DatabaseIdentity
from settings import Bind, SettingsError
from web.http.credentials import BEARER, Credential
from web.http.headers import header
from web.http.problems import Problem
from web.http.signed_links import BadSignature, SignedLinks

_CACHED_KEYS: Final = 1024
#: The owner of jobs in the open mode.
LOCAL_OWNER: Final = "local"

_LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_BAD_LINK: Final = "The link is not good for this address, or not any more."


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller: the owner of jobs, its scopes and limits, and its key's record (None in the open mode)."""

    owner: str
    scopes: tuple[Scope, ...]
    limits: Limits
    key: ApiKey | None = None


class Gate:
    """Authenticates requests.

    Args:
        bind: Where the API listens: the open mode exists on a loopback address only.
        public_url: The address that clients use, where the operator named one.
        identity: Knows the right database: a wrong one has no keys, and would open or close the API to all.
        limits: The limits of keys that have none of their own.
        cache_seconds: How long look-ups are remembered.
    """

    def __init__(
        self,
        keys: ApiKeyStore,
        bind: Bind,
        public_url: str,
        identity: DatabaseIdentity,
        limits: Limits,
        *,
        cache_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = limits
        self._keys = keys
        self._identity = identity
        self._bind = bind
        self._public_host = (urlsplit(public_url).hostname or "") if public_url else ""
        self._found: OrderedDict[bytes, tuple[float, ApiKey | None]] = OrderedDict()
        self._locked: tuple[float, bool] = (0.0, True)
        self._generation = 0
        self._cache_seconds = cache_seconds
        self._clock = clock

    def is_open(self) -> bool:
        """Whether requests need no key."""
        return self._bind.is_loopback and not self._is_locked()

    def forget(self) -> None:
        """Forget all look-ups: keys have changed."""
        self._generation += 1
        self._found.clear()
        self._locked = (0.0, True)

    def caller(self, environ: Mapping[str, Any], scope: Scope, credential: Credential = BEARER) -> Caller:
        """Who asks for a route that needs this scope, and whose clients send their key so.

        Raises:
            Problem: 400, 401 or 403.
            WrongDatabase: This is not the database of the keys.
        """
        self._identity.refuse()
        if self.is_open():
            check_origin(environ)
            return Caller(LOCAL_OWNER, SCOPES, self._limits)
        if header(environ, "Authorization") and header(environ, "X-API-Key"):
            raise Problem("invalid_input", "Send one credential, in the header Authorization.", status=400)
        token = credential.read(environ)
        key = self.find(token) if token else None
        if key is None:
            raise Problem("unauthenticated", credential.advice, headers={"WWW-Authenticate": credential.scheme})
        if scope not in key.scopes:
            raise Problem("forbidden", f"This needs a key with the scope {scope}.")
        limits = limits_of(self._limits, key.limits) if key.limits else self._limits
        return Caller(key.id, key.scopes, limits, key)

    def guest(self, request: Request, signed_links: SignedLinks) -> Caller:
        """The caller with a signed link: it may read one path, as long as who made the link may.

        Raises:
            Problem: 403: the signature is invalid, expired or for another path, or its key may not read any more; the
                answer does not say which.
            WrongDatabase: This is not the database of the keys.
        """
        self._identity.refuse()
        given = request.args.getlist("sig")
        try:
            grant = signed_links.check(given[0] if len(given) == 1 else "", request.path)
        except BadSignature:
            raise Problem("forbidden", _BAD_LINK) from None
        if not self._may_read(grant.owner):
            raise Problem("forbidden", _BAD_LINK)
        return Caller(grant.owner, ("read",), self._limits)

    def _may_read(self, owner: str) -> bool:
        """Whether the key that made a link may still read, or the API is still open where none did."""
        if owner == LOCAL_OWNER:
            return self.is_open()
        key = self._remembered(owner.encode(), lambda: self._keys.get(owner))
        return key is not None and key.revoked_at is None and "read" in key.scopes

    def find(self, token: str) -> ApiKey | None:
        """The record of a valid key; None for any other text."""
        if not token.isascii():
            return None
        # Hashed, so that a dump of this process' memory holds no list of keys.
        return self._remembered(hashlib.sha256(token.encode()).digest(), lambda: self._keys.find(token))

    def _remembered(self, mark: bytes, look_up: Callable[[], ApiKey | None]) -> ApiKey | None:
        """What a look-up gave lately, or gives now."""
        known = self._found.get(mark)
        if known is not None and known[0] > self._clock():
            return known[1]
        generation = self._generation
        key = look_up()
        if key is None:
            self._identity.check()
        if generation != self._generation:
            # Keys changed during this look-up: the result holds for this request alone.
            return key
        self._found[mark] = (self._clock() + self._cache_seconds, key)
        self._found.move_to_end(mark)
        while len(self._found) > _CACHED_KEYS:
            self._found.popitem(last=False)
        return key

    def still_valid(self, caller: Caller, token: str, scope: Scope) -> bool:
        """Whether a caller that opened an event stream a while ago would still be let in."""
        if caller.key is None:
            return self.is_open()
        key = self.find(token)
        return key is not None and scope in key.scopes

    def check_host(self, environ: Mapping[str, Any]) -> None:
        """Refuse a foreign host name: on a loopback address it means DNS rebinding by a page of another site.

        Raises:
            Problem: 400 for a header that is no host, 421 for another host.
        """
        name = host_name(environ.get("HTTP_HOST", ""))
        if not self._bind.is_loopback:
            return
        if name not in _LOOPBACK_NAMES and name != self._public_host and not _is_loopback_address(name):
            raise Problem(
                "misdirected", "Use localhost, or let the operator set DARKROOM_PUBLIC_URL to the name that you use."
            )

    def _is_locked(self) -> bool:
        until, answer = self._locked
        if until <= self._clock():
            generation = self._generation
            answer = self._keys.locked()
            if not answer:
                self._identity.check()
            if generation == self._generation:
                self._locked = (self._clock() + self._cache_seconds, answer)
        return answer


@lru_cache(maxsize=256)
def host_name(given: str) -> str:
    """The name in a Host header, in lower case, an IPv6 address in brackets.

    Raises:
        Problem: The header is missing or malformed.
    """
    name, port = given, ""
    if given.startswith("["):
        name, bracket, port = given.partition("]")
        name, port = name + bracket, port.removeprefix(":") if port.startswith(":") else port
    elif ":" in given:
        name, _, port = given.partition(":")
    well_formed = name and name.startswith("[") == name.endswith("]")
    well_formed = well_formed and (not port or (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536))
    if not well_formed or len(given) > 260 or any(char in name for char in "/\\@?# \t"):
        raise Problem("invalid_input", "The header Host is malformed.", status=400)
    return name.lower()


def check_origin(environ: Mapping[str, Any]) -> None:
    """Refuse a request that a page of another site made a browser send.

    Raises:
        Problem: 403.
    """
    origin = header(environ, "Origin")
    foreign = origin != "" and origin != f"{environ['wsgi.url_scheme']}://{environ.get('HTTP_HOST', '')}"
    site = header(environ, "Sec-Fetch-Site") or "none"
    if site not in {"none", "same-origin"}:
        # Following a link to a page of ours is no harm.
        foreign |= (
            environ["REQUEST_METHOD"].upper() not in _SAFE_METHODS or header(environ, "Sec-Fetch-Mode") != "navigate"
        )
    if foreign:
        raise Problem(
            "forbidden", "Pages of other sites need a key to use this API; `darkroom keys create NAME` makes one."
        )


def refuse_open_bind(keys: ApiKeyStore, bind: Bind) -> None:
    """Refuse to start without a key on an address that the network can reach.

    Raises:
        SettingsError: The address is not a loopback one and there is no key.
    """
    if not bind.is_loopback and not keys.any():
        raise SettingsError(
            f"DARKROOM_BIND={bind} can be reached from other machines, and there is no API key yet."
            " Make one first: darkroom keys create NAME"
        )


def _is_loopback_address(name: str) -> bool:
    parts = name.split(".")
    return len(parts) == 4 and parts[0] == "127" and all(part.isdigit() for part in parts)
