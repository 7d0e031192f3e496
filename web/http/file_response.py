"""Files of clients and upstreams as answers: never active content, in ranges, and kept by whoever got them."""

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
#: Content types of pictures, as routes declare them.
IMAGES: Final = dict.fromkeys(IMAGE_TYPES)
IF_NONE_MATCH: Final = Parameter(
    name="If-None-Match", place="header", description="The `ETag` of what you have: the same gives 304."
)
RANGE: Final = Parameter(name="Range", place="header", description="One range of bytes.", example="bytes=0-1023")
SAME: Final = Answer(status=304, description="It is as you have it.", headers=("ETag",))


def stored_file(file: BinaryIO, length: int, digest: str, content_type: str, stem: str) -> Response:
    """A file, or the range of it that is asked for.

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
    """The answer with what goes with a file that never changes, or the range of it that is asked for.

    Args:
        answer: The whole file. A picture is shown, anything else is saved.
        stem: How it is called where it is saved, without what its type adds.
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
    """The answer as the request's conditions make it; with ranges where the length is given.

    Raises:
        Problem: 412: there is something else than the request wants.
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
    """A file from elsewhere is never active content, and may be shown in other sites' pages."""
    answer.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
