"""Pages of jobs with their records, as tests look through them."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.record.lists.pages import JobPages
from jobs.record.lists.wanted import Wanted
from jobs.record.store import JobStore
from jobs.record.types import Record

#: The jobs that have not ended.
OPEN = Wanted(statuses=frozenset({"queued", "running"}))


@dataclass(frozen=True)
class Page:
    """A page of a list, newest first."""

    records: tuple[Record, ...]
    next_cursor: str | None


def job_page(
    store: JobStore, owner: str | None, *, cursor: str | None = None, limit: int, wanted: Wanted | None = None
) -> Page:
    """A page of the jobs of an owner, or (None) of all."""
    part = JobPages(store._connection).part(owner, cursor=cursor, limit=limit, wanted=wanted or Wanted())
    records = store.get_many(part.ids)
    return Page(tuple(records[job_id] for job_id in part.ids if job_id in records), part.next_cursor)
