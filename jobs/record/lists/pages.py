"""The pages of a list: the ids of its jobs, newest first, found with as few reads as the filter allows.

Jobs of a batch, and those that have not ended, are few and have an index: only they are looked at. For any other filter
the jobs are looked through, in small pieces and one list of a process at a time: a poll comes between any two pieces.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from jobs.record import keys
from jobs.record.connection import Connection
from jobs.record.lists.places import Place, Places, cursor_of
from jobs.record.lists.wanted import EVERYTHING, Wanted, sketched
from jobs.record.outages import available
from resilience import survive

log = logging.getLogger(__name__)

#: Jobs that a page with a filter looks at. Where few fit, it is cut short after them, and its cursor goes on.
_LOOKED_AT: Final = 2000
#: Jobs that are looked at without a break: a fraction of a millisecond.
_PIECE: Final = 25
#: How long others are served after a piece, as a multiple of the time that it took, if any of them waits.
_OTHERS_SHARE: Final = 3
_UNNOTICED_SECONDS: Final = 0.00005
_LONGEST_BREAK_SECONDS: Final = 0.005
#: Places that are read at once where a filter may keep few.
_ROWS: Final = 200


@dataclass(frozen=True, slots=True)
class Part:
    """The ids of a page, newest first, and the cursor of the next page (None: there is none)."""

    ids: tuple[str, ...] = ()
    next_cursor: str | None = None


class JobPages:
    """Finds pages. Every method raises :class:`jobs.errors.StoreUnavailable` while Redis cannot serve."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._redis = connection.redis
        self._turn = threading.Lock()

    def part(
        self,
        owner: str | None,
        *,
        cursor: str | None = None,
        limit: int,
        wanted: Wanted = EVERYTHING,
        among: Collection[str] | None = None,
        since: float | None = None,
        until: float | None = None,
    ) -> Part:
        """A page of the jobs of an owner, newest first.

        Args:
            owner: None: all owners.
            cursor: Of the page before: creation time and id of the last job that it looked at.
            limit: Most jobs. Where few fit ``wanted``, a page may hold fewer and still have a cursor.
            wanted: Which jobs.
            among: The only ones that can fit, where that is known.
            since: Jobs created later than this, in Unix seconds.
            until: Jobs created earlier than this.
        """
        if owner is None:
            self._complete_index()
        lower = "-inf" if since is None else f"({since * 1000:.3f}"
        upper = cursor or ("+inf" if until is None else f"({until * 1000:.3f}")
        places = Places(self._connection, owner, lower, wanted.statuses, among)
        if wanted == EVERYTHING:
            return _part(places.before(upper, limit + 1), limit)
        return self._look_through(places, upper, limit, wanted)

    def _look_through(self, places: Places, upper: str, limit: int, wanted: Wanted) -> Part:
        found: list[Place] = []
        looked_at, number = 0, min(limit + 1, _ROWS)
        while looked_at < _LOOKED_AT:
            rows = places.before(upper, number)
            for start in range(0, len(rows), _PIECE):
                found += self._fitting(rows[start : start + _PIECE], wanted)
                if len(found) > limit:
                    return _part(found, limit)
            if len(rows) < number:
                return _part(found, limit)
            # Where the filter keeps most jobs, the first read is enough.
            upper, looked_at, number = cursor_of(rows[-1]), looked_at + number, _ROWS
        return Part(tuple(job_id for _, job_id in found), upper)

    def _fitting(self, piece: Sequence[Place], wanted: Wanted) -> list[Place]:
        """Those jobs of a piece that fit; one that cannot be read keeps no other from its list."""
        fitting = []
        with self._turn:
            began = time.monotonic()
            docs = self._connection.ask_each([("HGET", keys.job(job_id), "doc") for _, job_id in piece])
            for place, doc in zip(piece, docs, strict=True):
                with survive(log, "the job's record cannot be read", job_id=place[1]):
                    if doc is not None and wanted.has(sketched(doc)):
                        fitting.append(place)
            _give_way(time.monotonic() - began)
        return fitting

    def _complete_index(self) -> None:
        """Fill the index of all jobs with those of an earlier version: a page costs the same for any number of owners."""
        with available():
            if not self._redis.exists(keys.JOBS_COMPLETE):
                # Once, after an update. One call for each owner: a single one for a million jobs keeps all others waiting.
                for owner in self._redis.smembers(keys.OWNERS):
                    self._connection.run("index", owner)
                self._redis.set(keys.JOBS_COMPLETE, b"1")


def _give_way(worked: float) -> None:
    """Let other greenlets of the process run; where there are some, leave them three times what was ``worked`` (seconds)."""
    began = time.monotonic()
    time.sleep(0)
    if time.monotonic() - began > _UNNOTICED_SECONDS:
        time.sleep(min(_OTHERS_SHARE * worked, _LONGEST_BREAK_SECONDS))


def _part(found: Sequence[Place], limit: int) -> Part:
    """The page of places that were found, of which one more than the limit means that there is more."""
    cursor = cursor_of(found[limit - 1]) if len(found) > limit else None
    return Part(tuple(job_id for _, job_id in found[:limit]), cursor)
