"""The jobs that a client means which knows no ids: where they are, and how far."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from jobs.ids import JOB
from jobs.model import Job, Status
from web.dialects.automatic1111.declared import followed
from web.services import services
from web.v1.job_documents import Seen

#: Jobs that are looked at together. The newest open one is mostly the newest of all.
_PIECE: Final = 20


def jobs_of(whose: str, name: str) -> list[str]:
    """The jobs of a request by the name that its client gave it, or the job of this id."""
    return followed().named(whose, name) or ([name] if re.fullmatch(JOB, name) else [])


def look(whose: str, job_ids: Sequence[str]) -> list[Seen]:
    """Those of the jobs that are this group's, as they stand."""
    found = services()
    looked = [one for one in found.views.looks(job_ids) if one[0].job.user == whose]
    return [Seen(record, found.queue_estimates.waiting(record, place)) for record, place in looked]


def open_jobs(whose: str) -> Iterator[list[Seen]]:
    """The open jobs in pieces, the newest first; those that have ended are met once, and then forgotten."""
    passed = 0
    while piece := followed().newest(whose, passed, _PIECE):
        found = [seen for seen in look(whose, piece) if not seen.record.job.status.is_terminal]
        if gone := set(piece) - {seen.record.job.id for seen in found}:
            followed().remove(whose, [*gone])
        passed += len(found)
        if found:
            yield found


def foremost(found: Sequence[Seen]) -> Seen:
    """The one that runs, or else the first one."""
    return next((seen for seen in found if seen.record.job.status is Status.RUNNING), found[0])


def fraction(job: Job) -> float:
    """The part that is done, 0 to 1."""
    known = job.progress
    if known is None:
        return 0.0
    if known.fraction is None and known.step is not None and known.total:
        return min(1.0, known.step / known.total)
    return known.fraction or 0.0


def seconds_left(seen: Seen) -> float:
    """Seconds until the end: as the queue expects it, or by how far it has come since its start; 0: not known."""
    job, part = seen.record.job, fraction(seen.record.job)
    if seen.waiting is not None:
        return seen.waiting.eta_seconds or 0.0
    if not part or job.started_at is None:
        return 0.0
    return max(0.0, (services().store.now() - job.started_at) * (1 - part) / part)


def words(seen: Seen) -> str | None:
    """What it waits for, or what the app says; None: nothing."""
    waiting, known = seen.waiting, seen.record.job.progress
    if waiting is None:
        return None if known is None else known.message
    place = "" if waiting.position is None else f"Place {waiting.position + 1} in the queue. "
    return place + waiting.message


def preview_of(job: Job) -> bytes | None:
    """The newest preview; None: there is none, or it is no longer kept."""
    return None if job.preview is None else services().store.preview(job.id, job.preview.index)
