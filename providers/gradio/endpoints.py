"""The functions of an app, read from ``/config`` and ``/info``. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from providers import clean
from providers.errors import Changed, Protocol

_PROTOCOL = re.compile(r"sse(_v\d+(\.\d+)?)?")
_PREFIX = re.compile(r"(/[\w.-]+)+")
_NAME_LIMIT = 100
_BY_NUMBER = "predict"
#: Gradio's own data models that are a file as it is.
_FILE_MODELS = ("FileData", "ImageData")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One input of a function.

    Args:
        name: The parameter's name; None if the app does not tell it.
        hidden: It is not part of the API (``gr.State``), and always sent as null.
        required: It has no default.
        default: The value of the app's component; Gradio does not tell the default of the Python function.
        component: Such as ``slider``; empty if unknown.
        label: What its page calls it; empty if it has no label.
        key: Its ``elem_id``, often a name.
        several: It takes a list: several files, or several choices.
        in_pairs: It takes a conversation as pairs of texts, and not as messages.
        takes_file: The app's schema says that it takes one file as it is.
    """

    name: str | None = None
    hidden: bool = False
    required: bool = False
    default: object = None
    component: str = ""
    label: str = ""
    key: str = ""
    several: bool = False
    in_pairs: bool = False
    takes_file: bool = False

    @property
    def title(self) -> str:
        """What people call it."""
        return self.name or self.label or self.key or self.component or "an input"


@dataclass(frozen=True, slots=True)
class Output:
    """One output of a function: its component, such as ``gallery`` (empty if unknown), and what its page calls it."""

    component: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One function. ``api_name`` has no slash; it is None if the function has no public name."""

    fn_index: int
    api_name: str | None
    slots: tuple[Slot, ...] = ()
    outputs: tuple[Output, ...] = ()

    @property
    def label(self) -> str:
        """The function's name for people."""
        return f"/{self.api_name}" if self.api_name else f"function {self.fn_index}"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters, as far as the app tells them."""
        return tuple(slot.name for slot in self.slots if slot.name and not slot.hidden)


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A Gradio app as its ``/config`` describes it.

    ``app_id`` is another one each time that the app starts; None if the app has none.
    """

    version: tuple[int, ...]
    protocol: str
    prefix: str
    endpoints: tuple[Endpoint, ...]
    app_id: int | None = None

    @property
    def has_call(self) -> bool:
        """Whether ``POST /call/{name}`` exists (Gradio 4.20 and newer)."""
        return self.version >= (4, 20)

    @property
    def has_diffs(self) -> bool:
        """Whether the steps after the first are diffs in a stream of ``/queue/join``: sse_v2, v2.1, v3 and unknown ones."""
        return self.protocol not in {"sse", "sse_v1"}

    @property
    def speaks_queue(self) -> bool:
        """Whether we know its queue: Gradio 4 and newer; Gradio 3 has a WebSocket."""
        return _PROTOCOL.fullmatch(self.protocol) is not None

    def find(self, api_name: str | None, fn_index: int | None = None) -> Endpoint:
        """The function of this name. The number counts for a function without a name, and where no name is wanted.

        ``predict`` is Gradio's own word for any function that is called by its number.

        Raises:
            Changed: There is none. A function that has the number and another name is not the one that was named.
        """
        wanted = api_name.strip("/") if api_name else None
        for endpoint in self.endpoints:
            if wanted and endpoint.api_name == wanted:
                return endpoint
        for endpoint in self.endpoints:
            fits = wanted in {None, _BY_NUMBER} or endpoint.api_name is None
            if fits and fn_index is not None and endpoint.fn_index == fn_index:
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
                "outputs": [output.component for output in e.outputs],
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
    components = {
        c["id"]: c for c in mappings(config.get("components")) if isinstance(c.get("id"), int) and "type" in c
    }
    named = mapping(mapping(info).get("named_endpoints"))
    endpoints = tuple(
        _endpoint(position, fields, components, named)
        for position, fields in enumerate(mappings(config["dependencies"]))
    )
    prefix = config.get("api_prefix")
    protocol = config.get("protocol")
    return App(
        version=_version(config.get("version")),
        # Gradio 3 has none, but a WebSocket.
        protocol=protocol if isinstance(protocol, str) else "ws",
        prefix=prefix if isinstance(prefix, str) and _PREFIX.fullmatch(prefix) else "",
        endpoints=endpoints,
        app_id=app_id(config),
    )


def app_id(fields: object) -> int | None:
    """The number in ``/config`` or ``/app_id`` that says which start of an app answers."""
    found = mapping(fields).get("app_id")
    return found if isinstance(found, int) and not isinstance(found, bool) else None


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
    parameters = mappings(mapping(named.get(f"/{name}")).get("parameters"))
    return Endpoint(
        fn_index=number if isinstance(number, int) and not isinstance(number, bool) else position,
        api_name=name,
        slots=_slots([components.get(i, {}) for i in _hashables(fields.get("inputs"))], parameters),
        outputs=tuple(_output(components.get(i, {})) for i in _hashables(fields.get("outputs"))),
    )


def _slots(inputs: Sequence[Mapping[str, object]], parameters: Sequence[Mapping[str, object]]) -> tuple[Slot, ...]:
    hidden = [is_hidden(c) for c in inputs]
    told = iter(parameters if len(parameters) == hidden.count(False) else ())
    return tuple(
        Slot(hidden=True, component=_type(c)) if skip else _slot(c, next(told, {}))
        for c, skip in zip(inputs, hidden, strict=True)
    )


def _slot(component: Mapping[str, object], parameter: Mapping[str, object]) -> Slot:
    props = mapping(component.get("props"))
    name = parameter.get("parameter_name")
    known = isinstance(name, str) and 0 < len(name) <= _NAME_LIMIT
    has_default = parameter.get("parameter_has_default") is True
    return Slot(
        name=str(name) if known else None,
        required=known and not has_default,
        default=(parameter.get("parameter_default") if has_default else None) if known else props.get("value"),
        component=_type(component),
        label=clean.text(props.get("label"), _NAME_LIMIT),
        key=clean.text(props.get("elem_id"), _NAME_LIMIT),
        several=props.get("multiselect") is True or props.get("file_count") in ("multiple", "directory"),
        in_pairs=props.get("type") == "tuples",
        takes_file=mapping(component.get("api_info")).get("title") in _FILE_MODELS,
    )


def _output(component: Mapping[str, object]) -> Output:
    return Output(_type(component), clean.text(mapping(component.get("props")).get("label"), _NAME_LIMIT))


def _type(component: Mapping[str, object]) -> str:
    return clean.text(component.get("type"), 40)


def _version(value: object) -> tuple[int, ...]:
    parts = re.match(r"(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6}))?", value) if isinstance(value, str) else None
    return tuple(int(part or 0) for part in parts.groups()) if parts else (0,)


def is_hidden(component: Mapping[str, object]) -> bool:
    """Whether an input is no part of the API."""
    return component.get("type") == "state" or component.get("skip_api") is True


def mappings(value: object) -> list[Mapping[str, object]]:
    """The objects in a list; none if it is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _hashables(value: object) -> list[int]:
    return [item for item in value if isinstance(item, int)] if isinstance(value, list) else []


def mapping(value: object) -> Mapping[str, object]:
    """An object; an empty one if it is none."""
    return value if isinstance(value, dict) else {}
