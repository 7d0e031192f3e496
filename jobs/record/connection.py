"""The connection to Redis that all parts of a process share: client, clock, scripts, and the check of the database."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar, cast

import redis
from redis.client import Pipeline
from redis.commands.core import Script

from jobs.errors import Contended, StoreUnavailable
from jobs.record import keys
from jobs.record.client import available
from jobs.record.commands import Commands
from jobs.record.identity import DatabaseIdentity
from jobs.record.scripts import source

T = TypeVar("T")

#: Times that an optimistic write is tried when other writers come between.
_TRIES: Final = 20
#: Seconds after which the server's clock is asked again.
_CLOCK_SECONDS: Final = 30.0
#: Longest blocking read in seconds; below the socket timeout of 5 s.
_LONGEST_READ: Final = 4.0

#: The entries of a stream: id and fields.
Entries = Sequence[tuple[bytes, dict[bytes, bytes]]]


class Conflict(Exception):
    """Another writer changed what was read; see :func:`retrying`."""


def retrying(what: str, write: Callable[[], T]) -> T:
    """Call ``write`` again while other writers come between: it raises :class:`Conflict`, or redis-py's WatchError.

    Args:
        what: Names what is written, for the error.
        write: Reads, decides and writes.

    Raises:
        Contended: Other writers came between each time; nothing was written.
    """
    for _ in range(_TRIES):
        try:
            return write()
        except (Conflict, redis.WatchError):
            continue
    raise Contended(f"{what} kept changing")


class Connection:
    """A client and what belongs to it. Safe to use from any thread.

    Args:
        client: Does not decode answers; :func:`jobs.record.client.connect` makes one.
        patience: Seconds for which :meth:`patiently` tries again while Redis is away or takes no writes.
        identity: Knows the right database. In another one jobs are not missing and leases not lost, but the store is
            unavailable. None takes any database for the right one.
    """

    def __init__(self, client: redis.Redis, *, patience: float = 0.0, identity: DatabaseIdentity | None = None) -> None:
        self.client = client
        #: The same client, typed for answers that are not decoded.
        self.redis = cast("Commands", client)
        self._patience = patience
        self._identity = identity
        self._scripts: dict[str, Script] = {}
        self._clock_lock = threading.Lock()
        self._offset = 0.0
        self._asked_at = -_CLOCK_SECONDS

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def now(self) -> float:
        """Unix seconds by the server's clock, to the millisecond; asked twice a minute, and counted on in between."""
        with self._clock_lock:
            if time.monotonic() - self._asked_at >= _CLOCK_SECONDS:
                seconds, micros = self.patiently(self.redis.time)
                self._asked_at = time.monotonic()
                self._offset = seconds + micros / 1e6 - self._asked_at
            return round(time.monotonic() + self._offset, 3)

    def patiently(self, call: Callable[[], T]) -> T:
        """Call, and again while Redis cannot serve, until the patience ends. No socket is held meanwhile.

        Raises:
            StoreUnavailable: Redis could not serve to the end.
        """
        ends = time.monotonic() + self._patience
        pause = 0.05
        while True:
            try:
                with available():
                    return call()
            except StoreUnavailable:
                if time.monotonic() >= ends:
                    raise
            time.sleep(pause)
            pause = min(1.0, pause * 2)

    # -- scripts ---------------------------------------------------------------

    def run(self, script: str, *args: str | bytes | float, keys: Sequence[str] = ()) -> Any:  # noqa: ANN401
        """Run a script of ``jobs/record/scripts``; the script's head says what it takes and answers.

        Raises:
            StoreUnavailable: Redis cannot serve.
        """
        with available():
            return self._script(script)(keys=keys, args=args)

    def queue(self, pipe: Pipeline, script: str, *args: str | bytes | float, keys: Sequence[str] = ()) -> None:
        """Put a script into a pipeline."""
        self._script(script)(keys=keys, args=args, client=pipe)

    def _script(self, name: str) -> Script:
        if name not in self._scripts:
            self._scripts[name] = self.client.register_script(source(name))
        return self._scripts[name]

    # -- reading and writing ---------------------------------------------------

    def read(self, cursors: Mapping[str, str], timeout: float, count: int | None = None) -> dict[str, Entries]:
        """Block until one of the streams has entries after its cursor.

        Args:
            cursors: The last id seen of each stream; ``$`` is its end.
            timeout: Seconds, at most 4.
            count: Most entries of each.

        Returns:
            The new entries of the streams that have some.

        Raises:
            StoreUnavailable: Redis cannot serve.
        """
        with available():
            answer = self.redis.xread(cursors, count=count, block=max(1, int(min(timeout, _LONGEST_READ) * 1000)))
        rows: Iterable[Any] = answer.items() if isinstance(answer, dict) else (answer or [])
        # RESP3 wraps the entries in one more list.
        return {
            bytes(key).decode(): entries[0] if entries and isinstance(entries[0], list) else entries
            for key, entries in rows
        }

    def watching(self, key: str, write: Callable[[Commands, Pipeline], T]) -> T:
        """Read and write in one optimistic transaction, again where ``key`` changed in between.

        Args:
            key: What must not change.
            write: Reads with the first argument, then queues its writes in the second, if any, after ``multi``.

        Raises:
            Contended: It kept changing.
            StoreUnavailable: Redis cannot serve.
        """

        def turn() -> T:
            with available(), self.client.pipeline() as pipe:
                pipe.watch(key)  # type: ignore[no-untyped-call]
                answer = write(cast("Commands", pipe), pipe)
                if len(pipe):
                    pipe.execute()
                return answer

        return retrying(key, turn)

    # -- the right database ----------------------------------------------------

    @property
    def database_id(self) -> str:
        """The right database's id, as scripts compare it; empty where any database is right."""
        return "" if self._identity is None else self._identity.id or self._identity.check()

    def check_database(self) -> None:
        """Look whether this is the right database.

        Raises:
            WrongDatabase: It is another one.
            StoreUnavailable: Redis cannot serve.
        """
        if self._identity is not None:
            self._identity.check()

    def check_writes(self) -> None:
        """Write something that means nothing.

        Raises:
            StoreUnavailable: The server takes no writes, or it is the wrong database.
        """
        self.check_database()
        with available():
            self.redis.set(keys.PROBE, b"1", ex=60)

    def in_right_database(self, run: Callable[[str], list[T]]) -> list[T]:
        """Run a script that compares the database's id with the one that it is given.

        Raises:
            WrongDatabase: It is another one.
            StoreUnavailable: Redis cannot serve.
        """

        def turn() -> list[T]:
            with available():
                answer = run(self.database_id)
            if answer[:1] == [b"elsewhere"] and self._identity is not None:
                # Where the operator has accepted the database meanwhile, this remembers the new id.
                self._identity.check()
                raise Conflict
            return answer

        return retrying("the database", turn)
