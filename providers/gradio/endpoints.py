"""The functions of an app, read from ``/config`` and ``/info``, and the arguments of a call. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from providers import clean
from providers.errors import Changed, Protocol

#: Streams whose steps after the first are diffs.
_WITH_DIFFS = frozenset({"sse_v2", "sse_v2.1", "sse_v3"})
_PROTOCOL = re.compile(r"sse(_v\d+(\.\d+)?)?")
_PREFIX = re.compile(r"(/[\w.-]+)+")
_NAME_LIMIT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One input of a function.

    Args:
        name: The parameter's name; None if the app does not tell it.
        hidden: It is not part of the API (``gr.State``), and always sent as null.
        required: It has no default.
        default: The value of the app's component; Gradio does not tell the default of the Python function.
        component: Such as ``slider``; empty if unknown.
    """

    name: str | None = None
    hidden: bool = False
    required: bool = False
    default: object = None
    component: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One function. ``api_name`` has no slash; it is None if the function has no public name."""

    fn_index: int
    api_name: str | None
    slots: tuple[Slot, ...] = ()
    outputs: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The function's name for people."""
        return f"/{self.api_name}" if self.api_name else f"function {self.fn_index}"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters, as far as the app tells them."""
        return tuple(slot.name for slot in self.slots if slot.name and not slot.hidden)

    def component(self, name: str) -> str:
        """The component that a parameter is entered with, such as ``gallery``; empty if the app does not tell."""
        return next((slot.component for slot in self.slots if slot.name == name), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A Gradio app as its ``/config`` describes it."""

    version: tuple[int, ...]
    protocol: str
    prefix: str
    endpoints: tuple[Endpoint, ...]

    @property
    def has_call(self) -> bool:
        """Whether ``POST /call/{name}`` exists (Gradio 4.20 and newer)."""
        return self.version >= (4, 20)

    @property
    def has_diffs(self) -> bool:
        """Whether a stream of ``/queue/join`` sends diffs. An unknown protocol is treated as the newest known one."""
        return self.protocol in _WITH_DIFFS or self.protocol not in {"sse", "sse_v1"}

    @property
    def speaks_queue(self) -> bool:
        """Whether we know its queue: Gradio 4 and newer; Gradio 3 has a WebSocket."""
        return _PROTOCOL.fullmatch(self.protocol) is not None

    def find(self, api_name: str | None, fn_index: int | None = None) -> Endpoint:
        """The function of this name, or else the one with this index.

        Raises:
            Changed: There is neither.
        """
        wanted = api_name.strip("/") if api_name else None
        for endpoint in self.endpoints:
            if wanted and endpoint.api_name == wanted:
                return endpoint
        for endpoint in self.endpoints:
            if fn_index is not None and endpoint.fn_index == fn_index:
                return endpoint
        names = ", ".join(sorted(f"/{e.api_name}" for e in self.endpoints if e.api_name))
        raise Changed(
            f"the app has no function {'/' + wanted if wanted else fn_index}; it has: {clean.text(names, 300) or 'none'}"
        )

    def signature(self) -> dict[str, object]:
        """Names and types of all public functions, without values, as JSON data that is stable."""
        return {
            e.label: {
                "inputs": [[s.name, s.component, s.required] for s in e.slots if not s.hidden],
                "outputs": list(e.outputs),
            }
            for e in sorted(self.endpoints, key=lambda e: e.label)
            if e.api_name
        }


def parse_app(config: object, info: object = None) -> App:
    """Read ``/config`` and, if the app gives it, ``/info``.

    Raises:
        Protocol: This is not a Gradio configuration.
    """
    if not isinstance(config, dict) or not isinstance(config.get("dependencies"), list):
        raise Protocol("no Gradio app answers at this address: its /config has no functions")
    components = {c["id"]: c for c in _dicts(config.get("components")) if isinstance(c.get("id"), int) and "type" in c}
    named = _mapping(_mapping(info).get("named_endpoints"))
    endpoints = tuple(
        _endpoint(position, fields, components, named) for position, fields in enumerate(_dicts(config["dependencies"]))
    )
    prefix = config.get("api_prefix")
    protocol = config.get("protocol")
    return App(
        version=_version(config.get("version")),
        # Gradio 3 has none, but a WebSocket.
        protocol=protocol if isinstance(protocol, str) else "ws",
        prefix=prefix if isinstance(prefix, str) and _PREFIX.fullmatch(prefix) else "",
        endpoints=endpoints,
    )


