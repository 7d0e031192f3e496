"""The places of jobs in a list, read from the indexes: newest first, a few at a time."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from jobs.model import Status
from jobs.record import keys
from jobs.record.connection import Connection

log = logging.getLogger(__name__)

#: A job's place in a list: when it was created, in milliseconds, and its id.
Place = tuple[float, str]

#: The statuses whose jobs have an index of their own.
_INDEXED: Final = frozenset({Status.QUEUED, Status.RUNNING})


def cursor_of(place: Place) -> str:
    """Where a list goes on after a place."""
    return f"{int(place[0])}:{place[1]}"


class Places:
    """Reads the places of one list.

    Args:
        connection: Where the indexes are.
        owner: Whose jobs; None: those of all.
        lower: The least time, as Redis takes it for a score.
        statuses: Of the jobs that are looked for; None: of any.
        among: The only jobs that can be meant; None: any.
    """

    def __init__(
        self,
        connection: Connection,
        owner: str | None,
        lower: str,
        statuses: Collection[str] | None,
        among: Collection[str] | None,
    ) -> None:
        self._connection = connection
        self._index = keys.JOBS if owner is None else keys.owner(owner)
        self._waiting = keys.QUEUED if owner is None else keys.waiting(owner)
        self._lower = lower
        self._statuses = frozenset(statuses) if statuses is not None and _INDEXED.issuperset(statuses) else None
        self._among = among

    def before(self, upper: str, count: int) -> list[Place]:
        """At most ``count`` places before ``upper`` (a cursor, or the greatest time), newest first.

        Fewer than that are the last ones.
        """
        if self._among is not None:
            return self._within(self._scores(self._among), upper)[:count]
        if self._statuses is None:
            return self._older(self._index, upper, count)[0]
        waiting, running = self._older(self._waiting, upper, count)
        found = set(waiting if Status.QUEUED in self._statuses else ())
        if Status.RUNNING in self._statuses:
            found.update(self._within(self._scores(running), upper))
        return sorted(found, reverse=True)[:count]

    def _older(self, index: str, upper: str, count: int) -> tuple[list[Place], list[str]]:
        """The next places of an index, and the ids of all running jobs, where they are asked for, from one moment."""
        at, _, last = upper.partition(":")
        with_running = "0" if self._statuses is None else "1"
        found: list[Place] = []
        running: list[str] = []
        read, more = 0, True
        while more and len(found) < count:
            # Jobs of the same millisecond as the last one are read again and cut off by their id: mostly it is alone.
            number = count + 1 if read == 0 else 2 * count + read
            rows, now = self._connection.run("places", index, at, self._lower, read, number, with_running)
            words = rows.decode("ascii", "replace").split(" ") if rows else []
            named = [(float(score), job_id) for job_id, score in zip(words[::2], words[1::2], strict=True)]
            found += [place for place in named if _is_id(index, place[1]) and (not last or place < (float(at), last))]
            running = running or now.decode("ascii", "replace").split()
            read, more = read + len(named), len(named) == number
        return found[:count], running

    def _scores(self, job_ids: Iterable[str]) -> list[Place]:
        """The places of those of the jobs that the list has."""
        ids = list(job_ids)
        if not ids:
            return []
        (scores,) = self._connection.ask_each([("ZMSCORE", self._index, *ids)])
        return [(float(score), job_id) for job_id, score in zip(ids, scores, strict=True) if score is not None]

    def _within(self, places: Sequence[Place], upper: str) -> list[Place]:
        """Those before a cursor, or below the greatest time, and above the least, newest first."""
        at, _, last = upper.partition(":")
        found = [place for place in places if _above(place[0], self._lower)]
        if last:
            found = [place for place in found if place < (float(at), last)]
        elif at != "+inf":
            found = [place for place in found if place[0] < float(at.removeprefix("("))]
        return sorted(found, reverse=True)


def _above(score: float, lower: str) -> bool:
    return lower == "-inf" or score > float(lower.removeprefix("("))


def _is_id(index: str, member: str) -> bool:
    """Whether a member of an index can be a job: ids are ASCII. What is none is logged, and passed over."""
    if not member.isascii():
        log.warning("what is no job stands in an index", extra={"index": index, "member": member[:100]})
    return member.isascii()
