"""The files of a job: outputs, previews, and one image that always shows its state."""

from __future__ import annotations

from typing import BinaryIO, Final

from flask import Blueprint, Response, request

import media
from jobs.files.image_terms import CONTENT_TYPES
from jobs.files.images import LARGE_SIDE, convert
from jobs.model import Job, Output
from jobs.resources.base import rfc3339
from jobs.resources.job import version_of
from web.http.file_response import (
    FOREVER,
    IF_NONE_MATCH,
    IMAGES,
    RANGE,
    SAME,
    made_file,
    made_image,
    stored_file,
)
from web.http.operation import Answer, Operation, Parameter, json_response, ok, some
from web.http.problems import Problem
from web.images import status_card
from web.images.variants import FORMATS, wish_of
from web.services import asker, caller, services
from web.v1.job_answers import look
from web.v1.job_documents import Seen
from web.v1.job_links import open_output, signed_link
from web.v1.schemas.jobs import LINK_WISH, LinkResource

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
        Parameter("format", "query", "Convert an image to this format.", schema={"enum": list(FORMATS)}),
        Parameter(
            "width",
            "query",
            "Scale an image down to this width in pixels. A narrower image keeps its width.",
            schema={"type": "integer", "minimum": 1, "maximum": LARGE_SIDE},
        ),
    ),
    answers=(
        Answer(200, "The file. It never changes.", dict.fromkeys(media.FORMATS), headers=("ETag", "Accept-Ranges")),
        Answer(206, "The range.", dict.fromkeys(media.FORMATS), headers=("ETag", "Content-Range")),
        SAME,
    ),
    errors=("not_found", "gone", "precondition_failed", "range_not_satisfiable", "invalid_input", "rate_limited"),
)
def output(job_id: str, index: int) -> Response:
    """Get an output's file.

    `index` counts from 0, as in the job's `outputs`. An ending may follow it (`0.png`) for programs that take the type from
    the address; it changes nothing. The ETag is the file's SHA-256.

    With `format` or `width` the answer is a converted copy, without the recipe. Of a video or sound with a `poster` it is
    a copy of that.
    """
    wish = wish_of(some(request, "format", "width"))
    job = look(job_id).record.job
    found = _output(job, index)
    changes = wish.of(found)
    return _file(job, found) if changes is None else _copy(job, found, *changes)


def output_file(job_id: str, index: int) -> Response:
    """The file of an output of one of the caller's jobs.

    Raises:
        JobNotFound: There is no such job, or it is another key's.
        JobGone: It was deleted.
        Problem: 404: it has no such output.
        ArtifactNotFound: It is no longer kept.
    """
    job = look(job_id).record.job
    return _file(job, _output(job, index))


def _output(job: Job, index: int) -> Output:
    for found in job.outputs:
        if found.index == index:
            return found
    raise Problem("not_found", f"The job has no output {index} (its status is {job.status}).")


def _file(job: Job, found: Output) -> Response:
    file, length, digest = open_output(services(), job, found)
    content_type = found.content_type or media.kind_of(found.kind).inline_type or ""
    return stored_file(file, length, digest, content_type, f"{job.id}-{found.index}", found.filename)


def _copy(job: Job, found: Output, kind: str, width: int | None) -> Response:
    """A variant of an output, or of its poster. Its file is opened first: a deleted file has no variants."""
    file, _, digest = open_output(services(), job, found) if found.poster is None else _open_poster(job, found.poster)
    mark = f"{digest}-{width or 'full'}-{kind.lower()}"
    with file:
        return made_file(
            lambda: services().image_variants.get(mark, lambda: convert(file, kind, width), caller().owner),
            mark,
            CONTENT_TYPES[kind],
            f"{job.id}-{found.index}-{width or 'full'}",
        )


def _open_poster(job: Job, digest: str) -> tuple[BinaryIO, int, str]:
    return services().artifacts.open(job.id, digest), 0, digest


@blueprint.get("/jobs/<job:job_id>/preview")
@Operation(
    "getPreview",
    "Results",
    "read",
    parameters=(IF_NONE_MATCH,),
    answers=(Answer(200, "The newest preview.", IMAGES, headers=("ETag",)), SAME),
    errors=("not_found", "gone", "precondition_failed"),
)
def preview(job_id: str) -> Response:
    """Get the newest preview.

    At most 512 pixels per side. 404 while there is none; previews are deleted some seconds after the job has ended.
    """
    job = look(job_id).record.job
    data = _newest_preview(job)
    if data is None:
        raise Problem("not_found", "The job has no preview (yet).")
    return made_image(lambda: data, f"preview-{job.preview and job.preview.index}", _BRIEFLY)


@blueprint.get("/jobs/<job:job_id>/image")
@Operation(
    "getLivingImage",
    "Results",
    "read",
    linkable=True,
    parameters=(IF_NONE_MATCH,),
    answers=(Answer(200, "The current image.", IMAGES, headers=("ETag",)), SAME),
    errors=("not_found", "gone", "precondition_failed", "range_not_satisfiable"),
)
def image(job_id: str) -> Response:
    """Get a job's current image.

    A status card while the job waits, then its newest preview, then the final image or the poster of a video or sound,
    or a card that tells why there is none. One address for an `<img>` or a chat message.
    """
    seen = look(job_id)
    job = seen.record.job
    for found in job.outputs:
        if found.kind == "image":
            return _file(job, found)
    for found in job.outputs:
        if found.poster is not None:
            return _copy(job, found, "WEBP", None)
    if not job.status.is_terminal and (data := _newest_preview(job)) is not None:
        return made_image(lambda: data, f"preview-{job.preview and job.preview.index}", _BRIEFLY)
    return _card(seen)


def _card(seen: Seen) -> Response:
    job = seen.record.job
    mark = f"card-{version_of(*seen)}"
    caching = FOREVER if job.status.is_terminal else _BRIEFLY

    def draw() -> bytes:
        return status_card.draw(status_card.describe(job, seen.waiting), status_card.size_of(job.input))

    return made_image(draw, mark, caching)


def _newest_preview(job: Job) -> bytes | None:
    return None if job.preview is None else services().store.preview(job.id, job.preview.index)


_ANSWERS: Final = (
    ok("The link. It opens this one resource for everybody who has it, until it expires.", LinkResource),
)
_ERRORS: Final = ("invalid_input", "not_found", "gone", "too_large", "unsupported_media")


@blueprint.post("/jobs/<job:job_id>/outputs/<index:index>/link")
@Operation("linkOutput", "Results", "read", body=LINK_WISH, answers=_ANSWERS, errors=_ERRORS)
def link_output(job_id: str, index: int) -> Response:
    """Make a link to an output.

    The link needs no key: use it in a chat, a mail or a page. `format` and `width` can be added to it.
    """
    job = look(job_id).record.job
    _output(job, index)
    return _link(job, "outputs", str(index))


@blueprint.post("/jobs/<job:job_id>/image/link")
@Operation("linkImage", "Results", "read", body=LINK_WISH, answers=_ANSWERS, errors=_ERRORS)
def link_image(job_id: str) -> Response:
    """Make a link to a job's current image.

    The link needs no key, and you can make it as soon as the job exists. It shows the job's status while it waits, and
    its result afterwards.
    """
    return _link(look(job_id).record.job, "image")


def _link(job: Job, *rest: str) -> Response:
    url, ends = signed_link(asker(), job, LINK_WISH.of(request).expires_seconds, *rest)
    return json_response(LinkResource(url=url, expires_at=rfc3339(ends)))
