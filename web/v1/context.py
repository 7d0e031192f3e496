"""What several views share: find a job, answer with it."""

from __future__ import annotations

from flask import Response, request

from jobs.model import Job
from jobs.record.types import Record
from jobs.resources.job import job_resource, version_of
from jobs.resources.links import Links
from jobs.scheduling.wait_reasons import Waiting
from web.http.auth import caller
from web.http.headers import REQUEST_ID, header, name_request
from web.http.responses import PRIVATE, json_response
from web.services import services


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
