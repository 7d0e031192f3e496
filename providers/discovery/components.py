"""What an input or an output is for a declaration, by the table of Gradio's components. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, cast

from media import KINDS, Kind
from providers.discovery.functions import Input
from providers.gradio.components.table import TABLE, param_type
from providers.spec import FILE_TYPES, ParamType

#: A file whose kind its name does not tell.
_SOME_FILE: Final[Kind] = "file"
#: Types that ``/info`` tells, for a component that holds anything (``gr.api``) or is not in the table.
_SCHEMAS: Final[frozenset[str]] = frozenset({"string", "integer", "number", "boolean"})


def is_furniture(component: str) -> bool:
    """Whether it is a part of the page and never a result."""
    return component in TABLE and TABLE[component].read is None


def _kind(component: str) -> Kind:
    row = TABLE.get(component)
    return "json" if row is None else row.gives or _SOME_FILE


def is_file(component: str) -> bool:
    """Whether it holds a picture, a sound, a film or another file."""
    return KINDS[_kind(component)].is_file


def is_text(entry: Input) -> bool:
    """Whether a text is entered, rather than chosen."""
    return not entry.choices and type_of(entry) == "string" and entry.component not in {"colorpicker", "datetime"}


def kind_of(outputs: Iterable[str]) -> Kind:
    """What a function makes: a file where one comes out, else a text, else data."""
    kinds = [_kind(component) for component in outputs if not is_furniture(component)]
    files = (kind for kind in kinds if KINDS[kind].is_file)
    return next(files, None) or ("text" if "text" in kinds else "json")


def can_give(kind: Kind, outputs: Iterable[str]) -> bool:
    """Whether a function with these outputs can give a result of this kind.

    Anything can be told as a text; a page may hold a picture; and what kind a file is, only the file tells.
    """
    return not KINDS[kind].is_file or any(_kind(component) in {kind, _SOME_FILE, "text"} for component in outputs)


def type_of(entry: Input) -> ParamType | None:
    """The type of a parameter; None if it cannot be declared."""
    found = param_type(entry.slot)
    if found == "number":
        return "integer" if entry.whole else "number"
    if found is None or entry.component == "api":
        return cast("ParamType", entry.schema) if entry.schema in _SCHEMAS else found
    if found == "string" and entry.choices:
        return _type_of_choices(entry.choices)
    return found if found != "strings" or all(isinstance(choice, str) for choice in entry.choices) else None


def is_given_as_file(kind: ParamType) -> bool:
    """Whether a parameter of this type takes files."""
    return kind in FILE_TYPES


def _type_of_choices(choices: tuple[object, ...]) -> ParamType | None:
    kinds = {type(choice) for choice in choices}
    if kinds == {str}:
        return "string"
    if kinds == {int}:
        return "integer"
    return "number" if kinds <= {int, float} else None
