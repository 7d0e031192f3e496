"""The Lua scripts, each with what it shares with others and with Python in front."""

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
#: What a paragraph of shared code declares.
_DECLARED = re.compile(r"^local (?:function )?(\w+)", re.MULTILINE)
#: A key, where a script names it.
_KEY = re.compile(r"\bkeys\.(\w+)")


def _read(name: str) -> str:
    return (files("jobs.record") / "scripts" / f"{name}.lua").read_text(encoding="utf-8")


@cache
def source(name: str) -> str:
    """The text of a script: the prelude and the shared functions that it needs, the scripts that it calls, and its own.

    What is in a text is made anew at every call, also what the call does not use. That costs more than short scripts do.
    """
    own = _read(name)
    text = "\n".join((*map(_function, _named(_CALLS, own)), _code(own)))
    shared = "\n\n".join(_code(_read(part)) for part in ("lib", *_named(_WITH, own)))
    text = f"{_needed(shared, text)}\n{text}"
    return f"{prelude(Status, _words(text))}\n{_KEY.sub(_written, text)}"


def _code(text: str) -> str:
    """A script without the comments that have a line of their own: names in them need nothing."""
    return re.sub(r"^ *--.*\n", "", text, flags=re.MULTILINE)


def _needed(shared: str, text: str) -> str:
    """Of the paragraphs of shared code those that declare what the text names, or one of them names that comes later."""
    found: list[str] = []
    named = _words(text)
    for paragraph in reversed(shared.split("\n\n")):
        if named & set(_DECLARED.findall(paragraph)):
            found.insert(0, paragraph)
            named |= _words(paragraph)
    return "\n".join(found)


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


def _named(line: re.Pattern[str], text: str) -> list[str]:
    found = line.match(text)
    return _FILE.findall(found[1]) if found else []


def _function(name: str) -> str:
    """A script as a function of the same name, for one that calls it."""
    return f"local function {name}(KEYS, ARGV)\n{_code(_read(name))}\nend"


def prelude(statuses: Iterable[Status], named: Collection[str]) -> str:
    """What Python declares and the text names, as Lua.

    That is ``Status``, ``ended``, ``unsuccessful``, ``Limits``, the ``keys`` that are functions, each constant, and
    ``message_for`` with its ``QUEUE``.
    """
    known = list(statuses)
    numbers = {name: value for name, value in vars(constants).items() if name.isupper() and name in named}
    declared = {name: key for name, key in vars(keys).items() if isinstance(key, Key) and name in named}
    tables = {
        "Status": {status.name: f"'{status}'" for status in known if status.name in named},
        "ended": {f"['{status}']": "true" for status in known if status.is_terminal},
        "unsuccessful": {f"['{status}']": "true" for status in known if status.is_unsuccessful},
        "Limits": {name: f"'{name}'" for name in NAMES if name in named},
        "keys": {name: _key(key) for name, key in declared.items() if not _is_text(key)},
    }
    return "\n".join(
        (
            *(_table(name, fields) for name, fields in tables.items() if fields and name in named),
            *(f"local {name} = {value}" for name, value in numbers.items()),
            *([_message()] if "message_for" in named else []),
        )
    )


def _written(found: re.Match[str]) -> str:
    """A key that is a text, where it is named."""
    key: Key = getattr(keys, found[1])
    return _key(key) if _is_text(key) else found[0]


def _is_text(key: Key) -> bool:
    return key.parts[1:] in ([], [""])


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
    if _is_text(key):
        return f"'{first}'"
    fields = [f"f{number}" for number, _ in enumerate(others)]
    rest = "".join(f" .. {field} .. '{part}'" for field, part in zip(fields, others, strict=True))
    return f"function({', '.join(fields)}) return '{first}'{rest} end"
