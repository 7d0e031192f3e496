"""The operator's TOML file, read into frozen data. Every error names the file, the table and the key.

::

    [providers.blackforestlabs-flux1-dev]
    url = "http://192.168.1.5:7860"      # my own duplicate
    space = ""                           # it is not on the Hub

    [providers.my-painter]
    driver = "space"                     # any Gradio app
    url = "https://me-painter.hf.space"
    api_name = "/paint"
    models = ["my-painter"]

    [models.flux-dev]
    providers = ["blackforestlabs-flux1-dev", "my-painter"]

    [egress]                             # what users' URLs may reach besides public https servers
    allow = ["10.1.0.0/16"]              # these networks, also by http and on any port
    http = true                          # public servers by plain http
    proxies = true                       # proxies of users whose key has the scope proxy
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

from msgspec import Meta

from providers.config import Config, ConfigError, ProviderConfig
from providers.config_values import COMMON_KEYS, Reader, flag, networks, read_table, reader

_NAMES: Final = reader(Annotated[list[str], Meta(min_length=1)], 'give a list of provider names, such as ["echo"]')


def load(path: Path | None, *, optional: bool = False) -> Config:
    """Read a file; None gives the empty configuration, and so does a file that does not exist, if it is ``optional``.

    Raises:
        ConfigError: It cannot be read, or something in it is wrong.
    """
    if path is None:
        return Config()
    try:
        return parse(path.read_text(encoding="utf-8"), source=str(path))
    except (OSError, UnicodeDecodeError) as error:
        if optional and isinstance(error, FileNotFoundError):
            return Config()
        raise ConfigError(f"{path}: cannot be read: {error}") from error


def parse(text: str, *, source: str = "providers.toml") -> Config:
    """Read the text of a file; ``source`` is its name in error texts.

    Raises:
        ConfigError: Something in it is wrong.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{source}: is not TOML: {error}") from error
    for key in document:
        if key not in {"providers", "models", "egress"}:
            raise ConfigError(
                f"{source}: [{key}] is unknown; the tables are [providers.NAME], [models.NAME] and [egress]"
            )
    with _at(source):
        tables, models = (
            reader(dict[str, dict[str, object]], f"write [{key}.NAME] tables")(document.get(key, {}))
            for key in ("providers", "models")
        )
    egress = _read(
        document.get("egress", {}), {"allow": networks, "http": flag, "proxies": flag}, f"{source}: [egress]"
    )
    return Config(
        source=source,
        providers={name: _provider(name, table, f"{source}: [providers.{name}]") for name, table in tables.items()},
        models={name: _order(table, f"{source}: [models.{name}]") for name, table in models.items()},
        egress=egress.get("allow", ()),
        plain_http=egress.get("http", False),
        user_proxies=egress.get("proxies", False),
    )


def table_of(text: str, *, source: str) -> dict[str, object]:
    """The keys of a provider as TOML, not looked at further.

    Raises:
        ConfigError: It is not TOML.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{source}: is not TOML: {error}") from error


def _provider(name: str, table: Mapping[str, object], where: str) -> ProviderConfig:
    common = {key: value for key, value in table.items() if key in COMMON_KEYS}
    options = {key: value for key, value in table.items() if key not in COMMON_KEYS}
    return ProviderConfig(name=name, where=where, options=options, **_read(common, COMMON_KEYS, where))


def _order(table: Mapping[str, object], where: str) -> tuple[str, ...]:
    names: list[str] = _read({"providers": None, **table}, {"providers": _NAMES}, where)["providers"]
    if len(set(names)) != len(names):
        raise ConfigError(f"{where}: providers: one of them is named twice")
    return tuple(names)


def _read(table: object, keys: Mapping[str, Reader], where: str) -> dict[str, Any]:
    with _at(where):
        return read_table(reader(dict[str, object], "write a table")(table), keys)


@contextmanager
def _at(where: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from error
