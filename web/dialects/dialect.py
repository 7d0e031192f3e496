"""What a dialect declares."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """The API of another service.

    Args:
        name: As in ``DARKROOM_DIALECTS``, and in ``metadata.dialect`` of the jobs that it makes.
        label: Its name for people.
        blueprints: Its routes, with their whole paths.
        page: Its page in docs/how-to.
        lacks: What its clients may miss, and why it is not there, in Markdown: rows of docs/reference/compatibility.md.
    """

    name: str
    label: str
    blueprints: tuple[Blueprint, ...]
    page: str
    lacks: tuple[tuple[str, str], ...] = ()
