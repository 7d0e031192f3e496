"""A route's declaration: its scope, what it takes, what it answers.

The gate, the OpenAPI document and the guards in tests/guards read the same
declaration, so they cannot disagree with one another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Final, Literal, TypeVar

from jobs.access.api_keys import Scope
from web.http.rate_limits import Rate
from web.http.validation import BodyReader

Tag = Literal["Jobs", "Files", "Results", "Webhooks", "Catalog", "Operations", "Admin", "Pages"]
View = TypeVar("View", bound=Callable[..., Any])

#: What an answer holds: a resource, one of several, or (None) what JSON Schema does not describe.
Content = type | tuple[type, ...] | None

_ATTRIBUTE: Final = "darkroom_operation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A query parameter or header. ``schema`` is its JSON Schema, or a type that has one."""

    name: str
    place: Literal["query", "header"]
    description: str
    schema: Any = str
    example: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
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
        tag: Its chapter.
        scope: The scope that a key needs; None: no key is needed.
        answers: Its successful answers.
        errors: Codes of :data:`web.http.problem_kinds.KINDS`, beyond those that every route can give.
        parameters: Query parameters and headers.
        body: What reads the body, or the name of a component of the document.
        body_type: The body's content type.
        body_required: Whether it must be sent.
        linkable: Whether a signed link can take the key's place.
        submits: Whether it makes jobs, and so counts against the limit of submissions.
    """

    id: str
    tag: Tag
    scope: Scope | None
    _: KW_ONLY
    answers: tuple[Answer, ...]
    errors: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    body: BodyReader[Any] | str | None = None
    body_type: str = "application/json"
    body_required: bool = True
    linkable: bool = False
    submits: bool = False

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


def ok(description: str, content: Content, *headers: str, status: int = 200) -> Answer:
    """A success with JSON."""
    return Answer(status=status, description=description, content={"application/json": content}, headers=headers)


def operation_of(view: Callable[..., Any] | None) -> Operation | None:
    """The declaration of a view; None if it has none."""
    return getattr(view, _ATTRIBUTE, None)
