"""A job as an answer: found, with its version, and after the wait that the client prefers (``Prefer: wait=n``)."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from flask import Request, Response, request

from jobs.errors import StoreUnavailable
from jobs.record.types import Record
from web.http.headers import connection_of, header
from web.http.reply import Reply
from web.services import Services, caller, let_in_again, links, services
from web.streaming.messages import is_end
from web.streaming.pump import TooManyWatchers
from web.streaming.watch import HungUp
from web.v1.job_documents import JobDocument, Seen


def look(job_id: str) -> Seen:
    """One of the caller's jobs.

    Raises:
        JobNotFound: There is none, or it is another key's: the two look the same.
        JobGone: It was deleted.
    """
    return seen_by(services(), caller().owner, job_id)


def seen_by(found: Services, owner: str, job_id: str) -> Seen:
    """A job as its owner sees it; raises what :func:`look` does."""
    record, place = found.views.look(job_id, owner)
    return Seen(record, found.queue_estimates.waiting(record, place))


def polled(found: Services, owner: str, job_id: str, environ: Mapping[str, Any]) -> Reply:
    """The answer to a poll that does not wait, in the lane and in the view; raises what :func:`look` does."""
    document = found.documents.of(seen_by(found, owner, job_id), found.base(environ))
    return document.reply(header(environ, "If-None-Match"))


def job_answer(seen: Seen, status: int = 200) -> Response:
    """A job as an answer, with its version and the time of the next poll."""
    document = document_of(seen)
    return Response(document.body, status, [*document.headers])


def document_of(seen: Seen) -> JobDocument:
    """A job as this client is shown it."""
    return services().documents.of(seen, links().base)


#: Longest ``Prefer: wait``, in seconds.
LONGEST_WAIT: Final = 60

_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})\"?\s*(?:$|[,;])")


def wait_preference(asked: Request) -> int | None:
    """Seconds of ``Prefer: wait=n`` (RFC 7240), at most :data:`LONGEST_WAIT`; None if it is missing or unreadable."""
    match = _WAIT.search(header(asked.environ, "Prefer"))
    return min(int(match[1]), LONGEST_WAIT) if match else None


def wait_for_news(record: Record, seconds: float, *, until_end: bool) -> bool:
    """Wait at most so many seconds until something happens to a job, or until it ends.

    It ends also when the client hangs up.

    Returns:
        Whether the wait was granted: False if there are too many watchers.

    Raises:
        Problem: The caller may not ask any more; its key was revoked meanwhile.
    """
    if record.job.status.is_terminal or seconds <= 0:
        return True
    try:
        watch = services().pump.watch(
            record.job.id, record.event_id, owner=caller().owner, client=connection_of(request.environ)
        )
    except TooManyWatchers:
        return False
    deadline = time.monotonic() + seconds
    try:
        # Who has closed only its half of the connection gets its answer at once.
        with suppress(HungUp):
            while (left := deadline - time.monotonic()) > 0:
                # A short outage ends no wait.
                with suppress(StoreUnavailable):
                    let_in_again()
                news = watch.news(min(left, services().timings.queue_look))
                if any(is_end(entry.event) for entry in news) or (news and not until_end):
                    break
    finally:
        watch.close()
    return True
