"""The one reader of JSON bodies. It is strict, so that no two parts of the service can read a body differently.

Python's own reader accepts duplicate keys, NaN, overflowing numbers, lone surrogates and (through Flask) UTF-16; this
one refuses them.
"""

from __future__ import annotations

import json
from typing import Any, Final, NoReturn

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge

from providers.inputs.text import broken
from web.http.problems import Problem

Json = dict[str, Any]

#: Largest body in bytes: of most routes, and of those that accept inline images.
SMALL_BODY: Final = 1 << 20
PICTURE_BODY: Final = 12 << 20

#: Deepest nesting of arrays and objects.
DEPTH_LIMIT: Final = 32
#: Most values of one body, counted by the characters before a value. A text may hold these characters too, but no text
#: that is allowed holds that many; a body of 10 MB of zeros would keep the process busy for seconds.
VALUES_LIMIT: Final = 100_000
_KEPT_AS: Final = "darkroom.body_bytes"
_LARGEST_INTEGER: Final = 2**63 - 1
#: Up to here every whole number is a float of its own.
_EXACT: Final = 2**53


def read_json(request: Request, limit: int) -> Any:  # noqa: ANN401 - any JSON
    """Read a request's body as JSON of at most ``limit`` bytes.

    Raises:
        Problem: 400, 413 or 415.
        RequestEntityTooLarge: The body is longer than ``limit``.
    """
    _check_type(request)
    return parse(read_bytes(request, limit))


def read_bytes(request: Request, limit: int) -> bytes:
    """Read a request's body of any type, of at most ``limit`` bytes.

    Raises:
        Problem: 415: it is compressed.
        RequestEntityTooLarge: It is longer than ``limit``.
    """
    check_encoding(request)
    # One more than allowed: Werkzeug cuts a body that comes in chunks at its limit, without a word.
    request.max_content_length = limit + 1
    body = request.get_data(cache=False)
    if len(body) > limit:
        raise RequestEntityTooLarge
    request.environ[_KEPT_AS] = len(body)
    return body


def body_bytes(request: Request) -> int:
    """Length of the body that was read; 0 before."""
    length: int = request.environ.get(_KEPT_AS, 0)
    return length


def read_optional_json(request: Request, limit: int) -> Any:  # noqa: ANN401 - any JSON
    """Like :func:`read_json`, but a body that is left out is an empty object."""
    if not request.content_length and "HTTP_TRANSFER_ENCODING" not in request.environ:
        return {}
    return read_json(request, limit)


def _check_type(request: Request) -> None:
    parameters = {name: value.lower() for name, value in request.mimetype_params.items()}
    if request.mimetype != "application/json" or parameters not in ({}, {"charset": "utf-8"}):
        raise Problem("unsupported_media", "Send JSON in UTF-8, with the header Content-Type: application/json.")


def check_encoding(request: Request) -> None:
    """Refuse a compressed body: its real size would be known too late.

    Raises:
        Problem: 415.
    """
    coded = request.headers.get("Content-Encoding", "identity") != "identity"
    # gunicorn lets "gzip, chunked" through and takes only the chunks apart.
    if coded or request.headers.get("Transfer-Encoding", "chunked").lower() != "chunked":
        raise Problem("unsupported_media", "Send the body as it is, without Content-Encoding.")


def parse(body: bytes) -> Any:  # noqa: ANN401 - any JSON
    """Decode JSON strictly: UTF-8 without a mark, no duplicate names, finite numbers of at most 64 bits, depth 32.

    Raises:
        Problem: It is anything else.
    """
    check_amount(body, PICTURE_BODY)
    if body.startswith(b"\xef\xbb\xbf"):
        _refuse("begins with a byte order mark; send plain UTF-8")
    try:
        value = _decoder.decode(body.decode("utf-8"))
    except UnicodeDecodeError:
        _refuse("is not UTF-8")
    except json.JSONDecodeError as error:
        _refuse(f"is not JSON: {error.msg} at line {error.lineno}, column {error.colno}")
    except RecursionError:
        _refuse(f"is nested deeper than {DEPTH_LIMIT} levels")
    except ValueError:
        _refuse("holds a number that is too long")
    _check(value, 1)
    return value


def check_amount(body: bytes, limit: int, *, times: int = 1) -> None:
    """Refuse more JSON than can be worked through at once; ``times``: copies of it that the request makes.

    Raises:
        Problem: 413.
    """
    if len(body) * times > limit:
        raise Problem("too_large", f"The request has {len(body) * times} bytes of JSON; the limit is {limit}.")
    if (body.count(b",") + body.count(b"[") + body.count(b"{")) * times > VALUES_LIMIT:
        raise Problem("too_large", f"The request holds more than {VALUES_LIMIT} values.")


def _refuse(what: str) -> NoReturn:
    raise Problem("invalid_input", f"The body {what}.", status=400)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        _refuse("holds the same name twice in one object")
    return value


def _constant(name: str) -> NoReturn:
    _refuse(f"holds {name}, which is not JSON")


def _number(text: str) -> float:
    """A number with a point or an exponent; JSON has one kind of numbers, so ``7.0`` is the whole number 7."""
    number = float(text)
    if number in {float("inf"), float("-inf")}:
        _refuse("holds a number that is too large")
    return int(number) if number.is_integer() and abs(number) <= _EXACT else number


_decoder: Final = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_float=_number)


def _check(value: Any, depth: int) -> None:  # noqa: ANN401 - any JSON
    """Refuse what the decoder lets through and no other part can keep or send on."""
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, int):
        if not -_LARGEST_INTEGER <= value <= _LARGEST_INTEGER:
            _refuse("holds a whole number of more than 64 bits")
    elif isinstance(value, dict | list):
        if depth > DEPTH_LIMIT:
            _refuse(f"is nested deeper than {DEPTH_LIMIT} levels")
        if isinstance(value, dict):
            for name in value:
                _check_text(name)
        for item in value.values() if isinstance(value, dict) else value:
            _check(item, depth + 1)


def _check_text(text: str) -> None:
    if fault := broken(text):
        _refuse(fault)
