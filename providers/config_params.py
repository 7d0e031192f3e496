"""Parameters that an operator declares in TOML, by a default or in full. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any, Final, cast

from msgspec import Meta

from providers import params
from providers.config_values import Reader, flag, one_of, read_table, reader
from providers.spec import FILE_TYPES, PROMPT_LIMIT, Param, ParamType

#: By the types of TOML's values, which are exactly these.
_TYPES_OF_VALUES: Final[Mapping[type, ParamType]] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
}
_NUMBER: Final = reader(int | float, "give a number, and only for a parameter of the type integer or number")
#: Types that a declaration may name. The others are for drivers of our own.
_TYPES: Final[tuple[ParamType, ...]] = ("string", "integer", "number", "boolean", "strings", "json", *FILE_TYPES)
_KEYS: Final[Mapping[str, Reader]] = {
    "type": one_of(*_TYPES),
    "default": lambda value: value,
    "required": flag,
    "minimum": _NUMBER,
    "maximum": _NUMBER,
    "max_length": reader(int, "give a whole number, and only for a parameter of the type string"),
    "enum": reader(list[object], "give a list of values of the parameter's type"),
    "description": str,
    "argument": reader(Annotated[str, Meta(min_length=1)], "give the parameter's name in the app"),
}
_PARAMETERS_LIMIT: Final = 100

#: Parameters that mean the same everywhere. A declaration only changes their details.
_WELL_KNOWN: Final[Mapping[str, Param]] = {
    "prompt": params.PROMPT,
    "seed": params.seed(),
    "randomize_seed": params.RANDOMIZE_SEED,
    "width": params.side("width"),
    "height": params.side("height"),
    "image": Param(name="image", type="image", description="The input image."),
}


@dataclass(frozen=True, slots=True)
class Declared:
    """A parameter, and its name in the app."""

    param: Param
    argument: str


def read(table: object) -> tuple[Declared, ...]:
    """Read a table of parameters: for each name a default, or a table with some of :data:`_KEYS`.

    Raises:
        ValueError: Something in it is wrong. The text names the parameter.
    """
    if not isinstance(table, dict) or len(table) > _PARAMETERS_LIMIT:
        raise ValueError('give a table of parameters, such as { prompt = "", steps = 4 }')
    tables = {name: value if isinstance(value, dict) else {"default": value} for name, value in table.items()}
    return tuple(read_table(tables, {name: partial(_declared, name) for name in tables}).values())


def _declared(name: str, given: Mapping[str, object]) -> Declared:
    table = read_table(given, _KEYS)
    known = _WELL_KNOWN.get(name)
    if known and table.get("type", known.type) != known.type:
        raise ValueError(f"its type is {known.type} everywhere; choose another name for it")
    param = _defaulted(_bounded(known or Param(name=name, type=_type(table)), table), table.get("default"))
    param = replace(
        param,
        required=table.get("required", param.required),
        description=table.get("description", param.description),
    )
    return Declared(param, table.get("argument", name))


def _type(table: Mapping[str, Any]) -> ParamType:
    if "type" in table:
        return cast("ParamType", table["type"])
    value = table["default"] if "default" in table else next(iter(table.get("enum", ())), "")
    if isinstance(value, list):
        return "strings"
    if type(value) not in _TYPES_OF_VALUES:
        raise ValueError("give a text, a number, true or false, a list of texts, or a table with type")
    return _TYPES_OF_VALUES[type(value)]


def _bounded(param: Param, table: Mapping[str, Any]) -> Param:
    if param.type not in {"integer", "number"} and not table.keys().isdisjoint({"minimum", "maximum"}):
        raise ValueError("minimum and maximum are only for a parameter of the type integer or number")
    if param.type != "string" and "max_length" in table:
        raise ValueError("max_length is only for a parameter of the type string")
    enum = table.get("enum", [])
    of = "string" if param.type == "strings" else param.type
    if not all(_fits(of, value) for value in enum):
        raise ValueError(f"enum: give a list of values of the type {of}")
    length = param.max_length or (PROMPT_LIMIT if param.type == "string" else None)
    return replace(
        param,
        minimum=table.get("minimum", param.minimum),
        maximum=table.get("maximum", param.maximum),
        # The operator's maximum is the end of the app's range.
        wrap=None if "maximum" in table else param.wrap,
        max_length=table.get("max_length", length),
        enum=tuple(enum) or param.enum,
    )


def _defaulted(param: Param, default: object) -> Param:
    if default is None or (default == "" and param.required):
        return param
    if param.type == "strings":
        return replace(param, default=_texts(param, default), required=False)
    if not _fits(param.type, default):
        raise ValueError(f"default: give a value of the type {param.type}")
    if param.enum and default not in param.enum:
        raise ValueError("default: it is not one of enum")
    return replace(param, default=default, required=False, random=False)


def _texts(param: Param, default: object) -> tuple[str, ...]:
    if not isinstance(default, list) or not all(isinstance(value, str) for value in default):
        raise ValueError("default: give a list of texts")
    if param.enum and not set(default) <= set(param.enum):
        raise ValueError("default: one of it is not in enum")
    return tuple(default)


def _fits(kind: ParamType, value: object) -> bool:
    found = _TYPES_OF_VALUES.get(type(value))
    return found == kind or (kind == "number" and found == "integer")
