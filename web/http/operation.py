"""A route's declaration: its scope, what it takes, what it answers.

The gate, the OpenAPI document and the guards in tests/guards read the same
declaration, so they cannot disagree with one another.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import msgspec
from flask import Request, Response

from jobs.access.api_keys import Scope
from web.http.credentials import BEARER, Credential
from web.http.problems import Problem
from web.http.validation import BodyReader

if TYPE_CHECKING:
    from web.http.rate_limits import Rate

View = TypeVar("View", bound=Callable[..., Any])

#: What an answer holds: a resource, one of several, or (None) what JSON Schema does not describe.
Content = type | tuple[type, ...] | None

_ATTRIBUTE: Final = "darkroom_operation"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter or header. ``schema`` is its JSON Schema, or a type that has one."""

    name: str
    place: Literal["query", "header"]
    description: str
    schema: Any = str
    example: object = None


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: its status, what it means, its content types with what each holds, and its headers."""

    status: int
    description: str
    content: Mapping[str, Content] = field(default_factory=dict)
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """A route's declaration, and the decorator that gives it to a view.

    Args:
        id: Its name in clients that are generated from the document.
        scope: The scope that a key needs; None: no key is needed.
        errors: Codes of :data:`web.http.problems.KINDS`, beyond those that every route can give.
        body: What reads the body, or the name of a component of the document.
        linkable: Whether a signed link can take the key's place.
        submits: Whether it makes jobs, and so counts against the limit of submissions.
        credential: Where its clients put their key.
        refusal: How its clients read an error; None: as a problem document.
        refused: What such an error holds, in JSON; None: what JSON Schema does not describe.
    """

    id: str
    tag: str
    scope: Scope | None
    _: KW_ONLY
    answers: tuple[Answer, ...]
    errors: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    body: BodyReader[Any] | str | None = None
    body_type: str = "application/json"
    linkable: bool = False
    submits: bool = False
    credential: Credential = BEARER
    refusal: Callable[[Problem], Response] | None = None
    refused: type | None = None

    def __call__(self, view: View) -> View:
        """Declare a view."""
        setattr(view, _ATTRIBUTE, self)
        return view

    @property
    def rate(self) -> Rate | None:
        """The rate limit that counts it. Routes without a key and routes for admins are not limited."""
        if self.scope in {None, "admin"}:
            return None
        return "submit" if self.submits else "read"


def ok(description: str, content: Content, headers: tuple[str, ...] = (), *, status: int = 200) -> Answer:
    """A success with JSON."""
    return Answer(status=status, description=description, content={"application/json": content}, headers=headers)


def operation_of(view: Callable[..., Any] | None) -> Operation | None:
    """The declaration of a view; None if it has none."""
    return getattr(view, _ATTRIBUTE, None)


# -- reading the query --------------------------------------------------------


_LONGEST = 512
#: What a text in a query may be.
WORDS: Final = {"type": "string", "minLength": 1, "maxLength": _LONGEST, "pattern": "^[^\\x00-\\x1f\\x7f-\\x9f]*$"}
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def only(request: Request, *names: str, prefix: str | None = None) -> dict[str, str]:
    """The parameters of a request. Those of other names are refused, unless they begin with ``prefix``.

    Raises:
        Problem: 422: one is unknown, given twice, empty or too long.
    """
    for name in request.args:
        if name not in names and not (prefix is not None and name.startswith(prefix)):
            known = f", or use one of {', '.join(names)}" if names else ""
            raise refuse(name, f"is not a known parameter; remove it{known}")
    return some(request, *request.args)


def some(request: Request, *names: str) -> dict[str, str]:
    """Like :func:`only`, but ignores unknown parameters (shared links collect tracking parameters).

    Raises:
        Problem: 422: one of these is given twice, empty or too long.
    """
    found = {}
    for name, values in request.args.lists():
        if name not in names:
            continue
        if len(values) != 1 or not 0 < len(values[0]) <= _LONGEST or _CONTROL.search(values[0]):
            raise refuse(name, f"must be given once, with 1 to {_LONGEST} printable characters")
        found[name] = values[0]
    return found


def whole_number(parameters: dict[str, str], name: str, otherwise: int, lowest: int, highest: int) -> int:
    """A whole number in plain digits.

    Raises:
        Problem: 422: it is anything else, or out of its range.
    """
    text = parameters.get(name)
    if text is None:
        return otherwise
    if not (text.isascii() and text.isdigit() and len(text) < 10 and lowest <= int(text) <= highest):
        raise refuse(name, f"must be a whole number from {lowest} to {highest}")
    return int(text)


def words(parameters: dict[str, str], name: str, known: Collection[str]) -> frozenset[str] | None:
    """Known words, separated by commas; None if the parameter is not given.

    Raises:
        Problem: 422: another word.
    """
    text = parameters.get(name)
    if text is None:
        return None
    found = frozenset(text.split(","))
    if not found <= set(known):
        raise refuse(name, f"must be one or more of {', '.join(known)}, separated by commas")
    return found


def refuse(name: str, detail: str) -> Problem:
    """A 422 about one parameter."""
    shown = name[:64]
    return Problem("invalid_input", f"The query parameter {shown} {detail}.", errors=[(f"?{shown}", detail)])


# -- answering ----------------------------------------------------------------


_encode: Final = msgspec.json.Encoder().encode


def json_response(
    resource: msgspec.Struct,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    content_type: str = "application/json",
) -> Response:
    """A resource as an answer."""
    return Response(_encode(resource), status, headers, content_type=content_type)
