"""Dialects: the APIs of other services, over the same jobs, so that their clients work here by another address.

Each package in this folder is one dialect. It has a ``DIALECT`` (:class:`web.dialects.dialect.Dialect`), and a dialect
that is added needs nothing but its package: ``DARKROOM_DIALECTS`` names those that are switched on.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Collection
from importlib import import_module
from typing import Final

from flask import Flask

from settings import SettingsError
from web.dialects.dialect import Dialect

#: The names of all dialects.
NAMES: Final = tuple(sorted(found.name for found in pkgutil.iter_modules(__path__) if found.ispkg))


def chosen(words: Collection[str]) -> tuple[str, ...]:
    """The dialects that a setting switches on: ``all``, ``none``, or their names.

    Raises:
        SettingsError: There is no dialect of such a name.
    """
    if words in (("all",), ("none",)):
        return NAMES if words == ("all",) else ()
    unknown = [word for word in words if word not in NAMES]
    if unknown:
        raise SettingsError(
            f"DARKROOM_DIALECTS: there is no dialect {unknown[0]!r}; give all, none, or {', '.join(NAMES)}"
        )
    return tuple(name for name in NAMES if name in words)


def load(name: str) -> Dialect:
    """A dialect by its name."""
    found: Dialect = import_module(f"{__name__}.{name}").DIALECT
    return found


def register(app: Flask, words: Collection[str]) -> None:
    """Add the routes of the dialects that are switched on."""
    for name in chosen(words):
        for blueprint in load(name).blueprints:
            app.register_blueprint(blueprint)
