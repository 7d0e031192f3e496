"""The identity of the database: is it still the one that holds this installation's jobs?

The database has an id, ``dr:epoch``, that is made once. Every process remembers
it, in memory and in its data directory. If the database comes back without the
id (emptied, restarted without its file, another server), the store counts as
unavailable: no job is accepted, sent, repaired or judged until the right
database is back, or until the operator gives up the jobs that it held
(:meth:`DatabaseIdentity.accept`, ``darkroom accept-database``).

Only the scheduler gives an empty database its id, and only if it remembers no
other one. A web process on a new machine remembers nothing, and would take a
database that was just emptied for a new one.
"""

from __future__ import annotations

import itertools
import logging
import os
import secrets
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal, cast

import redis

from jobs.errors import StoreUnavailable, WrongDatabase
from jobs.record import keys
from jobs.record.commands import Commands
from jobs.record.outages import available

log = logging.getLogger(__name__)

#: Seconds between two checks of a process that only serves requests.
LOOK_SECONDS: Final = 1.0

#: ``right``. ``new``: this process remembers no database. ``successor``: of the one that the operator gave up.
#: ``unnamed``: it has no id, and none is remembered. ``emptied``: it lost its id. ``another``: it has a different id.
Verdict = Literal["right", "new", "successor", "unnamed", "emptied", "another"]

_REMEDY: Final = (
    "No job is accepted or run until the right one is back; then everything continues."
    " `darkroom accept-database` gives up the jobs that it held and continues with this one"
)
#: The texts about a database that must not be used.
WRONG: Final[Mapping[Verdict, str]] = {
    "emptied": f"the database lost all jobs and keys: it was emptied, lost its file, or is a new server. {_REMEDY}",
    "another": f"the database is not the one that holds this installation's jobs. {_REMEDY}",
}
_UNREADABLE: Final = (
    "{} cannot be read, so nobody can tell whether this is the right database. No job is accepted or run until it can;"
    " `darkroom accept-database` continues with the database that is there"
)
_UNNAMED: Final = "the database is new and has no id yet: the scheduler gives it one when it starts"


def judge(remembered: str | None, found: str | None, given_up: str | None) -> Verdict:
    """The verdict on a database with the id ``found``, whose operator gave up the one before it (``given_up``)."""
    if found is None:
        return "unnamed" if remembered is None else "emptied"
    if remembered is None:
        return "new"
    if found == remembered:
        return "right"
    return "successor" if given_up == remembered else "another"


