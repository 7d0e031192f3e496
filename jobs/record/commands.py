"""The Redis commands that this package uses, with the types that redis-py answers with when it does not decode.

redis-py types every text as ``bytes | str``. Its client is cast to :class:`Commands` once
(:class:`jobs.record.connection.Connection`); https://redis.io/commands documents each command.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from redis.client import Pipeline

Value = bytes | str | int | float


class Strings(Protocol):
    """Commands on any key, and on strings."""

    def get(self, name: str, /) -> bytes | None: ...
    def set(
        self, name: str, value: Value, /, *, ex: int | None = None, px: int | None = None, nx: bool = False
    ) -> bool | None: ...
    def delete(self, *names: str) -> int: ...
    def exists(self, *names: str) -> int: ...


class Hashes(Protocol):
    """Commands on hashes."""

    def hget(self, name: str, key: str, /) -> bytes | None: ...
    def hmget(self, name: str, /, *keys: str | bytes) -> list[bytes | None]: ...
    def hdel(self, name: str, /, *keys: str) -> int: ...
    def hgetall(self, name: str, /) -> dict[bytes, bytes]: ...
    def hkeys(self, name: str, /) -> list[bytes]: ...
    def hlen(self, name: str, /) -> int: ...
    def hset(
        self,
        name: str,
        key: str | None = None,
        value: Value | None = None,
        *,
        mapping: Mapping[str, Value] | None = None,
    ) -> int: ...
    def hsetnx(self, name: str, key: str, value: Value, /) -> bool: ...


class Collections(Protocol):
    """Commands on lists, sets and sorted sets."""

    def lrange(self, name: str, start: int, end: int, /) -> list[bytes]: ...
    def smembers(self, name: str, /) -> set[bytes]: ...
    def zadd(self, name: str, mapping: Mapping[str, float] | Mapping[bytes, float], /, *, xx: bool = False) -> int: ...
    def zrem(self, name: str, /, *values: str | bytes) -> int: ...
    def zrangebyscore(
        self, name: str, min: float | str, max: float | str, /, start: int | None = None, num: int | None = None
    ) -> list[bytes]: ...


class Streams(Protocol):
    """Commands on streams."""

    def xrange(self, name: str, /, min: str = "-", max: str = "+", count: int | None = None) -> Sequence[Any]: ...
    # The shape of the answer depends on the protocol's version; jobs.record.connection.Connection.read makes it one.
    def xread(self, streams: Mapping[str, str], /, count: int | None = None, block: int | None = None) -> Any: ...


class Commands(Strings, Hashes, Collections, Streams, Protocol):
    """A client that does not decode answers."""

    def time(self) -> tuple[int, int]: ...
    def pipeline(self, transaction: bool = True) -> Pipeline: ...
