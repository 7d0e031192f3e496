"""Any Gradio app as a provider, declared in a few lines of TOML.

::

    [providers.my-painter]
    driver = "space"
    url = "http://192.168.1.5:7860"
    api_name = "/infer"
    models = ["my-painter"]
    parameters = { prompt = "", seed = 0, width = 768, height = 768 }

A parameter is declared by its default, or in full as a table with ``type``,
``default``, ``required``, ``minimum``, ``maximum``, ``max_length``, ``enum``,
``description`` and ``argument`` (its name in the app). The app's other
parameters get the app's own default.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from media import KINDS
from providers import Driver, ModelSpec, ProviderConfig, ProviderSpec, config_params, params
from providers.config_values import flag
from providers.gradio.driver import Call, GradioDriver

_KEYS: Final = ("api_name", "models", "kind", "parameters", "style", "fn_index", "zerogpu", "previews")
_NAME_LIMIT: Final = 200


def driver(config: ProviderConfig) -> Driver:
    """Build the driver.

    Raises:
        ConfigError: A key is missing, unknown or wrong.
    """
    config.only(*_KEYS)
    missing = [key for key in ("api_name", "models") if key not in config.options]
    if config.url is None or missing:
        raise config.error(f"{' and '.join(missing) or 'url'} missing; this driver needs url, api_name and models")
    parameters = config.option("parameters", config_params.read, config_params.read({"prompt": ""}))
    model = _model(config, parameters)
    call = Call(
        api_name=config.option("api_name", _api_name),
        arguments={entry.param.name: (entry.argument,) for entry in parameters},
        style=config.option("style", _one_of("call", "join", "run"), "call"),
        fn_index=config.option("fn_index", _index),
    )
    spec = ProviderSpec(
        name=config.name,
        label=config.name,
        url=config.url,
        models=(model,),
    )
    return GradioDriver(config, spec, {model.name: call}, zerogpu=config.option("zerogpu", flag, otherwise=False))


def _model(config: ProviderConfig, parameters: tuple[config_params.Declared, ...]) -> ModelSpec:
    exact, *aliases = config.option("models", _names)
    taken = {entry.param.name: entry.param for entry in parameters}
    if "prompt" in taken:
        taken.setdefault("messages", params.MESSAGES)
    if {"width", "height"} <= taken.keys():
        taken.setdefault("aspect_ratio", params.ASPECT_RATIO)
    return ModelSpec(
        name=exact,
        aliases=tuple(aliases),
        kind=config.option("kind", _one_of(*KINDS), "image"),
        params=tuple(taken.values()),
        vision=any(param.type in {"image", "images"} for param in taken.values()),
        previews=config.option("previews", flag, otherwise=False),
    )


def _names(value: object) -> list[str]:
    if not isinstance(value, list) or not value:
        raise ValueError('give a list of names, the exact one first, such as ["my-painter"]')
    for name in value:
        if not isinstance(name, str) or not name.isprintable() or not 0 < len(name.strip()) <= _NAME_LIMIT:
            raise ValueError(f"every name is a text of at most {_NAME_LIMIT} characters")
    return value


def _api_name(value: object) -> str:
    if not isinstance(value, str) or not value.strip("/"):
        raise ValueError("give the function's name, such as /infer (the app lists them under 'Use via API')")
    return "/" + value.strip("/")


def _index(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("give the function's number, 0 or more")
    return value


def _one_of(*choices: str) -> Callable[[object], object]:
    def read(value: object) -> object:
        if value not in choices:
            raise ValueError(f"give one of {', '.join(choices)}")
        return value

    return read
