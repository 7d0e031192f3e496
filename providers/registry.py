"""Finds drivers and providers in three sources. Listing them imports no driver.

* the files of ``providers/drivers/``: one file, one provider of the same name;
* the entry points of the group ``darkroom.drivers`` in installed packages;
* the operator's TOML file: a table with ``driver`` is a provider of its own.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Final, cast

from providers import drivers as drivers_folder
from providers.base import Driver
from providers.config import ConfigError, ProviderConfig
from resilience import foreign

GROUP: Final = "darkroom.drivers"

#: Drivers that are not providers by themselves: they need a table in the TOML file.
TEMPLATES: Final = frozenset({"space"})

Factory = Callable[[ProviderConfig], Driver]


class DuplicateName(ConfigError):
    """Two sources have a provider or driver of the same name."""


class BrokenDriver(Exception):
    """A driver cannot be imported or built. The text names it, its origin and the cause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One provider that can be built. ``builtin``: its driver is ours. ``origin`` is for error texts."""

    name: str
    driver: EntryPoint
    origin: str
    builtin: bool = False

    def factory(self) -> Factory:
        """Import the driver.

        Raises:
            BrokenDriver: The import fails.
        """
        with foreign(lambda error: self._broken("imported", error)):
            return cast("Factory", self.driver.load())

    def build(self, config: ProviderConfig) -> Driver:
        """Import and build the driver.

        Raises:
            BrokenDriver: It fails, and is not ours.
            ConfigError: Its table is wrong.
        """
        factory = self.factory()
        if self.builtin:
            return factory(config)
        with foreign(lambda error: self._broken("built", error), unless=(ConfigError,)):
            return factory(config)

    def _broken(self, done: str, error: Exception) -> BrokenDriver:
        cause = f"{type(error).__name__}: {str(error)[:200]}"
        return BrokenDriver(f"{self.name} ({self.origin}) cannot be {done}: {cause}")


def drivers(installed: Iterable[EntryPoint] | None = None) -> dict[str, Entry]:
    """All drivers by name, from the folder and from installed packages (or the entry points given in their place).

    Raises:
        DuplicateName: Two drivers have the same name.
    """
    found: dict[str, Entry] = {}
    for entry in (*_folder(), *_plugins(installed_drivers() if installed is None else installed)):
        _add(found, entry)
    return found


@cache
def installed_drivers() -> tuple[EntryPoint, ...]:
    """The entry points of this environment: looking for them opens a file of every installed package."""
    return tuple(entry_points(group=GROUP))


def providers(known: Mapping[str, Entry], tables: Mapping[str, ProviderConfig]) -> dict[str, Entry]:
    """All providers by name: each driver that is a provider by itself, and each table with a driver.

    Raises:
        DuplicateName: A table with ``driver`` takes the name of another provider.
        ConfigError: A table names no known provider or driver.
    """
    found = {name: entry for name, entry in known.items() if name not in TEMPLATES}
    for name, table in tables.items():
        if table.driver is None:
            if name not in found:
                raise table.error(
                    f'there is no provider {name!r}; for a new one add driver = "space",'
                    f" or use one of {', '.join(sorted(found))}"
                )
            continue
        if table.driver not in known:
            raise table.error(f"driver: there is no driver {table.driver!r}; there are {', '.join(sorted(known))}")
        _add(found, Entry(name=name, driver=known[table.driver].driver, origin=table.where))
    return found


def load(name: str) -> Factory:
    """The driver of this name, for drivers that use another one.

    Raises:
        KeyError: There is none.
        BrokenDriver: The import fails.
    """
    return drivers()[name].factory()


def _folder() -> Iterable[Entry]:
    for module in sorted(pkgutil.iter_modules(drivers_folder.__path__), key=lambda module: module.name):
        name = module.name.replace("_", "-")
        point = EntryPoint(name, f"providers.drivers.{module.name}:driver", GROUP)
        yield Entry(name=name, driver=point, origin=f"providers/drivers/{module.name}.py", builtin=True)


def _plugins(points: Iterable[EntryPoint]) -> Iterable[Entry]:
    for point in sorted(points, key=lambda point: point.name):
        package = f"the package {point.dist.name} {point.dist.version}" if point.dist else "an installed package"
        yield Entry(name=point.name, driver=point, origin=f"{package}, entry point {point.value}")


def _add(found: dict[str, Entry], entry: Entry) -> None:
    other = found.get(entry.name)
    if other is not None:
        raise DuplicateName(
            f"the provider {entry.name!r} exists twice: in {other.origin} and in {entry.origin}; rename one of them"
        )
    found[entry.name] = entry
