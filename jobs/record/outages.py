"""One error for a server that cannot serve: what it can refuse with that means "not now", and what each means.

One table, for Redis 6.2 to 8 and Valkey. An answer that says none of it is a mistake of ours, and stays one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from types import MappingProxyType, TracebackType
from typing import Final

import redis
from redis import exceptions

from jobs.errors import StoreFull, StoreUnavailable

#: The word of a server whose memory is full. It still takes what frees memory.
FULL: Final = "OOM"

#: Words that end by themselves, or with the fault of a machine.
_PASSING: Final = {
    "BUSY": "another client's script runs for too long",
    "CLUSTERDOWN": "its cluster is down",
    "LOADING": "it loads its data",
    "MASTERDOWN": "it is a replica without its primary",
    "MAXCLIENTS": "it has as many clients as it takes",
    "MISCONF": "it cannot save to its disk",
    "NOREPLICAS": "it has fewer replicas than it must have",
    "NOSCRIPT": "its scripts were dropped in this moment",
    FULL: "its memory is full",
    "READONLY": "it is a replica",
    "TRYAGAIN": "its cluster moves keys",
    "UNBLOCKED": "it became a replica",
    "UNKILLABLE": "another client's script runs for too long",
}
#: Words that only the operator ends.
_OPERATORS: Final = {
    "ASK": "it is part of a cluster, which Darkroom cannot use",
    "DENIED": "it is in protected mode: give it a password",
    "MOVED": "it is part of a cluster, which Darkroom cannot use",
    "NOAUTH": "it wants a password: set it in DARKROOM_REDIS_URL",
    "NOPERM": "the user in DARKROOM_REDIS_URL lacks a permission",
    "WRONGPASS": "it takes neither user nor password of DARKROOM_REDIS_URL",
}
#: Each word, and what it means.
WORDS: Final[Mapping[str, str]] = MappingProxyType({**_PASSING, **_OPERATORS})

#: redis-py takes these words off the text.
_CLASSES: Final[tuple[tuple[type[redis.RedisError], str], ...]] = (
    (exceptions.BusyLoadingError, "LOADING"),
    (exceptions.MasterDownError, "MASTERDOWN"),
    (exceptions.ClusterDownError, "CLUSTERDOWN"),
    (exceptions.ReadOnlyError, "READONLY"),
    (exceptions.OutOfMemoryError, FULL),
    (exceptions.TryAgainError, "TRYAGAIN"),
    (exceptions.NoPermissionError, "NOPERM"),
    (exceptions.NoScriptError, "NOSCRIPT"),
    (exceptions.MovedError, "MOVED"),
    (exceptions.AskError, "ASK"),
)
#: Answers that begin with no word of their own (``ERR``), by a part of their text.
_TEXTS: Final = (
    ("max number of clients", "MAXCLIENTS"),
    # Inside a script, and with Redis 6.2 everywhere.
    ("The user executing the script can't", "NOPERM"),
    ("ACL failure in script", "NOPERM"),
)
#: What redis-py puts in front of the answer to one command of several. The command may hold a user's text.
_PIPED: Final = " of pipeline caused error: "
#: What stands before the word: of what ended a script of Redis 6.2, or a transaction.
_BEFORE: Final = re.compile(
    r"\A(?:ERR )?(?:Error running script \(call to \w+\): @\w+:\s?\d+: (?:@\w+:\s?\d+: )?"
    r"|(?:EXECABORT )?Transaction discarded because of: )?-?"
)
_WORD: Final = re.compile(r"[A-Z]+\b")


class _Available:
    """Of one class and not of a generator, which costs four times as much: every command goes through it."""

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, redis.RedisError) and (unavailable := unavailability(error)) is not None:
            raise unavailable from error


_AVAILABLE: Final = _Available()


def available() -> AbstractContextManager[None]:
    """Raise :class:`jobs.errors.StoreUnavailable` for every way in which Redis says that it cannot serve."""
    return _AVAILABLE


def unavailability(error: redis.RedisError) -> StoreUnavailable | None:
    """What an error of redis-py means, if it means "not now": else None, and it is a mistake of ours."""
    word = word_of(error)
    if word is not None:
        kind = StoreFull if word == FULL else StoreUnavailable
        return kind(f"the job store cannot serve: {WORDS[word]} ({word})")
    if isinstance(error, (redis.ConnectionError, redis.TimeoutError)):
        return StoreUnavailable(f"the job store cannot be reached ({type(error).__name__})")
    return None


def word_of(error: redis.RedisError) -> str | None:
    """The word of :data:`WORDS` that an error says; None: it says none of them."""
    for kind, word in _CLASSES:
        if isinstance(error, kind):
            return word
    text = _BEFORE.sub("", str(error).rpartition(_PIPED)[2])
    for part, word in _TEXTS:
        if text.startswith(part):
            return word
    if isinstance(error, exceptions.AuthenticationError):
        return "NOAUTH" if "required" in text or text.startswith("HELLO") else "WRONGPASS"
    found = _WORD.match(text)
    return found[0] if found is not None and found[0] in WORDS else None
