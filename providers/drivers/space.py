"""Any Gradio app as a provider, declared in a few lines of TOML.

::

    [providers.my-painter]
    driver = "space"
    space = "me/my-painter"             # or url = "http://192.168.1.5:7860"
    api_name = "/infer"
    models = ["my-painter"]
    parameters = { prompt = "", seed = 0, width = 768, height = 768 }

A parameter is declared by its default, or in full as a table with ``type``,
``default``, ``required``, ``minimum``, ``maximum``, ``max_length``, ``enum``,
``description`` and ``argument`` (its name in the app). The app's other
parameters get what its page would send. An app that does not tell the names
of its parameters needs ``order``: the names of all its inputs, in its order.

Instead of one function, ``steps`` can name several that run in one session of
the app; see :mod:`providers.config_steps`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from msgspec import Meta

from media import KINDS
from providers import Driver, ModelSpec, Param, ProviderConfig, ProviderSpec, config_params, config_steps, params
from providers.config_params import Declared
from providers.config_values import Reader, flag, one_of, reader
from providers.gradio import steps as steps_module
from providers.gradio.driver import Call, GradioDriver, same_names
from providers.gradio.steps import Step

_NAME_LIMIT: Final = 200
_LIST: Final = reader(
    Annotated[list[str], Meta(min_length=1)], 'give a list of names, the exact one first, such as ["my-painter"]'
)
_FUNCTION: Final = reader(
    Annotated[str, Meta(pattern="[^/]")],
    "give the function's name, such as /infer (the app lists them under 'Use via API')",
)


def driver(config: ProviderConfig) -> Driver:
    """Build the driver.

    Raises:
        ConfigError: A key is missing, unknown or wrong.
    """
    config.only(*_KEYS)
    needed = ("models",) if "steps" in config.options else ("api_name", "models")
    missing = [key for key in needed if key not in config.options]
    if not (config.url or config.space) or missing:
        told = " and ".join(missing) or "url or space"
        raise config.error(f"{told} missing; this driver needs url or space, api_name and models")
    found = {key: config.option(key, read) for key, read in _KEYS.items() if key in config.options}
    parameters = found.get("parameters", config_params.read({"prompt": ""}))
    model = _model(found, {entry.param.name: entry.param for entry in parameters})
    call = (_steps if "steps" in found else _call)(config, found, parameters)
    spec = ProviderSpec(name=config.name, label=config.name, url=config.url or "", models=(model,))
    return GradioDriver(config, spec, {model.name: call}, zerogpu=found.get("zerogpu", False))


def _call(config: ProviderConfig, found: Mapping[str, Any], parameters: tuple[Declared, ...]) -> Call:
    if "result" in found:
        raise config.error("result: only for a provider with steps")
    order = found.get("order", ())
    if order and (left := [entry.argument for entry in parameters if entry.argument not in order]):
        raise config.error(f"order: {', '.join(left)} is declared under parameters, and missing here")
    return Call(
        api_name=found["api_name"],
        order=order,
        arguments={entry.param.name: (entry.argument,) for entry in parameters},
        style=found.get("style", "call"),
        fn_index=found.get("fn_index"),
    )


def _steps(config: ProviderConfig, found: Mapping[str, Any], parameters: tuple[Declared, ...]) -> Call:
    if wrong := sorted(found.keys() & {"api_name", "order", "style", "fn_index"}):
        raise config.error(f"{wrong[0]}: write it into each of the steps")
    if named := [entry.param.name for entry in parameters if entry.argument != entry.param.name]:
        raise config.error(f"parameters: {named[0]}: argument is said in the steps' arguments")
    steps: tuple[Step, ...] = found["steps"]
    declared, used = {entry.param.name for entry in parameters}, steps_module.parameters(steps)
    if unknown := sorted(used - declared):
        raise config.error(f"steps: {unknown[0]} is not declared under parameters")
    if unused := sorted(declared - used):
        raise config.error(f"parameters: {unused[0]} is given to none of the steps")
    result = found.get("result", len(steps))
    if result > len(steps):
        raise config.error(f"result: there are {len(steps)} steps, counted from 1")
    return Call(api_name=steps[result - 1].api_name, arguments=same_names(*used), steps=steps, result=result - 1)


def _model(found: Mapping[str, Any], declared: dict[str, Param]) -> ModelSpec:
    if "prompt" in declared:
        declared.setdefault("messages", params.MESSAGES)
    if {"width", "height"} <= declared.keys():
        declared.setdefault("aspect_ratio", params.ASPECT_RATIO)
    exact, *aliases = found["models"]
    return ModelSpec(
        name=exact,
        aliases=tuple(aliases),
        kind=found.get("kind", "image"),
        params=tuple(declared.values()),
        vision=any(param.type in {"image", "images"} for param in declared.values()),
        previews=found.get("previews", False),
    )


def _names(value: object) -> list[str]:
    names: list[str] = _LIST(value)
    if not all(name.isprintable() and 0 < len(name.strip()) <= _NAME_LIMIT for name in names):
        raise ValueError(f"every name is a text of at most {_NAME_LIMIT} characters")
    return names


def _order(value: object) -> tuple[str, ...]:
    names = tuple(_names(value))
    if len(set(names)) < len(names):
        raise ValueError("every name stands there once")
    return names


_KEYS: Final[Mapping[str, Reader]] = {
    "api_name": lambda value: "/" + _FUNCTION(value).strip("/"),
    "models": _names,
    "kind": one_of(*KINDS),
    "parameters": config_params.read,
    "order": _order,
    "style": one_of("call", "join", "run"),
    "steps": config_steps.read,
    "result": reader(Annotated[int, Meta(ge=1)], "give the number of the step whose outputs are the result, 1 or more"),
    "fn_index": reader(Annotated[int, Meta(ge=0)], "give the function's number, 0 or more"),
    "zerogpu": flag,
    "previews": flag,
}
