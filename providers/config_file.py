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

import ipaddress
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from providers.config import Config, ConfigError, ProviderConfig
from providers.config_values import COMMON_KEYS, flag


def load(path: Path | None) -> Config:
    """Read a file; None gives the empty configuration.

    Raises:
        ConfigError: It cannot be read, or something in it is wrong.
    """
    if path is None:
        return Config()
    try:
        return parse(path.read_text(encoding="utf-8"), source=str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error


def parse(text: str, *, source: str = "providers.toml") -> Config:
    """Read the text of a file.

    Args:
        text: TOML.
        source: The file's name in error texts.

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
    tables = _tables(document, "providers", source)
    egress = _egress(document.get("egress", {}), source)
    return Config(
        source=source,
        providers={name: _provider(name, table, source) for name, table in tables.items()},
        models={name: _order(name, table, source) for name, table in _tables(document, "models", source).items()},
        egress=_networks(egress.get("allow", []), source),
        plain_http=_switch(egress, "http", source),
        user_proxies=_switch(egress, "proxies", source),
    )


def _tables(document: Mapping[str, object], key: str, source: str) -> dict[str, dict[str, object]]:
    tables = document.get(key, {})
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise ConfigError(f"{source}: write [{key}.NAME] tables")
    return tables


def _provider(name: str, table: Mapping[str, object], source: str) -> ProviderConfig:
    where = f"{source}: [providers.{name}]"
    common: dict[str, object] = {}
    for key, read in COMMON_KEYS.items():
        if key in table:
            try:
                common[key] = read(table[key])
            except ValueError as error:
                raise ConfigError(f"{where}: {key}: {error}") from error
    options = {key: value for key, value in table.items() if key not in COMMON_KEYS}
    return ProviderConfig(name=name, where=where, options=options, **cast("dict[str, Any]", common))


def _order(name: str, table: Mapping[str, object], source: str) -> tuple[str, ...]:
    where = f"{source}: [models.{name}]"
    for key in table:
        if key != "providers":
            raise ConfigError(f"{where}: {key} is unknown; the key is providers")
    order = table.get("providers")
    if not isinstance(order, list) or not order or not all(isinstance(entry, str) for entry in order):
        raise ConfigError(f'{where}: providers: give a list of provider names, such as ["echo"]')
    if len(set(order)) != len(order):
        raise ConfigError(f"{where}: providers: one of them is named twice")
    return tuple(order)


def _egress(table: object, source: str) -> Mapping[str, object]:
    where = f"{source}: [egress]"
    if not isinstance(table, dict):
        raise ConfigError(f"{where}: write a table")
    for key in table:
        if key not in {"allow", "http", "proxies"}:
            raise ConfigError(f"{where}: {key} is unknown; the keys are allow, http and proxies")
    return table


def _networks(allow: object, source: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    where = f"{source}: [egress]: allow"
    if not isinstance(allow, list) or not all(isinstance(entry, str) for entry in allow):
        raise ConfigError(f'{where}: give a list of networks, such as ["10.1.0.0/16"]')
    try:
        return tuple(ipaddress.ip_network(entry) for entry in allow)
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from None


def _switch(egress: Mapping[str, object], key: str, source: str) -> bool:
    try:
        return flag(egress.get(key, False))
    except ValueError as error:
        raise ConfigError(f"{source}: [egress]: {key}: {error}") from error
