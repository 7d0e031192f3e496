"""The operator's configuration of providers, as frozen data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from providers.config_values import COMMON_KEYS, Network
from providers.spec import ProviderSpec


class ConfigError(ValueError):
    """The configuration is wrong. The text names the place and says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderConfig:
    """The operator's settings for one provider. None leaves a value to the driver.

    Args:
        where: File and table, for error texts.
        driver: The driver's name, if it is not the provider's.
        space: Id of its Space on the Hub. If it is empty, the Hub is not asked.
        login: User name and password of the app itself; also for HTTP Basic, if a server in front of it asks for that.
        basic: User name and password for HTTP Basic, of a server in front of the app.
        token: Hugging Face token for a private Space. It is sent for jobs that bring none.
        headers: Sent with every request to the app.
        ca_file: File with certificates that are trusted besides the usual ones, for this app only.
        limits: Fields of :class:`providers.gradio.app_limits.AppLimits`.
        options: Keys of the driver.
        hub_url: Base address of the Hub. If it is empty, the Hub is not asked.
        others: All tables of the file by provider name, for a driver that forwards jobs to another provider.
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
    basic: tuple[str, str] | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    ca_file: str | None = None
    limits: Mapping[str, float] = field(default_factory=dict)
    options: Mapping[str, object] = field(default_factory=dict)
    hub_url: str = ""
    others: Mapping[str, ProviderConfig] = field(default_factory=dict, repr=False, compare=False)

    def with_defaults(self, *, url: str, space: str | None = None, label: str | None = None) -> ProviderConfig:
        """A copy with this address, Space and label where the operator gives none."""
        return replace(
            self,
            url=self.url or url,
            space=space if self.space is None else self.space,
            label=self.label or label,
        )

    def other(self, name: str) -> ProviderConfig:
        """The operator's settings for another provider."""
        return replace(self.others.get(name) or ProviderConfig(name=name), hub_url=self.hub_url, others=self.others)

    def apply(self, spec: ProviderSpec) -> ProviderSpec:
        """A driver's declaration, overridden by the operator's settings."""
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

    def option(self, key: str, read: Callable[[object], Any], otherwise: object = None) -> Any:  # noqa: ANN401 - the type that ``read`` gives
        """The value of a key of the driver, or ``otherwise`` if the key is missing.

        Raises:
            ConfigError: ``read`` refuses the value, by a ValueError that says what to give.
        """
        if key not in self.options:
            return otherwise
        try:
            return read(self.options[key])
        except ValueError as error:
            raise self.error(f"{key}: {error}") from error

    def only(self, *keys: str) -> None:
        """Refuse keys that the driver does not know.

        Raises:
            ConfigError: There is another key.
        """
        for key in self.options:
            if key not in keys:
                raise self.error(f"{key} is not a key of this driver; it takes {', '.join((*COMMON_KEYS, *keys))}")

    def error(self, text: str) -> ConfigError:
        """An error about this provider's table."""
        return ConfigError(f"{self.where}: {text}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A whole file.

    Args:
        source: The file's name in error texts.
        models: Provider names in order, by model name.
        egress: Networks that users' URLs may reach, besides the public ones.
        plain_http: Whether users' URLs may be plain http.
    """

    source: str = "the defaults"
    providers: Mapping[str, ProviderConfig] = field(default_factory=dict)
    models: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    egress: tuple[Network, ...] = ()
    plain_http: bool = False
    user_proxies: bool = False
