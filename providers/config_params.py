"""Parameters that an operator declares in TOML, by a default or in full. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from providers import params
from providers.spec import PROMPT_LIMIT, Param, ParamType

_TYPES: Final[tuple[ParamType, ...]] = ("string", "integer", "number", "boolean", "image", "images")
#: The types of TOML's values. True and false come first, since bool is an int in Python.
_TYPES_OF_VALUES: Final[tuple[tuple[type, ParamType], ...]] = (
    (bool, "boolean"),
    (int, "integer"),
    (float, "number"),
    (str, "string"),
)
_KEYS: Final = ("type", "default", "required", "minimum", "maximum", "max_length", "enum", "description", "argument")
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
    """Read a table of parameters.

    Args:
        table: For each name a default, or a table with ``type``, ``default``,
            ``required``, ``minimum``, ``maximum``, ``max_length``, ``enum``,
            ``description`` and ``argument``.

    Raises:
        ValueError: Something in it is wrong. The text names the parameter.
    """
    if not isinstance(table, dict) or len(table) > _PARAMETERS_LIMIT:
        raise ValueError('give a table of parameters, such as { prompt = "", steps = 4 }')
    found = []
    for name, value in table.items():
        try:
            found.append(_declared(name, value if isinstance(value, dict) else {"default": value}))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
    return tuple(found)


def _declared(name: str, table: Mapping[str, Any]) -> Declared:
    for key in table:
        if key not in _KEYS:
            raise ValueError(f"{key} is unknown; the keys are {', '.join(_KEYS)}")
    known = _WELL_KNOWN.get(name)
    param = known or Param(name=name, type=_type(table))
    if known and table.get("type", known.type) != known.type:
        raise ValueError(f"its type is {known.type} everywhere; choose another name for it")
    param = _bounded(param, table)
    param = _defaulted(param, table.get("default"))
    if "required" in table:
        param = replace(param, required=_flag(table["required"]))
    argument = table.get("argument", name)
    if not isinstance(argument, str) or not argument:
        raise ValueError("argument: give the parameter's name in the app")
    return Declared(replace(param, description=str(table.get("description", param.description))), argument)


def _type(table: Mapping[str, Any]) -> ParamType:
    if "type" in table:
        for name in _TYPES:
            if table["type"] == name:
                return name
        raise ValueError(f"type: give one of {', '.join(_TYPES)}")
    if "default" in table:
        return _type_of(table["default"])
    enum = table.get("enum")
    return _type_of(enum[0]) if isinstance(enum, list) and enum else "string"


def _type_of(value: object) -> ParamType:
    for kind, name in _TYPES_OF_VALUES:
        if isinstance(value, kind):
            return name
    raise ValueError("give a text, a number, true or false, or a table with type")


def _bounded(param: Param, table: Mapping[str, Any]) -> Param:
    numeric = param.type in {"integer", "number"}
    for key in ("minimum", "maximum"):
        if key in table and not (numeric and _type_of(table[key]) in {"integer", "number"}):
            raise ValueError(f"{key}: give a number, and only for a parameter of the type integer or number")
    if "max_length" in table and not (param.type == "string" and _type_of(table["max_length"]) == "integer"):
        raise ValueError("max_length: give a whole number, and only for a parameter of the type string")
    enum = table.get("enum", [])
    if not isinstance(enum, list) or not all(_fits(param.type, value) for value in enum):
        raise ValueError(f"enum: give a list of values of the type {param.type}")
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
    if param.type in {"image", "images"} or not _fits(param.type, default):
        raise ValueError(f"default: give a value of the type {param.type}")
    if param.enum and default not in param.enum:
        raise ValueError("default: it is not one of enum")
    return replace(param, default=default, required=False, random=False)


def _fits(kind: ParamType, value: object) -> bool:
    try:
        found = _type_of(value)
    except ValueError:
        return False
    return found == kind or (kind == "number" and found == "integer")


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("required: give true or false")  # noqa: TRY004 - one type for every wrong value
    return value
