"""The files of a job: outputs, previews, and one image that always shows its state."""

from __future__ import annotations

import hashlib
from io import BytesIO
from typing import BinaryIO, Final

from flask import Blueprint, Response, request

import media
from jobs.files.images import CONTENT_TYPES, SIDE_LIMIT, convert
from jobs.model import Job, Output
from jobs.record.types import Record
from jobs.resources.job import version_of
from jobs.scheduling.wait_reasons import Waiting
from web.http.file_response import (
    FOREVER,
    IF_NONE_MATCH,
    IMAGES,
    RANGE,
    SAME,
    as_artifact,
    conditional,
    lasting,
    stored_file,
)
from web.http.operation import Answer, Operation, Parameter
from web.http.problems import Problem
from web.http.query import some
from web.images import status_card
from web.images.variants import FORMATS, wish_of
from web.services import services
from web.v1.context import look

blueprint = Blueprint("results", __name__)

#: For an image that changes soon: clients revalidate it with its ETag.
_BRIEFLY: Final = "private, max-age=1, must-revalidate"


@blueprint.get("/jobs/<job:job_id>/outputs/<index:index>")
@Operation(
    "getOutput",
    "Results",
    "read",
    linkable=True,
    parameters=(
        IF_NONE_MATCH,
        RANGE,
        Parameter(
            name="format",
            place="query",
            description="Convert an image to this format.",
            schema={"enum": list(FORMATS)},
        ),
        Parameter(
            name="width",
            place="query",
            description="Scale an image down to this width in pixels. A narrower image keeps its width.",
            schema={"type": "integer", "minimum": 1, "maximum": SIDE_LIMIT},
        ),
    ),
    answers=(
        Answer(
            status=200,
            description="The file. It never changes.",
            content=dict.fromkeys(media.FORMATS),
            headers=("ETag", "Accept-Ranges"),
        ),
        Answer(
            status=206,
            description="The range.",
            content=dict.fromkeys(media.FORMATS),
            headers=("ETag", "Content-Range"),
        ),
        SAME,
    ),
    errors=("not_found", "gone", "precondition_failed", "range_not_satisfiable", "invalid_input", "rate_limited"),
)
def output(job_id: str, index: int) -> Response:
    """Get an output's file.

    `index` counts from 0, as in the job's `outputs`. The ETag is the file's SHA-256.

    With `format` or `width` the answer is a converted copy, without the recipe.
    """
    wish = wish_of(some(request, "format", "width"))
    record, _ = look(job_id)
    for candidate in record.job.outputs:
        if candidate.index == index:
            changes = wish.of(candidate)
            return _file(record.job, candidate) if changes is None else _copy(record.job, candidate, *changes)
    raise Problem("not_found", f"The job has no output {index} (its status is {record.job.status}).")


def _file(job: Job, found: Output) -> Response:
    file, length, digest = _open(job, found)
    return stored_file(
        file, length, digest, found.content_type or media.KINDS[found.kind].inline_type or "", f"{job.id}-{found.index}"
    )


def _copy(job: Job, found: Output, kind: str, width: int | None) -> Response:
    """A variant of an output. The output's file is opened first: a deleted file has no variants."""
    file, _, digest = _open(job, found)
    mark = f"{digest}-{width or 'full'}-{kind.lower()}"
    with file:
        # Of a range, Werkzeug wants to know the whole first.
        known = mark in request.if_none_match and "Range" not in request.headers
        data = b"" if known else services().image_variants.get(mark, lambda: convert(file, kind, width))
    answer = Response(data, content_type=CONTENT_TYPES[kind])
    return lasting(answer, f"{job.id}-{found.index}-{width or 'full'}", mark, len(data))


def _open(job: Job, found: Output) -> tuple[BinaryIO, int, str]:
    """The file, its length and its SHA-256; a text is in the record itself."""
    if found.sha256 is None:
        text = (found.text or "").encode()
        return BytesIO(text), len(text), hashlib.sha256(text).hexdigest()
    file = services().artifacts.open(job.id, found.sha256)
    return file, found.bytes or 0, found.sha256


@blueprint.get("/jobs/<job:job_id>/preview")
@Operation(
    "getPreview",
    "Results",
    "read",
    parameters=(IF_NONE_MATCH,),
    answers=(
        Answer(status=200, description="The newest preview.", content=IMAGES, headers=("ETag",)),
        SAME,
    ),
    errors=("not_found", "gone", "precondition_failed"),
)
def preview(job_id: str) -> Response:
    """Get the newest preview.

    At most 512 pixels per side. 404 while there is none; previews are deleted an hour after the last one.
    """
    record, _ = look(job_id)
    data = _newest_preview(record)
    if data is None:
        raise Problem("not_found", "The job has no preview (yet).")
    return _image_response(data, f"preview-{record.job.preview and record.job.preview.index}", _BRIEFLY)


@blueprint.get("/jobs/<job:job_id>/image")
@Operation(
    "getLivingImage",
    "Results",
    "read",
    linkable=True,
    parameters=(IF_NONE_MATCH,),
    answers=(
        Answer(status=200, description="The current image.", content=IMAGES, headers=("ETag",)),
        SAME,
    ),
    errors=("not_found", "gone", "precondition_failed", "range_not_satisfiable"),
)
def image(job_id: str) -> Response:
    """Get a job's current image.

    A status card while the job waits, then its newest preview, then the final image, or a card that tells why there is
    none. One address for an `<img>` or a chat message.
    """
    record, waiting = look(job_id)
    job = record.job
    for found in job.outputs:
        if found.kind == "image":
            return _file(job, found)
    if not job.status.is_terminal and (data := _newest_preview(record)) is not None:
        return _image_response(data, f"preview-{job.preview and job.preview.index}", _BRIEFLY)
    return _card(record, waiting)


def _card(record: Record, waiting: Waiting | None) -> Response:
    mark = f"card-{version_of(record, waiting)}"
    caching = FOREVER if record.job.status.is_terminal else _BRIEFLY
    if mark in request.if_none_match:
        return _image_response(b"", mark, caching)
    return _image_response(
        status_card.draw(status_card.describe(record.job, waiting), status_card.size_of(record.job.input)),
        mark,
        caching,
    )


def _newest_preview(record: Record) -> bytes | None:
    newest = record.job.preview
    return None if newest is None else services().store.preview(record.job.id, newest.index)


def _image_response(data: bytes, mark: str, caching: str) -> Response:
    answer = Response(data, mimetype=media.image_type_of(data))
    answer.set_etag(mark)
    answer.headers["Cache-Control"] = caching
    as_artifact(answer)
    return conditional(answer)
