"""From a function of an app to the TOML that declares it as a provider. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from media import Kind
from providers import clean, config_params
from providers.discovery import toml
from providers.discovery.components import is_given_as_file, is_text, kind_of, type_of
from providers.discovery.functions import Function, Input
from providers.discovery.guess import prompt_of
from providers.spec import STRINGS_LIMIT

#: Longest default that is written, in characters. The app's own value is sent where there is none.
_DEFAULT: Final = 1000
#: The label of a chat's answer.
_CHATS_ANSWER: Final = "Response"
#: Parameters of ours that are whole numbers everywhere, though an app's box for them may take fractions.
_WHOLE: Final = frozenset({"seed", "width", "height"})


class CannotDeclare(Exception):
    """A function cannot be declared without a person. The text says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """A provider, as it stands in the operator's file.

    Args:
        name: Of the provider.
        table: ``[providers.NAME]``, as TOML reads it.
        notes: What a person should know about it.
    """

    name: str
    table: Mapping[str, object]
    notes: tuple[str, ...]

    @property
    def text(self) -> str:
        """The TOML, with the notes as comments."""
        plain = {key: value for key, value in self.table.items() if key != "parameters"}
        notes = [f"# {clean.text(note, 400)}" for note in self.notes]
        parameters = toml.table(f"providers.{self.name}.parameters", toml.mapping(self.table["parameters"]))
        return "\n".join([*notes, toml.table(f"providers.{self.name}", plain), parameters])


def slug(text: str) -> str:
    """A text as the name of a provider; empty if nothing is left of it."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60].strip("-")


def declare(
    function: Function, name: str, place: Mapping[str, object], notes: tuple[str, ...] = (), *, zerogpu: bool = False
) -> Declaration:
    """Declare a function as a provider.

    Args:
        function: Of the app.
        name: The provider's name and its model's.
        place: The keys that say where the app is and what opens it.
        notes: More to tell in comments.
        zerogpu: Whether the app is a ZeroGPU Space.

    Raises:
        CannotDeclare: It has no public name, or its parameters cannot be told apart.
    """
    if function.endpoint.api_name is None:
        raise CannotDeclare(f"{function.label} has no name by which it could be called")
    arguments, order = _arguments(function)
    parameters: dict[str, object] = {}
    left_out = []
    for entry, argument in zip(function.inputs, arguments, strict=True):
        found = _parameter(function, entry, argument, parameters)
        if found is None:
            left_out.append(f"{argument} ({entry.component or 'of an unknown kind'})")
        else:
            parameters[found[0]] = found[1]
            parameters |= _beside(entry, argument, {*arguments, *parameters})
    kind = _kind(function)
    table: dict[str, object] = {
        "driver": "space",
        **place,
        "api_name": function.label,
        "models": [name],
        "kind": kind,
        **({"order": order} if order else {}),
        **({"previews": True} if function.is_stepwise and kind == "image" else {}),
        **({"zerogpu": True} if zerogpu else {}),
        "parameters": parameters,
    }
    return Declaration(name=name, table=table, notes=(*notes, *_remarks(order, left_out)))


def _kind(function: Function) -> Kind:
    """What it makes. A chat (``gr.ChatInterface`` of Gradio 5 and 6) gives its text in a component for JSON."""
    kind, outputs = kind_of(function.outputs), function.endpoint.outputs
    chats = "message" in {entry.name for entry in function.inputs} and _CHATS_ANSWER in {one.label for one in outputs}
    return "text" if kind == "json" and chats else kind


def _remarks(order: list[str], left_out: list[str]) -> Iterator[str]:
    if order:
        yield "The app does not tell the names of its parameters: these are its labels, in its order."
    if left_out:
        yield f"Not declared, so the app gets what its own page would send: {', '.join(left_out)}."


def _arguments(function: Function) -> tuple[list[str], list[str]]:
    """The app's names of all inputs; a second time as the order, if the app does not tell them."""
    if function.tells_names:
        return [entry.name for entry in function.inputs], []
    labels = [re.sub(r"[\W_]+", "_", entry.label).strip("_").casefold() for entry in function.inputs]
    if "" in labels or len(set(labels)) < len(labels):
        told = ", ".join(entry.label or entry.component or "?" for entry in function.inputs)
        raise CannotDeclare(
            f"{function.label} does not tell the names of its parameters, and its labels do not tell them apart"
            f" ({clean.text(told, 300)}): declare it by hand, with order"
        )
    return labels, labels


