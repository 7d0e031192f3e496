"""The arguments of a call: each value in its own parameter's place, by name, and never by a guess. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from providers import clean
from providers.errors import Changed
from providers.gradio.components.table import argument, fits
from providers.gradio.endpoints import Endpoint, Slot

_SEPARATORS: Final = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Several:
    """The values of several parameters that are for one input, such as a text and a picture for a box that takes both."""

    values: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class AsIs:
    """A value that already has the shape of its component."""

    value: object


def arguments(
    endpoint: Endpoint,
    given: Mapping[str, object],
    order: Sequence[str] = (),
    version: tuple[int, ...] = (),
) -> list[object]:
    """One value per input of the function: the given one, else (none, or None) what the app's own page would send.

    Each is in the shape that its component takes in this version of Gradio.

    ``order`` has the names of all inputs in the app's order, for an app that does not tell them. Without it, labels
    count, but only where they leave no doubt.

    Raises:
        Changed: The function lacks a given parameter, it cannot be known which input is which, or an input takes no such
            value.
        Rejected: An input takes fewer files.
    """
    slots = named(endpoint, given, order)
    if unknown := sorted(set(given) - {slot.name for slot in slots if not slot.hidden}):
        raise Changed(f"{endpoint.label} of the app no longer has the parameter {_quoted(unknown)}")
    return [None if slot.hidden else _sent(slot, given, version) for slot in slots]


def component(endpoint: Endpoint, name: str, order: Sequence[str] = ()) -> str:
    """The component that a parameter is entered with, such as ``gallery``; empty if that is not known."""
    visible = [slot for slot in endpoint.slots if not slot.hidden]
    if not endpoint.names and len(order) == len(visible):
        return dict(zip(order, (slot.component for slot in visible), strict=True)).get(name, "")
    found = [slot for slot in visible if name == slot.name or (not endpoint.names and _key(name) in _keys(slot))]
    return found[0].component if len(found) == 1 else ""


def _values(given: object) -> tuple[object, ...]:
    return given.values if isinstance(given, Several) else (given,)


def _sent(slot: Slot, given: Mapping[str, object], version: tuple[int, ...]) -> object:
    name = slot.name or ""
    if name not in given:
        return argument(slot, (), version)
    value = given[name]
    return value.value if isinstance(value, AsIs) else argument(slot, _values(value), version)


def named(endpoint: Endpoint, given: Mapping[str, object], order: Sequence[str]) -> tuple[Slot, ...]:
    """All inputs of a function, with their names; ``given`` and ``order`` as :func:`arguments` has them.

    Raises:
        Changed: It cannot be known which input is which.
    """
    visible = [slot for slot in endpoint.slots if not slot.hidden]
    if len(set(endpoint.names)) == len(visible):
        return endpoint.slots
    if order:
        if len(order) != len(visible):
            raise _untold(endpoint, f"it has {len(visible)} inputs, and {len(order)} are declared")
        names: Mapping[int, str] = {id(slot): name for slot, name in zip(visible, order, strict=True)}
    else:
        names = _by_labels(endpoint, visible, given)
    return tuple(replace(slot, name=names.get(id(slot))) for slot in endpoint.slots)


def _by_labels(endpoint: Endpoint, visible: Sequence[Slot], given: Mapping[str, object]) -> Mapping[int, str]:
    """The name of each input whose label is a given name, if that leaves no doubt about any input."""
    names: dict[int, str] = {}
    for name, value in given.items():
        found = [slot for slot in visible if _key(name) in _keys(slot)]
        if len(found) != 1 or id(found[0]) in names:
            raise _untold(endpoint, f"{_quoted([name])} is the label of {'no' if not found else 'more than one'} input")
        if not all(one is None or fits(found[0], one) for one in _values(value) if not isinstance(one, AsIs)):
            raise _untold(endpoint, f"{_quoted([name])} is the label of a {found[0].component or 'strange input'}")
        names[id(found[0])] = name
    if any(slot.default is None and id(slot) not in names for slot in visible):
        raise _untold(endpoint, "some of its inputs have neither a declared label nor a value of their own")
    return names


def _untold(endpoint: Endpoint, why: str) -> Changed:
    visible = [slot for slot in endpoint.slots if not slot.hidden]
    order = ", ".join(f'"{_key(slot.label) or slot.component or "?"}"' for slot in visible)
    return Changed(
        f"{endpoint.label} of the app does not tell the names of its parameters, and {why}."
        f" Declare the names of all its inputs in its order; by its labels: order = [{clean.text(order, 400)}]"
    )


def _keys(slot: Slot) -> set[str]:
    return {_key(slot.label), _key(slot.key)} - {""}


def _key(text: str) -> str:
    """A label as a name: ``Negative prompt`` is ``negative_prompt``."""
    return _SEPARATORS.sub("_", text).strip("_").casefold()


def _quoted(names: Sequence[str]) -> str:
    return clean.text(", ".join(f"'{name}'" for name in names), 200)
