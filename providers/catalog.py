"""Which providers there are, what each serves, and who is asked for a model, in which order."""

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

from providers import config, registry
from providers.base import Driver
from providers.config import Config, ConfigError, ProviderConfig
from providers.inputs.normalise import normalise
from providers.inputs.validate import Problem, validate
from providers.registry import BrokenDriver, Entry
from providers.spec import ModelSpec, ProviderSpec
from resilience import foreign

log = logging.getLogger(__name__)

#: Built-in providers of a model, best first. Built-ins that are not named here serve it only for jobs that name
#: them (g4f's flux-dev is the Space of g4f-flux1-dev). Other providers come after these.
ORDER: Final[Mapping[str, tuple[str, ...]]] = {
    "flux-schnell": ("blackforestlabs-flux1-schnell", "voodoohop-flux1-schnell", "g4f"),
    "flux-dev": ("blackforestlabs-flux1-dev", "g4f-flux1-dev"),
    "janus-pro-7b": ("deepseekai-janus-pro-7b", "g4f"),
    "janus-pro-7b-image": ("deepseekai-janus-pro-7b", "g4f"),
}


#: Models that mean any of others: their providers are those of the others, in order.
UNIONS: Final[Mapping[str, tuple[str, ...]]] = {"flux": ("flux-schnell", "flux-dev")}


class UnknownName(LookupError):
    """There is no such model or provider, or the provider does not serve the model; the text says which."""