def _parameter(
    function: Function, entry: Input, argument: str, taken: Mapping[str, object]
) -> tuple[str, object] | None:
    """Our name of a parameter and its declaration; None if it cannot be declared."""
    prompt = prompt_of(function)
    kind = type_of(entry)
    if kind is None:
        return None
    if argument in _WHOLE and kind == "number" and _are_whole(entry):
        kind = "integer"
    ours = "prompt" if entry is prompt else argument
    table = dict(_table(entry, kind))
    if entry is prompt:
        table = {"default": ""}
    elif is_given_as_file(kind) and prompt is None:
        table["required"] = True
    for name in (ours, f"{ours}_value", f"{ours}_{entry.component}"):
        full = table if name == argument else {"argument": argument, **table}
        if name not in taken and _reads(name, full):
            is_short = full.keys() == {"default"}
            return name, full["default"] if is_short else full
    return None


def _beside(entry: Input, argument: str, taken: Collection[str]) -> dict[str, object]:
    """A second parameter for an input that holds two things: a text with files, a picture with what is painted on it."""
    more = {"multimodaltextbox": ("files", "files"), "imageeditor": ("mask", "image")}.get(entry.component)
    if more is None or more[0] in taken:
        return {}
    return {more[0]: {"argument": argument, "type": more[1]}}


def _table(entry: Input, kind: str) -> Iterator[tuple[str, object]]:
    """The keys of a parameter besides its name in the app."""
    default = _default(entry, kind)
    if default is None:
        yield "type", kind
    else:
        yield "default", default
    number = int if kind == "integer" else float
    if kind in {"integer", "number"} and not entry.choices:
        for key, value in (("minimum", entry.minimum), ("maximum", entry.maximum)):
            if value is not None and (kind == "number" or value.is_integer()):
                yield key, number(value)
    if entry.choices:
        yield "enum", [float(c) if kind == "number" and isinstance(c, int) else c for c in entry.choices]
    words = entry.info or entry.label
    if words and words.lower().replace(" ", "_") != entry.name.lower():
        yield "description", words


def _default(entry: Input, kind: str) -> object:
    """The app's own value, as the type has it; None if it has none, or one that its own page would refuse."""
    value = entry.default
    if kind == "strings":
        return _texts(entry)
    if entry.choices and value not in entry.choices:
        return None
    match kind:
        case "boolean":
            return value if isinstance(value, bool) else None
        case "string":
            if value is None and is_text(entry):
                return ""
            return value if isinstance(value, str) and len(value) <= _DEFAULT else None
        case "integer" | "number" if isinstance(value, int | float) and not isinstance(value, bool):
            low, high = entry.minimum, entry.maximum
            if (low is not None and value < low) or (high is not None and value > high):
                return None
            if kind == "number":
                return float(value)
            return int(value) if float(value).is_integer() else None
    return None


def _texts(entry: Input) -> object:
    """A list of texts, if the app's own value is one; None if not."""
    found = entry.default if isinstance(entry.default, list) else []
    fits = all(isinstance(text, str) and (not entry.choices or text in entry.choices) for text in found)
    return found if fits and len(found) <= STRINGS_LIMIT else None


def _are_whole(entry: Input) -> bool:
    numbers = (entry.default, entry.minimum, entry.maximum)
    return all(float(number).is_integer() for number in numbers if isinstance(number, int | float))


def _reads(name: str, table: Mapping[str, object]) -> bool:
    """Whether the configuration takes this parameter: some names have a type of their own."""
    try:
        config_params.read({name: table})
    except ValueError:
        return False
    return True
