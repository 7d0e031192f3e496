"""Stored files as answers: never active content, with ranges, cached by clients."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import ExitStack
from http import HTTPStatus
from typing import BinaryIO, Final
from urllib.parse import quote

from flask import Response, request
from werkzeug.exceptions import PreconditionFailed, RequestedRangeNotSatisfiable
from werkzeug.wsgi import FileWrapper

from media import HEAD, IMAGE_TYPES, format_of, recognise
from web.http.operation import Answer, Parameter

#: A finished file never changes.
FOREVER: Final = "private, max-age=31536000, immutable"
#: Content types of images, as routes declare them.
IMAGES: Final = dict.fromkeys(IMAGE_TYPES)
IF_NONE_MATCH: Final = Parameter(
    "If-None-Match", "header", "The `ETag` of your copy: if it is still current, the answer is 304."
)
RANGE: Final = Parameter("Range", "header", "One range of bytes.", example="bytes=0-1023")
SAME: Final = Answer(304, "Your copy is current.", headers=("ETag",))


def stored_file(
    file: BinaryIO, length: int, digest: str, content_type: str, stem: str, filename: str | None = None
) -> Response:
    """A stored file with its SHA-256 as ETag, or the requested range of it. The stream is seekable, and closed at the end.

    Who saves it gets ``filename``, or ``stem`` with the suffix of its type.

    Raises:
        HTTPException: As :func:`conditional`.
    """
    answer = Response(content_type=content_type)
    answer.call_on_close(file.close)

    def fill() -> int:
        answer.response, answer.direct_passthrough = FileWrapper(file), True
        return length

    return _lasting(answer, stem, digest, fill, filename)


def made_file(make: Callable[[], bytes], mark: str, content_type: str, stem: str) -> Response:
    """Like :func:`stored_file`, for a file that is made only if the client has no current copy of it.

    Raises:
        HTTPException: As :func:`conditional`.
    """
    answer = Response(content_type=content_type)
    return _lasting(answer, stem, mark, lambda: _filled(answer, make()))


def made_image(make: Callable[[], bytes], mark: str, caching: str) -> Response:
    """An image that is made only if the client has no current copy of it.

    Raises:
        HTTPException: As :func:`conditional`.
    """
    answer = Response()
    answer.headers["Cache-Control"] = caching
    as_artifact(answer)

    def fill() -> int:
        data = make()
        answer.mimetype = recognise(data[:HEAD]).content_type
        return _filled(answer, data)

    return conditional(answer, mark, fill, ranges=False)


def _filled(answer: Response, data: bytes) -> int:
    answer.set_data(data)
    return len(data)


def _lasting(answer: Response, stem: str, mark: str, fill: Callable[[], int], filename: str | None = None) -> Response:
    """The whole file as an answer that never changes, or the requested range of it.

    Browsers show or play what they can, and save anything else.
    """
    found = format_of(answer.mimetype or "")
    disposition = "inline" if found.shown else "attachment"
    answer.headers["Content-Disposition"] = f"{disposition}; {_named(filename or f'{stem}{found.suffixes[0]}')}"
    answer.headers["Cache-Control"] = FOREVER
    as_artifact(answer)
    return conditional(answer, mark, fill, ranges=True)


def _named(name: str) -> str:
    """The file's name as a parameter of a header (RFC 6266); one beyond ASCII is written twice, as RFC 8187 has it."""
    plain = re.sub(r'[^ -~]|["\\]', "_", name)
    return f'filename="{plain}"' + ("" if plain == name else f"; filename*=UTF-8''{quote(name, safe='')}")


def conditional(answer: Response, mark: str, fill: Callable[[], int], *, ranges: bool) -> Response:
    """The answer after the request's conditions and, where it has ``ranges``, the requested one.

    It gets its body here and nowhere else, after the conditions: one without a body is a 304, never a 200.

    Args:
        answer: Without a body.
        mark: The ETag, which is a strong one.
        fill: Gives the answer its body, and tells its length.
        ranges: Whether parts of it may be requested.

    Raises:
        HTTPException: 412: a precondition fails; 416: there is no such range; or what ``fill`` raises.
    """
    answer.set_etag(mark)
    with ExitStack() as failed:
        failed.callback(answer.close)
        if _is_current(mark):
            answer.status_code = HTTPStatus.NOT_MODIFIED
        else:
            answer.content_length = length = fill()
            # Werkzeug is asked for the range alone: with If-Match it would take a 304 for a 200.
            asked = {name: value for name, value in request.environ.items() if name not in _CONDITIONS}
            if ranges and (part := _range(mark, length)):
                asked["HTTP_RANGE"] = part
            answer.make_conditional(asked, accept_ranges=ranges, complete_length=length)
        failed.pop_all()
    return answer


_CONDITIONS: Final = frozenset({"HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH", "HTTP_RANGE", "HTTP_IF_RANGE"})
_SUFFIX: Final = re.compile(r"-(\d{1,18})")


def _range(mark: str, length: int) -> str | None:
    """The range to send; None: the whole file (RFC 9110, 13.1.5, 14.1.2 and 14.2, of which Werkzeug leaves some out).

    A range is defined for GET alone. Other units, several ranges, and a range of another version (If-Range, by strong
    comparison) are as if none were asked for.

    Raises:
        RequestedRangeNotSatisfiable: The file has no such range.
    """
    unit, _, wanted = request.headers.get("Range", "").partition("=")
    wanted = wanted.strip()
    is_this = request.headers.get("If-Range", f'"{mark}"') == f'"{mark}"'
    if request.method != "GET" or unit.strip().lower() != "bytes" or "," in wanted or not is_this:
        return None
    if suffix := _SUFFIX.fullmatch(wanted):
        if (last := int(suffix[1])) == 0:
            raise RequestedRangeNotSatisfiable(length)
        wanted = f"-{min(last, length)}"
    return f"bytes={wanted}"


def _is_current(mark: str) -> bool:
    """Whether the client's copy is current, in the order of RFC 9110, section 13.2.2.

    Raises:
        PreconditionFailed: If-Match names another.
    """
    wanted, known = request.if_match, request.if_none_match
    if wanted and not (wanted.star_tag or wanted.is_strong(mark)):
        raise PreconditionFailed
    return bool(known) and (known.star_tag or known.contains_weak(mark))


def as_artifact(answer: Response) -> None:
    """Mark the answer as a file: never active content, and usable in pages of other sites."""
    answer.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
