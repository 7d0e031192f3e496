"""The providers of a configuration: what each serves, and the order in which they are asked for a model."""

from __future__ import annotations

import difflib
import logging
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Final, Self

from providers import config_file, registry
from providers.base import Driver
from providers.config import Config, ConfigError, ProviderConfig
from providers.errors import UnknownName
from providers.registry import BrokenDriver, Entry
from providers.route import Route
from providers.spec import ModelSpec, ProviderSpec

log = logging.getLogger(__name__)

#: Models that stand for several others: their providers are those of the others, in this order.
UNIONS: Final[Mapping[str, tuple[str, ...]]] = {"flux": ("flux-schnell", "flux-dev")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A name that clients may ask for, as its first provider declares it; the providers are asked in this order."""

    name: str
    spec: ModelSpec
    providers: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Catalog:
    """All providers of one configuration. Drivers are imported and built on first use, once, by any thread."""

    entries: Mapping[str, Entry]
    config: Config
    hub_url: str = ""
    _built: dict[str, Driver] = field(default_factory=dict)
    _broken: dict[str, str] = field(default_factory=dict)
    _routes: dict[tuple[str, str | None], Route] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @classmethod
    def load(
        cls,
        path: Path | None = None,
        *,
        optional: bool = False,
        hub_url: str = "",
        installed: Iterable[EntryPoint] | None = None,
    ) -> Self:
        """Read the configuration and check all of it; built-ins that it does not name are not imported.

        An ``optional`` file need not exist. Without a Hub's address it is not asked. ``installed`` replaces the entry
        points of this environment.

        Raises:
            ConfigError: Something in it is wrong.
        """
        return cls.of(config_file.load(path, optional=optional), hub_url=hub_url, installed=installed)

    @classmethod
    def of(cls, settings: Config, *, hub_url: str = "", installed: Iterable[EntryPoint] | None = None) -> Self:
        """Like :meth:`load`, from a configuration that was read already."""
        entries = registry.providers(registry.drivers(installed), settings.providers)
        catalog = cls(entries=entries, config=settings, hub_url=hub_url)
        catalog._check()
        return catalog

    def names(self) -> tuple[str, ...]:
        """Names of all providers, enabled or not. Imports nothing."""
        return tuple(self.entries)

    def broken(self) -> dict[str, str]:
        """Drivers of installed packages that cannot be used, with the reason. Builds all."""
        self.specs()
        return dict(self._broken)

    def driver(self, name: str) -> Driver:
        """The driver of a provider.

        Raises:
            UnknownName: There is no such provider.
            BrokenDriver: It cannot be built.
            ConfigError: Its table is wrong.
        """
        if (built := self._built.get(name)) is not None:
            return built
        with self._lock:
            if name in self._broken:
                raise BrokenDriver(self._broken[name])
            if name not in self._built:
                try:
                    self._built[name] = self._build(name)
                except BrokenDriver as error:
                    log.warning("left out a driver: %s", error)
                    self._broken[name] = str(error)
                    raise
            return self._built[name]

    def spec(self, name: str) -> ProviderSpec:
        """What a provider declares; raises as :meth:`driver`."""
        return self.driver(name).spec

    def specs(self) -> tuple[ProviderSpec, ...]:
        """What every provider declares, including those that are switched off. Broken ones are left out."""
        found = []
        for name in self.entries:
            with suppress(BrokenDriver):
                found.append(self.spec(name))
        return tuple(found)

    def models(self) -> tuple[Model, ...]:
        """Every name that can be asked for and has a provider, in the order of the providers."""
        names = dict.fromkeys(name for spec in self.specs() for model in spec.models for name in model.names)
        routes = {name: self.choose(name) for name in names}
        return tuple(
            Model(name=name, spec=next(iter(route.models.values())), providers=route.providers)
            for name, route in routes.items()
            if route.models
        )

    def choose(self, model: str, provider: str | None = None) -> Route:
        """The providers that are asked for a model, in order; none if all that serve it are switched off.

        With ``provider``, only that one.

        Raises:
            UnknownName: No such model or provider, or that provider does not serve it.
        """
        # What drivers declare never changes, so there are as many routes as names that can be asked for.
        asked = (model, provider)
        if asked not in self._routes:
            self._routes[asked] = self._choose(model, provider)
        return self._routes[asked]

    def _choose(self, model: str, provider: str | None) -> Route:
        specs = {spec.name: spec for spec in self.specs()}
        if not any(spec.model(model) for spec in specs.values()):
            raise UnknownName(f"there is no model {_shown(model)}{_like(model, specs.values())}", "model")
        if provider is None:
            names = [name for name in self._order(model, specs) if specs[name].working]
        else:
            self._check_serves(provider, model, specs)
            names = [provider]
        models = ((name, specs[name].model(model)) for name in names if specs[name].enabled)
        return Route({name: found for name, found in models if found is not None})

    def _check_serves(self, provider: str, model: str, specs: Mapping[str, ProviderSpec]) -> None:
        if provider not in self.entries:
            raise self._unknown(provider)
        if provider not in specs:
            raise UnknownName(f"the provider {provider} is broken on this server")
        if specs[provider].model(model) is None:
            raise UnknownName(f"the provider {provider} does not serve {_shown(model)}")

    def _order(self, model: str, specs: Mapping[str, ProviderSpec]) -> list[str]:
        """The providers of a model, best first: in the operator's order, or else the built-in ones by their rank."""
        if model in self.config.models:
            return [name for name in self.config.models[model] if name in specs]
        serving = {name: found for name, spec in specs.items() if (found := spec.model(model)) is not None}
        parts = [name for part in UNIONS.get(model, ()) for name in self._order(part, specs) if name in serving]
        builtin = [(found.rank, name) for name, found in serving.items() if self.entries[name].builtin]
        ranked = [name for rank, name in sorted((rank, name) for rank, name in builtin if rank is not None)]
        others = [name for name in serving if not self.entries[name].builtin]
        return list(dict.fromkeys([*(parts or ranked), *others]))

    def _unknown(self, provider: str) -> UnknownName:
        return UnknownName(f"there is no provider {_shown(provider)}; there are {', '.join(self.entries)}")

    def _build(self, name: str) -> Driver:
        if name not in self.entries:
            raise self._unknown(name)
        entry = self.entries[name]
        table = self.config.providers.get(name) or ProviderConfig(name=name, where=entry.origin)
        return entry.build(replace(table, hub_url=self.hub_url, others=self.config.providers))

    def _check(self) -> None:
        """Build what the configuration names, so that its mistakes show at the start."""
        for name in self.config.providers:
            self.driver(name)
        for model, order in self.config.models.items():
            where = f"{self.config.source}: [models.{model}]: providers"
            for provider in order:
                if provider not in self.entries:
                    known = ", ".join(self.entries)
                    raise ConfigError(f"{where}: there is no provider {provider!r}; there are {known}")
                if self.spec(provider).model(model) is None:
                    raise ConfigError(f"{where}: {provider} does not serve {model!r}")


def _like(model: str, specs: Iterable[ProviderSpec]) -> str:
    names = [name for spec in specs for known in spec.models for name in known.names]
    near = difflib.get_close_matches(model[:100], names, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _shown(name: str) -> str:
    """A client's own word, cut to a length that can be shown."""
    return repr(name[:64])
