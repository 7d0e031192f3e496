"""Removes orphaned files: what a crash left half written, and what came after its job had ended.

Nothing is removed because of a clock: a file is an orphan if two rounds, an hour apart, both find that no record names
it. A submission stores its images before its job is written, and is over long before the second round. In a database
that lost its jobs (:mod:`jobs.record.identity`) every file would be an orphan, so a round first asks whether it is the
right database.
"""

from __future__ import annotations

import itertools
import logging
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

import msgspec

from jobs import metrics
from jobs.errors import StoreUnavailable
from jobs.model import Job
from jobs.record.types import Record
from resilience import Rounds, survive
from worker.shared import Shared

log = logging.getLogger(__name__)

#: Records that are read at once.
_BATCH: Final = 200
#: What holds files of a job; others (uploads) have records of their own.
_JOB_PREFIX: Final = "job_"
#: Every hash in a record is a file that it needs: outputs, and images of the input.
_DIGEST: Final = re.compile(rb"[0-9a-f]{64}")


class Janitor:
    """Looks through all files of jobs; safe to run in several processes."""

    def __init__(self, shared: Shared) -> None:
        self._connection = shared.connection
        self._store = shared.store
        self._artifacts = shared.artifacts
        self._counters = shared.counters
        self._suspects: set[tuple[str, str]] = set()

    def rounds(self, stopped: threading.Event, seconds: float) -> Rounds:
        """A round after each pause of ``seconds``."""
        return Rounds(
            log,
            "janitor",
            self.round,
            stopped,
            what="no files are removed now",
            seconds=seconds,
            expected=(StoreUnavailable,),
            count=partial(self._counters.add, metrics.THREAD_ERRORS),
        )

    def round(self) -> int:
        """Remove the orphans that the last round found as well; answers how many files.

        Raises:
            StoreUnavailable: Redis cannot serve. What was found before is forgotten.
        """
        before, self._suspects = self._suspects, set()
        # A server whose memory is full still names the files that are needed.
        self._connection.has_room()
        found = set(self._orphans())
        gone = found & before
        for job_id, name in gone:
            with self._survive("an orphaned file cannot be removed", job_id):
                self._artifacts.discard(job_id, name)
                self._counters.add(metrics.ORPHANS)
        self._suspects = found - gone
        if gone:
            log.info("removed %d files that belong to no job", len(gone))
        return len(gone)

    def _survive(self, what: str, job_id: str) -> survive:
        """One job whose record or folder cannot be read keeps no other's files."""
        count: Callable[[], object] = partial(self._counters.add, metrics.THREAD_ERRORS, "janitor")
        return survive(log, what, unless=(StoreUnavailable, MemoryError), count=count, job_id=job_id)

    def _orphans(self) -> Iterator[tuple[str, str]]:
        """Job and name of each file that no record needs."""
        holders = (holder for holder in self._artifacts.holders() if holder.startswith(_JOB_PREFIX))
        while batch := list(itertools.islice(holders, _BATCH)):
            for job_id, record in self._records(batch).items():
                needed = set() if record is None else _needed(record.job)
                # While a job has not ended, its attempt may be writing.
                if record is None or record.job.status.is_terminal:
                    with self._survive("the files of a job cannot be listed", job_id):
                        yield from [(job_id, name) for name in self._artifacts.names(job_id) if name not in needed]

    def _records(self, job_ids: Sequence[str]) -> Mapping[str, Record | None]:
        """The records of these jobs, None where there is none; without the jobs whose record cannot be read."""
        try:
            found = self._store.get_many(job_ids)
        except msgspec.DecodeError:
            found, readable = {}, []
            for job_id in job_ids:
                with self._survive("the files of a job stay, since its record cannot be read", job_id):
                    found.update(self._store.get_many([job_id]))
                    readable.append(job_id)
            job_ids = readable
        return {job_id: found.get(job_id) for job_id in job_ids}


def _needed(job: Job) -> set[str]:
    return {digest.decode() for digest in _DIGEST.findall(msgspec.json.encode(job))}
