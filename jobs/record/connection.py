"""The connection to Redis that all parts of a process share: client, clock, scripts, and the check of the database."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar, cast

import redis
from redis.backoff import NoBackoff
from redis.client import Pipeline
from redis.commands.core import Script
from redis.retry import Retry

from jobs.errors import Contended, StoreFull, StoreUnavailable
from jobs.record import keys
from jobs.record.commands import Commands
from jobs.record.identity import DatabaseIdentity
from jobs.record.memory import Memory
from jobs.record.outages import available
from jobs.record.script_calls import ScriptCalls
from jobs.record.script_loader import source

T = TypeVar("T")

#: Times that an optimistic write is tried when other writers come between.
_TRIES: Final = 20
#: Seconds after which the server's clock is asked again.
_CLOCK_SECONDS: Final = 30.0
#: How often it is asked at most, until an answer is quick; and a round trip in seconds that is.
_CLOCK_ASKED: Final = 3
_QUICK_SECONDS: Final = 0.005
#: Longest blocking read in seconds; below the socket timeout of 5 s.
_LONGEST_READ: Final = 4.0

#: The entries of a stream: id and fields.
Entries = Sequence[tuple[bytes, dict[bytes, bytes]]]


def connect(url: str, *, connections: int = 64, **options: Any) -> redis.Redis:  # noqa: ANN401 - redis-py's own options
    """Connect with a timeout on everything, so that a half-open connection cannot hang a process.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``.
        connections: Most sockets at once, for any number of threads; a thread that finds none free waits for one.
        **options: For redis-py's connection pool.
    """
    pool = redis.BlockingConnectionPool.from_url(
        url,
        max_connections=connections,
        timeout=10.0,
        socket_timeout=5.0,
        socket_connect_timeout=5.0,
        socket_keepalive=True,
        health_check_interval=15,
        # Once more at once: a pooled connection may have died unnoticed. Longer outages are the caller's business.
        retry=Retry(NoBackoff(), 1),
        **options,
    )
    return redis.Redis.from_pool(pool)


class Conflict(Exception):
    """Another writer changed what was read; see :func:`retrying`."""


def retrying(what: str, write: Callable[[], T]) -> T:
    """Call ``write`` again while other writers come between: it raises :class:`Conflict`, or redis-py's WatchError.

    ``what`` names what is written, for the error.

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

    All that asks Redis raises :class:`jobs.errors.StoreUnavailable` while it cannot serve.

    Args:
        client: Does not decode answers; :func:`connect` makes one.
        patience: Seconds for which :meth:`patiently` tries again while Redis is away or takes no writes.
        identity: Knows the right database. In another one jobs are not missing and leases not lost, but the store is
            unavailable. None takes any database for the right one.
    """

    def __init__(self, client: redis.Redis, *, patience: float = 0.0, identity: DatabaseIdentity | None = None) -> None:
        self.client = client
        #: The same client, typed for answers that are not decoded.
        self.redis = cast("Commands", client)
        #: How full the server is.
        self.memory = Memory(client)
        self._patience = patience
        self._identity = identity
        self._scripts: dict[str, Script] = {}
        self._calls = ScriptCalls(client)
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
                self._offset = self.clock_offset()
                self._asked_at = time.monotonic()
            return round(time.monotonic() + self._offset, 3)

    def clock_offset(self) -> float:
        """Seconds by which the server's clock is ahead of this process' monotonic one, asked now.

        The server read its clock in the middle of the round trip, as far as is known: the quicker, the surer.
        """
        found: list[tuple[float, float]] = []
        for _ in range(_CLOCK_ASKED):
            before = time.monotonic()
            seconds, micros = self.patiently(self.redis.time)
            after = time.monotonic()
            found.append((after - before, seconds + micros / 1e6 - (before + after) / 2))
            if after - before < _QUICK_SECONDS:
                break
        return min(found)[1]

    def patiently(self, call: Callable[[], T], *, unless: tuple[type[StoreUnavailable], ...] = ()) -> T:
        """Call, and again while Redis cannot serve, until the patience ends. No socket is held meanwhile.

        The errors ``unless`` are not waited through.

        Raises:
            StoreUnavailable: Redis could not serve to the end.
        """
        ends = time.monotonic() + self._patience
        pause = 0.05
        while True:
            try:
                with available():
                    return call()
            except StoreUnavailable as error:
                if time.monotonic() >= ends or isinstance(error, unless):
                    raise
            time.sleep(pause)
            pause = min(1.0, pause * 2)

    # -- scripts ---------------------------------------------------------------

    def run(self, script: str, *args: str | bytes | float, keys: Sequence[str] = ()) -> Any:  # noqa: ANN401
        """Run a script of ``jobs/record/scripts``; the script's head says what it takes and answers."""
        with available():
            return self._calls.run(self._script(script), keys, args)

    def run_each(self, script: str, calls: Sequence[Sequence[str | bytes | float]]) -> list[Any]:
        """Run a script that only reads, and takes no keys, with several arguments, in one round trip."""
        with available():
            return self._calls.run_each(self._script(script), [((), args) for args in calls]) if calls else []

    def ask_each(self, commands: Sequence[Sequence[str | bytes | float]]) -> list[Any]:
        """Send several commands that only read, in one round trip."""
        with available():
            return self._calls.ask_each(commands) if commands else []

    def queue(self, pipe: Pipeline, script: str, *args: str | bytes | float, keys: Sequence[str] = ()) -> None:
        """Put a script into a pipeline."""
        self._script(script)(keys=keys, args=args, client=pipe)

    def _script(self, name: str) -> Script:
        if name not in self._scripts:
            self._scripts[name] = self.client.register_script(source(name))
        return self._scripts[name]

    # -- reading and writing ---------------------------------------------------

    def read(self, cursors: Mapping[str, str], timeout: float, count: int | None = None) -> dict[str, Entries]:
        """Block until one of the streams has entries after its cursor (``$`` is its end), for 4 seconds at most.

        Returns:
            The new entries of the streams that have some.
        """
        block = max(1, int(min(timeout, _LONGEST_READ) * 1000))
        most = () if count is None else ("COUNT", count)
        # In one piece: redis-py packs the names of many streams slowly, and sends them in several.
        answer = self.ask_each([("XREAD", *most, "BLOCK", block, "STREAMS", *cursors, *cursors.values())])[0]
        rows: Iterable[Any] = answer.items() if isinstance(answer, dict) else (answer or [])
        return {
            bytes(key).decode(): [
                (entry_id, dict(zip(fields[::2], fields[1::2], strict=True))) for entry_id, fields in entries
            ]
            for key, entries in rows
        }

    def watching(self, key: str, write: Callable[[Commands, Pipeline], T]) -> T:
        """Read and write in one optimistic transaction, again where ``key`` changed in between.

        ``write`` reads with the first argument, then queues its writes in the second, if any, after ``multi``.

        Raises:
            Contended: It kept changing.
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
        """
        if self._identity is not None:
            self._identity.check()

    def check_writes(self) -> None:
        """Write something that means nothing.

        Raises:
            StoreFull: The server's memory is full.
            StoreUnavailable: The server takes no writes, or it is the wrong database.
        """
        self.check_database()
        with available():
            self.redis.set(keys.PROBE, b"1", ex=60)

    def has_room(self) -> bool:
        """Whether the server takes all writes; False: its memory is full, and it only takes what frees memory.

        Raises:
            StoreUnavailable: It takes no writes at all, or it is the wrong database.
        """
        try:
            self.check_writes()
        except StoreFull:
            return False
        return True

    def in_right_database(self, run: Callable[[str], list[T]]) -> list[T]:
        """Run a script that compares the database's id with the one that it is given.

        Raises:
            WrongDatabase: It is another one.
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
