"""A job as the result of a tool: pictures to look at, links, and the same in words that a program reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from jobs.model import Job, Output, Status
from jobs.resources.base import rfc3339
from web.dialects.mcp.messages import details, encode
from web.dialects.pictures import LINK_SECONDS, in_base64, link
from web.dialects.texts import as_text
from web.http.problems import Problem
from web.images.status_card import describe
from web.services import asker
from web.v1.job_documents import Seen
from web.v1.job_links import signed_link

Json = dict[str, Any]

#: Copies of pictures are for looking: their longest side in pixels, and how many a result has at most.
SIDE: Final = 1024
_MOST_SHOWN: Final = 4
_FORM: Final = "webp"
_ANY_FILE: Final = "application/octet-stream"
#: The states of jobs as those of tasks. What of it failed is in the result.
_TASK_STATUS: Final = {
    Status.QUEUED: "working",
    Status.RUNNING: "working",
    Status.SUCCEEDED: "completed",
    Status.FAILED: "completed",
    Status.EXPIRED: "completed",
    Status.CANCELED: "cancelled",
}
#: Milliseconds between two looks at a task.
_POLL: Final = 2000


@dataclass(frozen=True, slots=True)
class Parts:
    """What a result has beside its words: copies of pictures, and links to files."""

    pictures: bool
    links: bool


def result_of(seen: Seen, parts: Parts, *, is_error: bool | None = None) -> Json:
    """The result of a tool that is about a job.

    Args:
        seen: The job.
        parts: What it has beside words.
        is_error: Whether the tool failed; None: if the job did.

    Raises:
        ArtifactNotFound: A file is no longer kept.
        Problem: 429: too many pictures are being converted.
    """
    job = seen.record.job
    structured = _words(seen)
    files = [output for output in job.outputs if not _is_text(output)]
    shown = [output for output in files if parts.pictures and output.kind == "image" and output.width]
    return {
        "content": [
            *(_picture(job, output) for output in shown[:_MOST_SHOWN]),
            *(_link(job, output) for output in files if parts.links),
            _text(structured),
        ],
        "structuredContent": structured,
        "isError": job.status.is_unsuccessful if is_error is None else is_error,
    }


def _words(seen: Seen) -> Json:
    job = seen.record.job
    found: Json = {
        "job_id": job.id,
        "status": str(job.status),
        "model": job.model,
        "outputs": [_output(job, output) for output in job.outputs],
    }
    seed = next((output.seed for output in job.outputs if output.seed is not None), job.input.get("seed"))
    if isinstance(seed, int):
        found["seed"] = seed
    if not job.status.is_terminal:
        found["image_url"] = signed_link(asker(), job, LINK_SECONDS, "image")[0]
        found["message"] = f"{state_of(seen)[0]} · Call get_job with this job_id for the result."
    if job.error is not None:
        found["error"] = {"code": job.error.code, "detail": job.error.detail, "retryable": job.error.retryable}
    if job.warnings:
        found["warnings"] = [*job.warnings]
    return found


def state_of(seen: Seen) -> tuple[str, float | None]:
    """What a job does now, in the words of its status card, and the part of it that is done, 0 to 1."""
    card = describe(seen.record.job, seen.waiting)
    # What it made is told elsewhere.
    lines = () if seen.record.job.status is Status.SUCCEEDED else card.lines
    return " · ".join((card.title, *filter(None, lines))), card.fraction


def task_of(seen: Seen, parts: Parts) -> Json:
    """A job as a task, of one that has ended with its result; raises what :func:`result_of` does."""
    job = seen.record.job
    found: Json = {
        "taskId": job.id,
        "status": _TASK_STATUS[job.status],
        "statusMessage": state_of(seen)[0],
        "createdAt": rfc3339(job.created_at),
        "lastUpdatedAt": rfc3339(int(seen.record.event_id.partition("-")[0]) / 1000),
        # How long a job that has not ended is kept, is not known yet.
        "ttlMs": None if job.expires_at is None else max(0, round((job.expires_at - job.created_at) * 1000)),
        "pollIntervalMs": _POLL,
    }
    if found["status"] == "completed":
        found["result"] = result_of(seen, parts)
    return found


def problem_result(problem: Problem) -> Json:
    """The result of a tool that was not called as it can be, or that cannot serve now."""
    return {"content": [_text({"error": {"detail": problem.detail, **details(problem)}})], "isError": True}


def plain_result(structured: Json) -> Json:
    """The result of a tool that is about no job."""
    return {"content": [_text(structured)], "structuredContent": structured, "isError": False}


def _text(structured: Json) -> Json:
    return {"type": "text", "text": encode(structured).decode()}


def _is_text(output: Output) -> bool:
    return output.kind in {"text", "json"}


def _output(job: Job, output: Output) -> Json:
    if _is_text(output):
        return {"content_type": output.content_type or "text/plain", "text": as_text(job, [output])}
    found: Json = {"url": link(job, output), "content_type": output.content_type or _ANY_FILE}
    if output.width and output.height:
        found |= {"width": output.width, "height": output.height}
    return found


def _picture(job: Job, output: Output) -> Json:
    data = in_base64(job, output, _FORM, _width(output.width or SIDE, output.height or SIDE))
    return {"type": "image", "data": data, "mimeType": f"image/{_FORM}", "annotations": {"audience": ["user"]}}


def _width(width: int, height: int) -> int:
    """The width of a copy of which no side is too long."""
    longest = max(width, height)
    return width if longest <= SIDE else max(1, width * SIDE // longest)


def _link(job: Job, output: Output) -> Json:
    found: Json = {
        "type": "resource_link",
        "uri": link(job, output),
        "name": output.filename or f"{job.id}-{output.index}",
        "mimeType": output.content_type or _ANY_FILE,
    }
    return found if output.bytes is None else {**found, "size": output.bytes}
