"""Whether the database is still the one that holds this installation's jobs.

The database carries an id, ``dr:epoch``, made once. Every process remembers
it, in memory and in its data directory. Where the database comes back without
it (emptied, restarted without its file, another server), the store counts as
unavailable: nothing is taken, sent, repaired or judged until the right
database is back, or until the operator gives the jobs up that it held
(:meth:`DatabaseIdentity.accept`, ``darkroom accept-database``).

Only the scheduler gives an empty database its id, and only where it remembers
no other: a web process on a new machine remembers nothing, and would take a
database that was just emptied for a fresh one.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal, cast

import redis

from jobs.errors import StoreUnavailable, WrongDatabase
from jobs.record import keys
from jobs.record.client import available
from jobs.record.commands import Commands

log = logging.getLogger(__name__)

#: Seconds between two looks of a process that only serves requests.
LOOK_SECONDS: Final = 1.0

#: ``right``; ``new`` to this process, which remembers none; ``successor`` of the one that the operator gave up;
#: ``unnamed``: neither has an id; ``emptied``: it lost its id; ``another``: it has a different one.
Verdict = Literal["right", "new", "successor", "unnamed", "emptied", "another"]

_REMEDY: Final = (
    "Nothing is taken or run until the right one is back; then everything goes on."
    " `darkroom accept-database` gives up what it held and goes on with this one"
)
#: What to say of a database that must not be used.
WRONG: Final[Mapping[Verdict, str]] = {
    "emptied": f"the database lost all jobs and keys: it was emptied, lost its file, or is a new server. {_REMEDY}",
    "another": f"the database is not the one that holds this installation's jobs. {_REMEDY}",
}
_UNNAMED: Final = "the database is new and has no id yet: the scheduler gives it one when it starts"


def judge(remembered: str | None, found: str | None, given_up: str | None) -> Verdict:
    """What a database is.

    Args:
        remembered: The id that this process knows.
        found: The id that the database has.
        given_up: The id of the one before it that the operator gave up.
    """
    if found is None:
        return "unnamed" if remembered is None else "emptied"
    if remembered is None:
        return "new"
    if found == remembered:
        return "right"
    return "successor" if given_up == remembered else "another"


class DatabaseIdentity:
    """The database's id, as this process knows it. Safe to use from any thread.

    Args:
        client: A connection that does not decode answers.
        file: Where the id is remembered; processes of one machine share it.
        founder: Whether an empty database gets its id here.
    """

    def __init__(self, client: redis.Redis, file: Path, *, founder: bool = False) -> None:
        self._redis = cast("Commands", client)
        self._file = file
        self._founder = founder
        self._lock = threading.Lock()
        self._wrong = ""
        #: The id of the right database; None while none is known.
        self.id: str | None = self._read()

    def refuse(self) -> None:
        """What the last look found, without a round trip.

        Raises:
            WrongDatabase: It was not the right database.
        """
        if wrong := self._wrong:
            raise WrongDatabase(wrong)

    def look(self) -> Verdict:
        """What the database is; changes nothing.

        Raises:
            StoreUnavailable: Redis cannot serve.
        """
        return judge(self.id, *self._ask())

    def check(self) -> str:
        """Look, and remember what is to be remembered; answers the id.

        Raises:
            WrongDatabase: It is not the right database. The log says so once.
            StoreUnavailable: Redis cannot serve.
        """
        with self._lock:
            found, given_up = self._ask()
            if found != self.id:
                # Another process of this machine may know more by now.
                self.id = self._read() or self.id
            verdict = judge(self.id, found, given_up)
            if verdict == "unnamed" and self._may_name():
                found, verdict = self._name(), "new"
            if found is None or verdict in WRONG:
                self._say(WRONG.get(verdict, _UNNAMED), logging.CRITICAL if verdict in WRONG else logging.WARNING)
                raise WrongDatabase(self._wrong)
            if verdict != "right":
                self._remember(found)
            if verdict == "successor":
                log.warning("the operator gave the old database up; going on with this one")
            elif self._wrong:
                log.warning("the right database is there")
            self._wrong = ""
            return found

    def watch(self, stopped: threading.Event) -> None:
        """Look once a second until ``stopped``."""
        while not stopped.wait(LOOK_SECONDS):
            with suppress(StoreUnavailable):
                self.check()

    def wait(self, given_up: Callable[[], bool]) -> None:
        """Return when the right database is there, or when ``given_up`` says so."""
        pause = threading.Event()
        while not given_up():
            with suppress(StoreUnavailable):
                self.check()
                return
            pause.wait(LOOK_SECONDS)

    def accept(self) -> str:
        """Go on with the database as it is, and give up the one that was remembered; answers the id.

        Every process that remembers the same one goes on within a second.

        Raises:
            StoreUnavailable: Redis cannot serve.
        """
        with available():
            pipe = self._redis.pipeline(transaction=True)
            pipe.hsetnx(keys.IDENTITY, "id", _new_id())
            if self.id is not None:
                pipe.hset(keys.IDENTITY, "before", self.id)
            pipe.execute()
        return self.check()

    def _ask(self) -> tuple[str | None, str | None]:
        with available():
            found, given_up = self._redis.hmget(keys.IDENTITY, "id", "before")
        return (None if found is None else found.decode()), (None if given_up is None else given_up.decode())

    def _may_name(self) -> bool:
        """The scheduler names every database; anybody one with jobs, which an older version left without an id."""
        with available():
            return self._founder or bool(self._redis.exists(keys.OWNERS))

    def _name(self) -> str:
        with available():
            self._redis.hsetnx(keys.IDENTITY, "id", _new_id())
        found, _ = self._ask()
        if found is None:
            raise StoreUnavailable("the database was emptied while it got its id")
        return found

    def _say(self, text: str, level: int) -> None:
        if text != self._wrong:
            log.log(level, text)
        self._wrong = text

    def _read(self) -> str | None:
        with suppress(OSError, ValueError):
            return self._file.read_text(encoding="ascii").strip() or None
        return None

    def _remember(self, found: str) -> None:
        self.id = found
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            scratch = self._file.with_name(f".{self._file.name}.{secrets.token_hex(4)}")
            scratch.write_text(f"{found}\n", encoding="ascii")
            scratch.replace(self._file)
        except OSError as error:
            # In memory it is remembered all the same, until the process ends.
            log.warning("the database's id cannot be kept in %s: %s", self._file, error.strerror)


def _new_id() -> str:
    return f"db_{secrets.token_hex(12)}"
