"""The functions of an app with all that it tells of their inputs, from ``/config`` and ``/info``. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from providers import clean
from providers.gradio.endpoints import Endpoint, Slot, is_hidden, mapping, mappings, parse_app

#: Longest title that is kept, in characters.
_TITLE: Final = 100
#: Most choices that are kept.
_CHOICES: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One input that a call can have.

    Args:
        slot: Where its value goes.
        info: What its page says about it.
        schema: The type that ``/info`` tells, such as ``string``; empty if it tells none.
        whole: Only whole numbers are allowed.
        choices: The only values; none if there is no such list.
    """

    slot: Slot
    info: str = ""
    schema: str = ""
    minimum: float | None = None
    maximum: float | None = None
    whole: bool = False
    choices: tuple[object, ...] = ()

    @property
    def name(self) -> str:
        """The parameter's name; empty if the app does not tell it."""
        return self.slot.name or ""

    @property
    def label(self) -> str:
        """What its page calls it."""
        return self.slot.label

    @property
    def component(self) -> str:
        """Such as ``slider``; empty if it is not known."""
        return self.slot.component

    @property
    def default(self) -> object:
        """What its page would send; None if that is nothing."""
        return self.slot.default


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One function of an app.

    Args:
        is_shown: It is part of the documented API.
        is_stepwise: It may answer in several steps.
        triggers: What runs it on the page, such as ``click``.
    """

    endpoint: Endpoint
    inputs: tuple[Input, ...]
    is_shown: bool = True
    is_stepwise: bool = False
    triggers: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Its name for people."""
        return self.endpoint.label

    @property
    def outputs(self) -> tuple[str, ...]:
        """The components of its outputs, in order."""
        return tuple(output.component for output in self.endpoint.outputs)

    @property
    def tells_names(self) -> bool:
        """Whether the app tells the names of all its parameters."""
        return len({entry.name for entry in self.inputs if entry.name}) == len(self.inputs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """An app: its version of Gradio, its title, and its functions."""

    version: str
    title: str
    functions: tuple[Function, ...]

    def find(self, name: str) -> Function | None:
        """The function of this name, or None."""
        wanted = name.strip("/")
        return next((function for function in self.functions if function.endpoint.api_name == wanted), None)


def describe(config: object, info: object = None) -> Description:
    """Read what an app says about itself.

    Raises:
        Protocol: It is no Gradio app.
    """
    app, table = parse_app(config, info), mapping(config)
    components = {c["id"]: c for c in mappings(table.get("components")) if isinstance(c.get("id"), int)}
    told = mapping(mapping(info).get("named_endpoints"))
    return Description(
        version=".".join(map(str, app.version)),
        title=clean.text(table.get("title"), _TITLE),
        functions=tuple(
            _function(endpoint, fields, components, told)
            for endpoint, fields in zip(app.endpoints, mappings(table["dependencies"]), strict=True)
        ),
    )


def _function(
    endpoint: Endpoint,
    fields: Mapping[str, object],
    components: Mapping[object, Mapping[str, object]],
    told: Mapping[str, object],
) -> Function:
    entered = [c for c in _chosen(fields.get("inputs"), components) if not is_hidden(c)]
    visible = [slot for slot in endpoint.slots if not slot.hidden]
    parameters = list(mappings(mapping(told.get(endpoint.label)).get("parameters")))
    schemas = [mapping(parameter.get("type")) for parameter in parameters]
    schemas += [{}] * (len(visible) - len(schemas))
    return Function(
        endpoint=endpoint,
        inputs=tuple(
            _input(slot, component, schema) for slot, component, schema in zip(visible, entered, schemas, strict=False)
        ),
        is_shown=fields.get("show_api") is not False and fields.get("api_visibility", "public") == "public",
        is_stepwise=mapping(fields.get("types")).get("generator") is True,
        triggers=tuple(
            clean.text(target[1], 40)
            for target in _list(fields.get("targets"))
            if isinstance(target, list) and len(target) == 2
        ),
    )


def _input(slot: Slot, component: Mapping[str, object], schema: Mapping[str, object]) -> Input:
    props = mapping(component.get("props"))
    minimum, maximum, step = (_number(props.get(key)) for key in ("minimum", "maximum", "step"))
    told = schema.get("type")
    return Input(
        slot=slot,
        info=clean.message(props.get("info"), 300),
        schema=told if isinstance(told, str) else "",
        minimum=minimum,
        maximum=maximum,
        whole=told == "integer" or _is_whole(slot.component, props, (minimum, step, _number(slot.default))),
        choices=tuple(_choices(props.get("choices"))) if not props.get("allow_custom_value") else (),
    )


def _is_whole(kind: str, props: Mapping[str, object], numbers: tuple[float | None, ...]) -> bool:
    """Whether only whole numbers are meant: a slider says so by its step, a number by its precision."""
    if kind == "number":
        return props.get("precision") == 0 and not isinstance(props.get("precision"), bool)
    is_step = numbers[1] is not None and numbers[1] > 0
    return kind == "slider" and is_step and all(number is None or number.is_integer() for number in numbers)


def _choices(value: object) -> Iterator[object]:
    """The values of choices, which come as pairs of a label and a value, or as values."""
    for choice in _list(value)[:_CHOICES]:
        found = choice[1] if isinstance(choice, list) and len(choice) == 2 else choice
        if isinstance(found, str | int | float):
            yield found


def _chosen(ids: object, components: Mapping[object, Mapping[str, object]]) -> list[Mapping[str, object]]:
    return [components.get(number, {}) for number in _list(ids) if isinstance(number, int)]


def _number(value: object) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        return None
    return float(value)


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
