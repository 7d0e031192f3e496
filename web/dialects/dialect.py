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
    """

    name: str
    label: str
    blueprints: tuple[Blueprint, ...]
