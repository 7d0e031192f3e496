"""The Lua scripts, each with what it shares with Python in front: states, limits, keys, numbers and the message."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from importlib.resources import files

from jobs.limits import NAMES
from jobs.model import Status
from jobs.record import constants, keys, messages
from jobs.record.keys import Key

#: The first lines of a script: the parts that it needs, and the scripts that it calls as functions.
_WITH = re.compile(r"\A-- With (.+)\.$", re.MULTILINE)
_CALLS = re.compile(r"\A(?:-- With .+\n)?-- Calls (.+)\.$", re.MULTILINE)
_FILE = re.compile(r"(\w+)\.lua")


def _read(name: str) -> str:
    return (files("jobs.record") / "scripts" / f"{name}.lua").read_text(encoding="utf-8")


@cache
def source(name: str) -> str:
    """The text of a script: the prelude with what it names, lib.lua, what its first lines name, and its own file."""
    own = _read(name)
    text = "\n".join((_read("lib"), *map(_read, _named(_WITH, own)), *map(_function, _named(_CALLS, own)), own))
    # Each name costs a little at every call.
    named = set(re.findall(r"\w+", text))
    return f"{prelude(Status, named)}\n{text}"


def _named(line: re.Pattern[str], text: str) -> list[str]:
    found = line.match(text)
    return _FILE.findall(found[1]) if found else []


def _function(name: str) -> str:
    """A script as a function of the same name, for one that calls it."""
    return f"local function {name}(KEYS, ARGV)\n{_read(name)}\nend"


def prelude(statuses: Iterable[Status], named: Collection[str]) -> str:
    """What Python declares, as Lua: ``Status``, ``ended``, ``unsuccessful``, ``Limits``, ``keys``, and each constant.

    Of keys, limits and constants only those that are named; and ``message_for`` with its ``QUEUE`` if that is.
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
            *([_message()] if "message_for" in named else []),
        )
    )


def _message() -> str:
    """The message of a job, by its id and the name of this delivery."""
    fields = {messages.JOB: "id", messages.TAG: "tag"}
    parts = re.split(f"({'|'.join(fields)})", messages.template())
    text = " .. ".join(fields.get(part) or f"[==[{part}]==]" for part in parts)
    return f"local QUEUE = '{messages.QUEUE}'\nlocal function message_for(id, tag) return {text} end"


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
