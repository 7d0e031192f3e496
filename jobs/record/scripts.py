"""The Lua scripts, each with what it shares with Python in front: states, limits, keys and numbers."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from importlib.resources import files

from jobs.limits import NAMES
from jobs.model import Status
from jobs.record import constants, keys
from jobs.record.keys import Key


@cache
def source(name: str) -> str:
    """The text of a script: the prelude with what it names, lib.lua, and its own file."""
    folder = files("jobs.record") / "scripts"
    text = "\n".join((folder / f"{part}.lua").read_text(encoding="utf-8") for part in ("lib", name))
    # Each name costs a little at every call.
    named = set(re.findall(r"\w+", text))
    return f"{prelude(Status, named)}\n{text}"


def prelude(statuses: Iterable[Status], named: Collection[str]) -> str:
    """What Python declares, as Lua: ``Status``, ``ended``, ``unsuccessful``, ``Limits``, ``keys``, and each constant.

    Args:
        statuses: The states.
        named: The names of keys, limits and constants to declare.
    """
    known = list(statuses)
    numbers = {name: value for name, value in vars(constants).items() if name.isupper() and name in named}
    declared = {name: key for name, key in vars(keys).items() if isinstance(key, Key) and name in named}
    return "\n".join(
        (
            _table("Status", {status.name: f"'{status}'" for status in known}),
            _table("ended", {f"['{status}']": "true" for status in known if status.is_terminal}),
            _table("unsuccessful", {f"['{status}']": "true" for status in known if status.is_unsuccessful}),
            _table("Limits", {name: f"'{name}'" for name in NAMES if name in named}),
            _table("keys", {name: _key(key) for name, key in declared.items()}),
            *(f"local {name} = {value}" for name, value in numbers.items()),
        )
    )


def _table(name: str, fields: Mapping[str, str]) -> str:
    return f"local {name} = {{{', '.join(f'{field} = {value}' for field, value in fields.items())}}}"


def _key(key: Key) -> str:
    """A text: of a family of keys the part before its field. Where a family has more fields, a function of them."""
    first, *others = key.parts
    if others in ([], [""]):
        return f"'{first}'"
    fields = [f"f{number}" for number, _ in enumerate(others)]
    rest = "".join(f" .. {field} .. '{part}'" for field, part in zip(fields, others, strict=True))
    return f"function({', '.join(fields)}) return '{first}'{rest} end"