class Refused(ValueError):
    """No provider of the model takes this input."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{problem.pointer} {problem.detail}" for problem in problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A name that clients may ask for.

    Args:
        name: Exact name or alias.
        spec: As its first provider declares it.
        providers: Who is asked, in order.
    """

    name: str
    spec: ModelSpec
    providers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """A request that can run.

    Args:
        input: As the first provider will use it.
        providers: Those that take this input, in order.
    """

    input: dict[str, object]
    providers: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Catalog:
    """All providers of one configuration. Drivers are imported and built on first use, once, by any thread."""

    entries: Mapping[str, Entry]
    config: Config
    hub_url: str = ""
    _built: dict[str, Driver] = field(default_factory=dict)
    _broken: dict[str, str] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @classmethod
    def load(
        cls, path: Path | None = None, *, hub_url: str = "", installed: Iterable[EntryPoint] | None = None
    ) -> Self:
        """Read the configuration and check all of it; built-ins that it does not name are not imported.

        Args:
            path: The TOML file; None for the built-ins alone.
            hub_url: Base address of the Hub; empty switches look-ups off.
            installed: Entry points to use instead of those of this environment.

        Raises:
            ConfigError: Something in it is wrong.
        """
        return cls.of(config.load(path), hub_url=hub_url, installed=installed)

    @classmethod
    def of(cls, settings: Config, *, hub_url: str = "", installed: Iterable[EntryPoint] | None = None) -> Self:
        """The same from a configuration that was read already."""
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
        """What every provider declares, also those that are switched off. Broken ones are left out."""
        found = []
        for name in self.entries:
            with suppress(BrokenDriver):
                found.append(self.spec(name))
        return tuple(found)

    def route(self, model: str, provider: str | None = None) -> tuple[str, ...]:
        """Who is asked for a model, in order. Empty where all that serve it are switched off.

        Args:
            model: Exact name or alias.
            provider: The only one that may be asked.

        Raises:
            UnknownName: No such model or provider, or that provider does not serve it.
        """
        specs = {spec.name: spec for spec in self.specs()}
        if provider is not None:
            return self._route_to(model, provider, specs)
        serving = [name for name, spec in specs.items() if spec.model(model)]
        if not serving:
            raise UnknownName(f"there is no model {_shown(model)}{self._like(model)}")
        order = self._order(model, serving)
        return tuple(name for name in order if name in specs and specs[name].enabled and specs[name].working)

    def models(self) -> tuple[Model, ...]:
        """Every name that can be asked for and has a provider, in the order of the providers."""
        names = dict.fromkeys(name for spec in self.specs() for model in spec.models for name in model.names)
        found = []
        for name in names:
            providers = self.route(name)
            spec = self.spec(providers[0]).model(name) if providers else None
            if spec is not None:
                found.append(Model(name=name, spec=spec, providers=providers))
        return tuple(found)

    def admit(self, model: str, given: object, provider: str | None = None) -> Admission:
        """Validate a request: find the providers that take its input.

        Providers of one model may take different parameters (``flux`` may be
        schnell or dev), so those that do not take the input are passed over.

        Args:
            model: Exact name or alias.
            given: The request's ``input``.
            provider: The only one that may be asked.

        Raises:
            UnknownName: As :meth:`route`.
            Refused: No provider takes the input, with the problems that the first one has with it.
        """
        route = self.route(model, provider)
        problems = {name: validate(self._model(name, model), given) for name in route}
        taking = tuple(name for name in route if not problems[name])
        if route and not taking:
            raise Refused(problems[route[0]])
        return Admission(input=self.prepare(taking[0], model, given) if taking else {}, providers=taking)

    def pictures(self, model: str, provider: str | None = None) -> frozenset[str]:
        """Names of the parameters that are pictures, at whoever may be asked; none for what :meth:`route` refuses."""
        try:
            route = self.route(model, provider)
        except UnknownName:
            return frozenset()
        return frozenset(name for serving in route for name in self._model(serving, model).pictures)

    def prepare(self, provider: str, model: str, given: object) -> dict[str, object]:
        """The input as this provider will use it: sizes rounded, defaults filled in."""
        return normalise(self._model(provider, model), given if isinstance(given, dict) else {})

    def _model(self, provider: str, model: str) -> ModelSpec:
        spec = self.spec(provider).model(model)
        if spec is None:
            raise UnknownName(f"the provider {provider} does not serve {_shown(model)}")
        return spec

    def _route_to(self, model: str, provider: str, specs: Mapping[str, ProviderSpec]) -> tuple[str, ...]:
        if provider not in self.entries:
            raise UnknownName(f"there is no provider {_shown(provider)}; there are {', '.join(self.entries)}")
        if provider not in specs:
            raise UnknownName(f"the provider {provider} is broken on this server")
        self._model(provider, model)
        return (provider,) if specs[provider].enabled else ()

    def _order(self, model: str, serving: list[str]) -> tuple[str, ...]:
        if model in self.config.models:
            return self.config.models[model]
        first = [name for part in UNIONS.get(model, ()) for name in self._order(part, serving)]
        first = list(dict.fromkeys([*first, *ORDER.get(model, ())]))
        others = [name for name in serving if name not in first]
        if first:
            others = [name for name in others if not self.entries[name].builtin]
        return (*(name for name in first if name in serving), *others)

    def _like(self, model: str) -> str:
        names = [name for spec in self.specs() for entry in spec.models for name in entry.names]
        near = difflib.get_close_matches(model[:100], names, n=1)
        return f"; did you mean {near[0]}?" if near else ""

    def _build(self, name: str) -> Driver:
        if name not in self.entries:
            raise UnknownName(f"there is no provider {_shown(name)}; there are {', '.join(self.entries)}")
        entry = self.entries[name]
        table = self.config.providers.get(name) or ProviderConfig(name=name, where=entry.origin)
        factory = entry.factory()
        full = replace(table, hub_url=self.hub_url, others=self.config.providers)
        if entry.builtin:
            return factory(full)

        def broken(error: Exception) -> BrokenDriver:
            return BrokenDriver(f"{name} ({entry.origin}) cannot be built: {type(error).__name__}: {error}")

        with foreign(broken, unless=(ConfigError,)):
            return factory(full)

    def _check(self) -> None:
        """Build what the configuration names, so that its mistakes show at the start."""
        for name in self.config.providers:
            self.driver(name)
        for model, order in self.config.models.items():
            for provider in order:
                if provider not in self.entries:
                    raise ConfigError(
                        f"{self.config.source}: [models.{model}]: providers: there is no provider {provider!r};"
                        f" there are {', '.join(self.entries)}"
                    )
                if self.spec(provider).model(model) is None:
                    raise ConfigError(
                        f"{self.config.source}: [models.{model}]: providers: {provider} does not serve {model!r}"
                    )


def _shown(name: str) -> str:
    """A client's own word, cut to a length that can be shown."""
    return repr(name[:64])