def arguments(endpoint: Endpoint, given: Mapping[str, object], positional: Sequence[str] = ()) -> list[object]:
    """Put arguments into the function's order.

    Args:
        endpoint: The function.
        given: By parameter name.
        positional: Names in order, for an app that does not tell them.

    Returns:
        One value per input: the given one, else the app's default, else null.

    Raises:
        Changed: The function lacks a given parameter, or needs one that is not given.
    """
    slots = _named(endpoint, positional)
    names = {slot.name for slot in slots if slot.name and not slot.hidden}
    if unknown := sorted(set(given) - names):
        raise Changed(f"{endpoint.label} of the app no longer has the parameter {_quoted(unknown)}")
    if missing := [s.name or "?" for s in slots if s.required and not s.hidden and s.name not in given]:
        raise Changed(f"{endpoint.label} of the app now needs the parameter {_quoted(missing)}")
    return [None if slot.hidden else given.get(slot.name or "", slot.default) for slot in slots]


def _named(endpoint: Endpoint, positional: Sequence[str]) -> tuple[Slot, ...]:
    visible = [slot for slot in endpoint.slots if not slot.hidden]
    if any(slot.name for slot in visible):
        return endpoint.slots
    names = iter(positional)
    return tuple(
        slot if slot.hidden else Slot(name=next(names, None), default=slot.default, component=slot.component)
        for slot in endpoint.slots
    )


def _endpoint(
    position: int,
    fields: Mapping[str, object],
    components: Mapping[object, Mapping[str, object]],
    named: Mapping[str, object],
) -> Endpoint:
    # Dependencies have an id from 4.32 on; before that it is their position.
    number = fields.get("id")
    api_name = fields.get("api_name")
    name = api_name.strip("/") if isinstance(api_name, str) and api_name and len(api_name) <= _NAME_LIMIT else None
    if fields.get("api_visibility") == "private":
        name = None
    parameters = _dicts(_mapping(named.get(f"/{name}")).get("parameters"))
    return Endpoint(
        fn_index=number if isinstance(number, int) and not isinstance(number, bool) else position,
        api_name=name,
        slots=_slots([components.get(i, {}) for i in _hashables(fields.get("inputs"))], parameters),
        outputs=tuple(_type(components.get(i, {})) for i in _hashables(fields.get("outputs"))),
    )


def _slots(inputs: Sequence[Mapping[str, object]], parameters: Sequence[Mapping[str, object]]) -> tuple[Slot, ...]:
    hidden = [_type(c) == "state" or c.get("skip_api") is True for c in inputs]
    told = iter(parameters if len(parameters) == hidden.count(False) else ())
    return tuple(
        Slot(hidden=True, component=_type(c)) if skip else _slot(c, next(told, {}))
        for c, skip in zip(inputs, hidden, strict=True)
    )


def _slot(component: Mapping[str, object], parameter: Mapping[str, object]) -> Slot:
    name = parameter.get("parameter_name")
    if not isinstance(name, str) or not name or len(name) > _NAME_LIMIT:
        return Slot(default=_mapping(component.get("props")).get("value"), component=_type(component))
    has_default = parameter.get("parameter_has_default") is True
    return Slot(
        name=name,
        required=not has_default,
        default=parameter.get("parameter_default") if has_default else None,
        component=_type(component),
    )


def _type(component: Mapping[str, object]) -> str:
    return clean.text(component.get("type"), 40)


def _version(value: object) -> tuple[int, ...]:
    parts = re.match(r"(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6}))?", value) if isinstance(value, str) else None
    return tuple(int(part or 0) for part in parts.groups()) if parts else (0,)


def _quoted(names: Sequence[str]) -> str:
    return clean.text(", ".join(f"'{name}'" for name in names), 200)


def _dicts(value: object) -> list[Mapping[str, object]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _hashables(value: object) -> list[int]:
    return [item for item in value if isinstance(item, int)] if isinstance(value, list) else []


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
