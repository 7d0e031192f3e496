"""The operator's TOML file as frozen data; every error names the file, the table and the key.

::

    [providers.blackforestlabs-flux1-dev]
    url = "http://192.168.1.5:7860"      # my own duplicate
    space = ""                           # ... which the Hub knows nothing about

    [providers.my-painter]
    driver = "space"                     # any Gradio app
    url = "https://me-painter.hf.space"
    api_name = "/paint"
    models = ["my-painter"]

    [models.flux-dev]
    providers = ["blackforestlabs-flux1-dev", "my-painter"]

    [egress]                             # where users' addresses may lead besides public https servers
    allow = ["10.1.0.0/16"]              # there also by http, and on any port
    http = true                          # to public servers by plain http, too
    proxies = true                       # keys with the scope proxy may bring a proxy of their own
"""

from __future__ import annotations

import ipaddress
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlsplit

from providers.spec import ProviderSpec

#: Keys that every provider takes; all others belong to its driver.
COMMON_KEYS: Final = (
    "driver",
    "label",
    "url",
    "space",
    "enabled",
    "working",
    "concurrency",
    "timeout_seconds",
    "login",
    "limits",
)


class ConfigError(ValueError):
    """The configuration is wrong; the text names the place and says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderConfig:
    """What the operator says about one provider; None leaves it to the driver.

    Args:
        name: The provider's name.
        where: File and table, for error texts.
        driver: The driver's name, where it is not the provider's.
        url: Base address of the app.
        space: Id of its Space on the Hub; empty where the Hub shall not be asked.
        login: User name and password of the app itself.
        limits: Fields of :class:`providers.gradio.limits.Limits`.
        options: The driver's own keys.
        hub_url: Base address of the Hub; empty switches look-ups off.
        others: All tables of the file by provider name, for a driver that hands jobs on to another provider.
    """

    name: str
    where: str = "the defaults"
    driver: str | None = None
    label: str | None = None
    url: str | None = None
    space: str | None = None
    enabled: bool = True
    working: bool = True
    concurrency: int | None = None
    timeout_seconds: float | None = None
    login: tuple[str, str] | None = field(default=None, repr=False)
    limits: Mapping[str, float] = field(default_factory=dict)
    options: Mapping[str, object] = field(default_factory=dict)
    hub_url: str = ""
    others: Mapping[str, ProviderConfig] = field(default_factory=dict, repr=False, compare=False)

    def with_defaults(self, *, url: str, space: str | None = None, label: str | None = None) -> ProviderConfig:
        """The same, with an address, a Space and a label for what the operator left open."""
        return replace(
            self,
            url=self.url or url,
            space=space if self.space is None else self.space,
            label=self.label or label,
        )

    def other(self, name: str) -> ProviderConfig:
        """What the operator says about another provider."""
        return replace(self.others.get(name) or ProviderConfig(name=name), hub_url=self.hub_url, others=self.others)

    def apply(self, spec: ProviderSpec) -> ProviderSpec:
        """A driver's own declaration with what the operator says instead."""
        return replace(
            spec,
            name=self.name,
            label=self.label or spec.label,
            url=(self.url or spec.url).rstrip("/"),
            space=(spec.space if self.space is None else self.space) or None,
            enabled=self.enabled,
            working=self.working,
            concurrency=self.concurrency or spec.concurrency,
            timeout_seconds=self.timeout_seconds or spec.timeout_seconds,
        )

    def option(self, key: str, read: Callable[[object], Any], otherwise: object = None) -> Any:  # noqa: ANN401 - whatever ``read`` gives
        """One of the driver's own keys.

        Args:
            key: Its name.
            read: Checks and converts the value; its ValueError says what is wanted.
            otherwise: Given where the key is missing.

        Raises:
            ConfigError: ``read`` refuses the value.
        """
        if key not in self.options:
            return otherwise
        try:
            return read(self.options[key])
        except ValueError as error:
            raise self.error(f"{key}: {error}") from error

    def only(self, *keys: str) -> None:
        """Refuse options that the driver does not know.

        Raises:
            ConfigError: There is another one.
        """
        for key in self.options:
            if key not in keys:
                raise self.error(f"{key} is no key of this driver; it takes {', '.join((*COMMON_KEYS, *keys))}")

    def error(self, text: str) -> ConfigError:
        """An error about this provider's table."""
        return ConfigError(f"{self.where}: {text}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A whole file.

    Args:
        source: The file, for error texts.
        providers: Tables by provider name, in the file's order.
        models: Provider names in order, by model name.
        egress: Networks that users' addresses may lead to, besides the public ones.
        plain_http: Whether users' addresses may be plain http.
        user_proxies: Whether users may bring proxies of their own.
    """

    source: str = "the defaults"
    providers: Mapping[str, ProviderConfig] = field(default_factory=dict)
    models: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    egress: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()
    plain_http: bool = False
    user_proxies: bool = False


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
        source: How error texts call it.

    Raises:
        ConfigError: Something in it is wrong.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{source}: is no TOML: {error}") from error
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


def web_url(value: object) -> str:
    """An http or https address without user name, query or fragment; no slash at its end.

    Raises:
        ValueError: It is anything else.
    """
    wanted = "give an http or https address such as http://192.168.1.5:7860"
    if not isinstance(value, str):
        raise ValueError(wanted)  # noqa: TRY004 - one type for every wrong value
    try:
        parts = urlsplit(value)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        raise ValueError(wanted) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or not has_port or any(c <= " " for c in value):
        raise ValueError(wanted)
    if parts.username is not None or parts.password is not None:
        raise ValueError('leave user name and password out of the address; use login = ["name", "password"]')
    if parts.query or parts.fragment:
        raise ValueError("leave query and fragment out of the address")
    return value.rstrip("/")


def text(value: object) -> str:
    """A text with something in it.

    Raises:
        ValueError: It is anything else.
    """
    if not isinstance(value, str) or not value.strip():
        raise ValueError("give a text")
    return value.strip()


def _any_text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("give a text; an empty one switches it off")  # noqa: TRY004 - see web_url
    return value.strip()


def flag(value: object) -> bool:
    """True or false.

    Raises:
        ValueError: It is anything else.
    """
    if not isinstance(value, bool):
        raise ValueError("give true or false")  # noqa: TRY004 - see web_url
    return value


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError("give a whole number of at least 1")
    return value


def _seconds(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= 86_400:
        raise ValueError("give seconds, above 0 and at most 86400")
    return float(value)


def _login(value: object) -> tuple[str, str]:
    if not isinstance(value, list) or len(value) != 2 or not all(isinstance(part, str) for part in value):
        raise ValueError('give ["user name", "password"]')
    return value[0], value[1]


def _limits(value: object) -> dict[str, float]:
    if not isinstance(value, dict):
        raise ValueError("give a table, such as { read = 120 }")  # noqa: TRY004 - see web_url
    for key, number in value.items():
        if not isinstance(number, int | float) or isinstance(number, bool) or number <= 0:
            raise ValueError(f"{key} must be a number above 0")
    return value


_READERS: Final[Mapping[str, Callable[[object], object]]] = {
    "driver": text,
    "label": text,
    "url": web_url,
    "space": _any_text,
    "enabled": flag,
    "working": flag,
    "concurrency": _count,
    "timeout_seconds": _seconds,
    "login": _login,
    "limits": _limits,
}


def _tables(document: Mapping[str, object], key: str, source: str) -> dict[str, dict[str, object]]:
    tables = document.get(key, {})
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise ConfigError(f"{source}: write [{key}.NAME] tables")
    return tables


def _provider(name: str, table: Mapping[str, object], source: str) -> ProviderConfig:
    where = f"{source}: [providers.{name}]"
    common: dict[str, object] = {}
    for key, read in _READERS.items():
        if key in table:
            try:
                common[key] = read(table[key])
            except ValueError as error:
                raise ConfigError(f"{where}: {key}: {error}") from error
    options = {key: value for key, value in table.items() if key not in _READERS}
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
        raise ConfigError(f"{where}: providers: names one of them twice")
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
