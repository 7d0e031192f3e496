"""What several views share: find a job, wait for its events, answer with it."""

from __future__ import annotations

import re
import time
from typing import Final

from flask import Request, Response, request

from jobs.model import Job
from jobs.record.types import Record
from jobs.resources.job import job_resource, version_of
from jobs.resources.links import Links
from jobs.scheduling.wait_reasons import Waiting
from web.http.auth import caller
from web.http.headers import REQUEST_ID, header, name_request
from web.http.responses import PRIVATE, json_response
from web.services import services
from web.streaming.messages import is_end
from web.streaming.pump import TooManyWatchers

#: Longest ``Prefer: wait``, in seconds.
LONGEST_WAIT: Final = 60

_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})\"?\s*(?:$|[,;])")


def links() -> Links:
    """Addresses as this client uses them."""
    # The gate has checked the header; Werkzeug's host_url would take it apart and put it together again.
    return Links(services().settings.public_url or f"{request.scheme}://{request.environ['HTTP_HOST']}")


def look(job_id: str) -> tuple[Record, Waiting | None]:
    """One of the caller's jobs, and what it waits for.

    Raises:
        JobNotFound: There is none, or it is another key's: the two look the same.
        JobGone: It was deleted.
    """
    found = services()
    record, place = found.views.look(job_id, caller().owner)
    return record, found.queue_estimates.waiting(record, place)


def name_after(job: Job) -> None:
    """Use the id of the new job as the request id, unless the client sent one: SDKs show it."""
    if not header(request, REQUEST_ID):
        name_request(request.environ, job.id)


def wait_preference(asked: Request) -> int | None:
    """Seconds of ``Prefer: wait=n`` (RFC 7240), at most :data:`LONGEST_WAIT`; None if it is missing or unreadable."""
    match = _WAIT.search(header(asked, "Prefer"))
    return min(int(match[1]), LONGEST_WAIT) if match else None


def wait_for_news(record: Record, seconds: float, *, until_end: bool) -> bool:
    """Wait until something happens to a job.

    Args:
        record: The job as it was read.
        seconds: How long at most.
        until_end: Whether to wait for its end rather than for any event.

    Returns:
        Whether the wait was granted: False if there are too many watchers.
    """
    if record.job.status.is_terminal or seconds <= 0:
        return True
    try:
        watch = services().pump.watch(record.job.id, record.event_id)
    except TooManyWatchers:
        return False
    deadline = time.monotonic() + seconds
    try:
        while (left := deadline - time.monotonic()) > 0:
            news = watch.news(left)
            if any(is_end(entry.event) for entry in news) or (news and not until_end):
                break
    finally:
        watch.close()
    return True


def job_answer(record: Record, waiting: Waiting | None, status: int = 200) -> Response:
    """A job as an answer, with its version and the time of the next poll."""
    headers = {**PRIVATE, "ETag": etag(record, waiting)}
    if not record.job.status.is_terminal:
        headers["Retry-After"] = retry_after(waiting)
    return json_response(job_resource(record, waiting, links()), status, headers)


def etag(record: Record, waiting: Waiting | None) -> str:
    """The weak entity tag of a job as it stands."""
    return f'W/"{version_of(record, waiting)}"'


def retry_after(waiting: Waiting | None) -> str:
    """Seconds until the next poll: a tenth of the estimate, 1 to 10."""
    eta = None if waiting is None else waiting.eta_seconds
    return str(min(10, max(1, round((eta or 0) / 10))))
