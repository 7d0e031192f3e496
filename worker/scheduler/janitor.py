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
from collections.abc import Iterator
from typing import Final

import msgspec

from jobs import metrics
from jobs.files import LocalArtifacts
from jobs.model import Job
from jobs.record.connection import Connection
from jobs.record.counters import Counters
from jobs.record.store import JobStore

log = logging.getLogger(__name__)

#: Records that are read at once.
_BATCH: Final = 200
#: What holds files of a job; others (uploads) have records of their own.
_JOB_PREFIX: Final = "job_"
#: Every hash in a record is a file that it needs: outputs, and images of the input.
_DIGEST: Final = re.compile(rb"[0-9a-f]{64}")


class Janitor:
    """Looks through all files of jobs; safe to run in several processes.

    Args:
        connection: To Redis.
        store: The records.
        artifacts: The files.
        counters: Counts what is removed.
    """

    def __init__(self, connection: Connection, store: JobStore, artifacts: LocalArtifacts, counters: Counters) -> None:
        self._connection = connection
        self._store = store
        self._artifacts = artifacts
        self._counters = counters
        self._suspects: set[tuple[str, str]] = set()

    def round(self) -> int:
        """Remove the orphans that the last round found as well; answers how many files.

        Raises:
            StoreUnavailable: Redis cannot serve. What was found before is forgotten.
        """
        before, self._suspects = self._suspects, set()
        self._connection.check_writes()
        found = set(self._orphans())
        gone = found & before
        for job_id, name in gone:
            self._artifacts.discard(job_id, name)
            self._counters.add(metrics.ORPHANS)
        self._suspects = found - gone
        if gone:
            log.info("removed %d files that belong to no job", len(gone))
        return len(gone)

    def _orphans(self) -> Iterator[tuple[str, str]]:
        """Job and name of each file that no record needs."""
        holders = (holder for holder in self._artifacts.holders() if holder.startswith(_JOB_PREFIX))
        while batch := list(itertools.islice(holders, _BATCH)):
            records = self._store.get_many(batch)
            for job_id in batch:
                record = records.get(job_id)
                needed = set() if record is None else _needed(record.job)
                # While a job has not ended, its attempt may be writing.
                if record is None or record.job.status.is_terminal:
                    yield from ((job_id, name) for name in self._artifacts.names(job_id) if name not in needed)


def _needed(job: Job) -> set[str]:
    return {digest.decode() for digest in _DIGEST.findall(msgspec.json.encode(job))}
