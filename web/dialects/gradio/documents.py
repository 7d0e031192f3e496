"""``/config`` and ``/info`` of an app, as its clients read them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from jobs.files.input_files import FILE_LIMIT
from providers.discovery.signature import Function, Input, Output
from web.dialects.gradio.declared import PREFIX

#: PEP 440, as clients parse it: a release that has all that is spoken here, and whose it is.
VERSION: Final = "6.0.0+darkroom"
PROTOCOL: Final = "sse_v3"
#: Components that ``/config`` has no name for are shown as this.
_PLAIN: Final = "textbox"
_FILE_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "title": "FileData",
    "properties": {"path": {"type": "string"}, "url": {"type": ["string", "null"]}, "orig_name": {"type": ["string", "null"]},
                   "meta": {"type": "object", "default": {"_type": "gradio.FileData"}}},
    "required": ["path"],
}  # fmt: skip
_FILE_TYPE: Final = {"type": "filepath", "description": "a file: handle_file(path or URL)"}
_PYTHON_TYPES: Final = {"string": "str", "integer": "int", "number": "float", "boolean": "bool"}
#: The JSON type of a component that tells none, by what it takes.
_SCHEMAS: Final = {"string": "string", "number": "number", "boolean": "boolean", "strings": "array"}


def config(title: str, functions: Sequence[Function]) -> dict[str, Any]:
    """``/config``: a page with the inputs of each function, its outputs, and a button that runs it."""
    components: list[dict[str, Any]] = []
    dependencies: list[dict[str, Any]] = []
    for function in functions:
        inputs = [_add(components, entry.component, _props(entry)) for entry in function.inputs]
        outputs = [_add(components, output.component, {"label": output.label}) for output in function.outputs]
        button = _add(components, "button", {"value": f"/{function.api_name}"})
        dependencies.append(_dependency(function, inputs, outputs, button))
    return {
        "version": VERSION,
        "mode": "blocks",
        "title": title,
        "protocol": PROTOCOL,
        "api_prefix": PREFIX,
        "is_space": False,
        "connect_heartbeat": False,
        "max_file_size": FILE_LIMIT,
        "enable_queue": True,
        "components": components,
        "layout": {"id": 0, "children": [{"id": component["id"]} for component in components]},
        "dependencies": dependencies,
    }


def _add(components: list[dict[str, Any]], kind: str, props: dict[str, Any]) -> int:
    # 0 is the page itself.
    number = len(components) + 1
    name = kind or _PLAIN
    # An app that loads this one (``gr.load``) would fetch our files for its visitors, and does so from Spaces only. Without an
    # address to fetch from, it shows them by their own.
    own = {"name": name, "proxy_url": "", **props}
    components.append({"id": number, "type": name, "props": own, "skip_api": kind == "button"})
    return number


def _props(entry: Input) -> dict[str, Any]:
    found: dict[str, Any] = {"label": entry.label}
    if entry.default is not None and not entry.is_file:
        found["value"] = entry.default
    if entry.choices:
        found["choices"] = [[str(choice), choice] for choice in entry.choices]
    bounds = {"minimum": entry.minimum, "maximum": entry.maximum}
    return found | {name: bound for name, bound in bounds.items() if bound is not None}


def _dependency(function: Function, inputs: list[int], outputs: list[int], button: int) -> dict[str, Any]:
    return {
        "id": function.fn_index,
        "api_name": function.api_name,
        # By its older name: newer clients read it too, and older ones need it.
        "show_api": True,
        "targets": [[button, "click"]],
        "inputs": inputs,
        "outputs": outputs,
        "backend_fn": True,
        "queue": True,
        "types": {"generator": function.is_stepwise, "cancel": False},
        "cancels": [],
        "collects_event_data": False,
    }


def info(functions: Sequence[Function]) -> dict[str, Any]:
    """``/info``: the parameters and the answer of each function."""
    named = {
        f"/{function.api_name}": {
            "parameters": [_parameter(entry) for entry in function.inputs],
            "returns": [_return(output) for output in function.outputs],
            "api_visibility": "public",
        }
        for function in functions
    }
    return {"named_endpoints": named, "unnamed_endpoints": {}}


def _parameter(entry: Input) -> dict[str, Any]:
    schema = _FILE_SCHEMA if entry.is_file else _schema(entry)
    return {
        "label": entry.label,
        "parameter_name": entry.name,
        "parameter_has_default": not entry.required,
        "parameter_default": entry.default,
        "type": schema,
        "python_type": _FILE_TYPE if entry.is_file else _python_type(schema),
        "component": (entry.component or _PLAIN).capitalize(),
        "example_input": entry.default,
    }


def _schema(entry: Input) -> dict[str, Any]:
    kind = entry.schema or _SCHEMAS.get(entry.takes or "")
    found: dict[str, Any] = {} if kind is None else {"type": kind}
    return found | ({"enum": list(entry.choices)} if entry.choices and kind == "string" else {})


def _return(output: Output) -> dict[str, Any]:
    is_file = output.kind not in {"text", "json"}
    schema: dict[str, Any] = _FILE_SCHEMA if is_file else {"type": "string"} if output.kind == "text" else {}
    return {
        "label": output.label or output.component,
        "type": schema,
        "python_type": _FILE_TYPE if is_file else _python_type(schema),
        "component": (output.component or _PLAIN).capitalize(),
    }


def _python_type(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": _PYTHON_TYPES.get(str(schema.get("type")), "Any"), "description": ""}
