"""How the live app differs from what is declared of it. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Final

from providers import clean
from providers.discovery.components import can_give, type_of
from providers.discovery.declared import DeclaredCall
from providers.discovery.functions import Description, Function, Input
from providers.inputs.normalise import round_side
from providers.spec import FILE_TYPES, ModelSpec, Param, ParamType


def drift(model: ModelSpec, call: DeclaredCall, description: Description) -> tuple[str, ...]:
    """What no longer fits between a model's declaration and the app; each a phrase. Empty if all fits.

    A default of its own, or a narrower range than the app's, is the operator's choice.
    """
    function = description.find(call.api_name) or _by_number(call, description)
    if function is None:
        names = [f.label for f in description.functions if f.endpoint.api_name]
        return (f"the function {call.api_name} is gone{_like(call.api_name, names)}",)
    return tuple(_differences(model, call, function))


def _by_number(call: DeclaredCall, description: Description) -> Function | None:
    numbers = (f for f in description.functions if f.endpoint.fn_index == call.fn_index)
    return None if call.fn_index is None else next(numbers, None)


def _differences(model: ModelSpec, call: DeclaredCall, function: Function) -> Iterator[str]:
    label = function.label
    inputs = _inputs(call, function)
    if inputs is None:
        yield f"{label} has {len(function.inputs)} inputs, and order names {len(call.order)}"
        return
    declared = {name for names in call.arguments.values() for name in names}
    for ours, names in call.arguments.items():
        found = next((inputs[name] for name in names if name in inputs), None)
        if found is None:
            free = [name for name in inputs if name not in declared]
            yield f"{label} no longer has the parameter {names[0]!r}{_like(names[0], free, alone=True)}"
            continue
        param = model.param(ours)
        if param is not None:
            yield from (f"{names[0]} of {label} {what}" for what in _changes(param, found))
    if call.is_result and not can_give(model.kind, function.outputs):
        gives = ", ".join(component for component in function.outputs if component) or "nothing"
        yield f"{label} gives {clean.text(gives, 100)} now, and {model.kind} is declared"


def _inputs(call: DeclaredCall, function: Function) -> Mapping[str, Input] | None:
    """The inputs by the names that the declaration uses; None if their number is another one."""
    if function.tells_names:
        return {entry.name: entry for entry in function.inputs}
    if not call.order:
        return {name: entry for entry in function.inputs for name in (_key(entry.label),) if name}
    if len(call.order) != len(function.inputs):
        return None
    return dict(zip(call.order, function.inputs, strict=True))


def _changes(param: Param, entry: Input) -> Iterator[str]:
    kind = type_of(entry)
    if kind is not None and not _goes_with(param.type, kind, entry.component):
        yield f"is of the type {kind} now, and {param.type} is declared"
        return
    if entry.choices:
        gone = [choice for choice in param.enum if choice not in entry.choices]
        if gone:
            yield f"no longer takes {clean.text(', '.join(map(repr, gone)), 200)}"
        elif not param.enum:
            yield f"takes only {clean.text(', '.join(map(repr, entry.choices)), 200)} now"
    if param.wrap is not None:
        return
    least = param.minimum
    if param.name in _SIDES and least is not None:
        # What is sent is rounded.
        least = round_side(int(least))
    if entry.minimum is not None and least is not None and least < entry.minimum:
        yield f"begins at {entry.minimum:g} now, and {param.minimum:g} is declared"
    if entry.maximum is not None and param.maximum is not None and param.maximum > entry.maximum:
        yield f"ends at {entry.maximum:g} now, and {param.maximum:g} is declared"


_SIDES: Final = frozenset({"width", "height"})


def _goes_with(declared: ParamType, found: ParamType, component: str) -> bool:
    """Whether values of a declared type are what an input takes."""
    if declared in FILE_TYPES and component == "multimodaltextbox":
        return True
    if declared in FILE_TYPES and found in FILE_TYPES:
        # ``gr.File`` takes any kind, and lists are cut to what the input takes.
        return None in {FILE_TYPES[declared], FILE_TYPES[found]} or FILE_TYPES[declared] == FILE_TYPES[found]
    return declared in {found, "json"} or (declared, found) == ("integer", "number")


def _like(name: str, others: list[str], *, alone: bool = False) -> str:
    """What may be meant now, for people."""
    near = difflib.get_close_matches(name, others, n=1, cutoff=0.5)
    if near or (alone and len(others) == 1):
        return f"; it may be {clean.text((near or others)[0], 100)!r} now"
    return f"; there are {clean.text(', '.join(sorted(others)), 200)}" if others else ""


def _key(label: str) -> str:
    return "_".join(label.casefold().replace("-", " ").split())