class DatabaseIdentity:
    """The id of the right database, as this process knows it. Safe to use from any thread.

    It is remembered in ``file``, which the processes of one machine share. ``initialise``: give an empty database its
    id, if none is remembered.

    All that asks Redis raises :class:`jobs.errors.StoreUnavailable` while it cannot serve.
    """

    def __init__(self, client: redis.Redis, file: Path, *, initialise: bool = False) -> None:
        self._redis = cast("Commands", client)
        self._file = file
        self._initialise = initialise
        self._lock = threading.Lock()
        self._wrong = ""
        self._tickets = itertools.count(1)
        #: Of the checks that have ended, the one that began last.
        self._newest = 0
        #: The id of the right database; None while none is known.
        self.id: str | None = None
        with suppress(WrongDatabase):
            self.id = self._read()

    def refuse(self) -> None:
        """Raise if the last check found the wrong database; without a round trip.

        Raises:
            WrongDatabase: It was not the right database.
        """
        if wrong := self._wrong:
            raise WrongDatabase(wrong)

    def look(self) -> Verdict:
        """The verdict on the database; nothing is changed."""
        found, given_up = self._ask()
        if self.id is None and not self._can_read():
            return "another"
        return judge(self.id, found, given_up)

    def check(self) -> str:
        """Check the database, remember its id, and return it.

        Raises:
            WrongDatabase: It is not the right database. The log says so once.
        """
        # Asked before the lock is taken: where Redis does not answer, nobody waits for the others' questions as well.
        ticket = next(self._tickets)
        found, given_up = self._ask()
        with self._lock:
            if self._newest > ticket and self.id is not None:
                # Who asked later has its answer already.
                self.refuse()
                return self.id
            self._newest = ticket
            if found is None or found != self.id:
                # Another process of this machine may know a newer id.
                self.id = self._remembered() or self.id
            verdict = judge(self.id, found, given_up)
            if verdict == "unnamed" and self._may_name():
                found, verdict = self._name(), "new"
            if found is None or verdict in WRONG:
                self._say(WRONG.get(verdict, _UNNAMED), logging.CRITICAL if verdict in WRONG else logging.WARNING)
                raise WrongDatabase(self._wrong)
            if verdict != "right":
                self._remember(found)
            if verdict == "successor":
                log.warning("the operator gave the old database up; continuing with this one")
            elif self._wrong:
                log.warning("the right database is there")
            self._wrong = ""
            return found

    def wait(self, given_up: Callable[[], bool]) -> None:
        """Wait until the right database is there, or until ``given_up`` is true."""
        pause = threading.Event()
        while not given_up():
            with suppress(StoreUnavailable):
                self.check()
                return
            pause.wait(LOOK_SECONDS)

    def accept(self) -> str:
        """Accept the database as it is, give up the one that was remembered, and return the new id.

        Every process that remembers the same one continues within a second.
        """
        with available():
            pipe = self._redis.pipeline(transaction=True)
            pipe.hsetnx(keys.IDENTITY, "id", _new_id())
            if self.id is not None:
                pipe.hset(keys.IDENTITY, "before", self.id)
            pipe.execute()
        found, _ = self._ask()
        if found is not None and not self._can_read():
            # Nobody can say any more what was remembered: the operator's word counts.
            self._remember(found)
        return self.check()

    def _ask(self) -> tuple[str | None, str | None]:
        with available():
            found, given_up = self._redis.hmget(keys.IDENTITY, "id", "before")
        return _text(found), _text(given_up)

    def _may_name(self) -> bool:
        """The scheduler may name any database; other processes one with jobs, left without an id by an older version."""
        with available():
            return self._initialise or bool(self._redis.exists(keys.OWNERS))

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

    def _remembered(self) -> str | None:
        """What the file says now; a process that knows the id does without a file that cannot be read."""
        try:
            return self._read()
        except WrongDatabase as error:
            if self.id is not None:
                return None
            self._say(str(error), logging.CRITICAL)
            raise

    def _can_read(self) -> bool:
        try:
            self._read()
        except WrongDatabase:
            return False
        return True

    def _read(self) -> str | None:
        """What the file says; None: there is none.

        Raises:
            WrongDatabase: It cannot be read: a process that took this for "none" would take any database.
        """
        try:
            found = self._file.read_text(encoding="ascii").strip()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            raise WrongDatabase(f"{_UNREADABLE.format(self._file)} ({type(error).__name__})") from error
        if not found.isprintable() or not found:
            raise WrongDatabase(_UNREADABLE.format(self._file))
        return found

    def _remember(self, found: str) -> None:
        self.id = found
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            scratch = self._file.with_name(f".{self._file.name}.{secrets.token_hex(4)}")
            with scratch.open("w", encoding="ascii") as file:
                file.write(f"{found}\n")
                file.flush()
                # A file without its content would be one that cannot be read.
                os.fsync(file.fileno())
            scratch.replace(self._file)
        except OSError as error:
            # It is still remembered in memory, until the process ends.
            log.warning("the database's id cannot be kept in %s: %s", self._file, error.strerror)


def _text(answer: bytes | None) -> str | None:
    return None if answer is None else answer.decode("utf-8", "backslashreplace")


def _new_id() -> str:
    return f"db_{secrets.token_hex(12)}"
