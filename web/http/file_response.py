"""Stored files as answers: never active content, with ranges, cached by clients."""

from __future__ import annotations

from http import HTTPStatus
from typing import BinaryIO, Final

from flask import Response, request
from werkzeug.exceptions import HTTPException, PreconditionFailed
from werkzeug.wsgi import FileWrapper

from media import FORMATS, IMAGE_TYPES, KINDS
from web.http.operation import Answer, Parameter

#: A finished file never changes.
FOREVER: Final = "private, max-age=31536000, immutable"
#: Content types of images, as routes declare them.
IMAGES: Final = dict.fromkeys(IMAGE_TYPES)
IF_NONE_MATCH: Final = Parameter(
    name="If-None-Match",
    place="header",
    description="The `ETag` of your copy: if it is still current, the answer is 304.",
)
RANGE: Final = Parameter(name="Range", place="header", description="One range of bytes.", example="bytes=0-1023")
SAME: Final = Answer(status=304, description="Your copy is current.", headers=("ETag",))


def stored_file(file: BinaryIO, length: int, digest: str, content_type: str, stem: str) -> Response:
    """A stored file, or the requested range of it.

    Args:
        file: A seekable stream; closed with the answer.
        length: Its bytes.
        digest: Its SHA-256, hex: the ETag.
        content_type: What it is.
        stem: See :func:`lasting`.

    Raises:
        HTTPException: As :func:`conditional`.
    """
    answer = Response(FileWrapper(file), content_type=content_type, direct_passthrough=True)
    answer.call_on_close(file.close)
    return lasting(answer, stem, digest, length)


def lasting(answer: Response, stem: str, mark: str, length: int) -> Response:
    """The answer with the headers of a file that never changes, or the requested range of it.

    Args:
        answer: The whole file. Browsers show an image and save anything else.
        stem: The name of the saved file, without the suffix of its type.
        mark: Its ETag.
        length: Its bytes.

    Raises:
        HTTPException: As :func:`conditional`.
    """
    answer.content_length = length
    answer.set_etag(mark)
    found = FORMATS.get(answer.mimetype or "", FORMATS["text/plain"])
    disposition = "inline" if KINDS[found.kind].is_file else "attachment"
    answer.headers["Content-Disposition"] = f'{disposition}; filename="{stem}{found.suffixes[0]}"'
    answer.headers["Cache-Control"] = FOREVER
    as_artifact(answer)
    return conditional(answer, length)


def conditional(answer: Response, length: int | None = None) -> Response:
    """The answer after the request's conditions and, if the length is known, its range.

    Raises:
        Problem: 412: the request's precondition fails.
        RequestedRangeNotSatisfiable: There is no such range.
    """
    try:
        answer.make_conditional(request, accept_ranges=length is not None, complete_length=length)
        if answer.status_code == HTTPStatus.PRECONDITION_FAILED:
            raise PreconditionFailed
    except HTTPException:
        answer.close()
        raise
    return answer


def as_artifact(answer: Response) -> None:
    """Mark the answer as a file: never active content, and usable in pages of other sites."""
    answer.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
