"""Compares what is declared of providers with their live apps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import logs
from providers.base import Control
from providers.catalog import Catalog
from providers.discovery.drift import drift
from providers.discovery.functions import describe
from providers.discovery.look import SECONDS, Describable
from providers.errors import ProviderError
from providers.registry import BrokenDriver
from resilience import aside

#: Apps that are looked at at the same time.
_AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a comparison of one provider with its live app found: differences, or why it was not possible."""

    provider: str
    drift: tuple[str, ...] = ()
    failure: str = ""

    @property
    def fits(self) -> bool:
        """Whether all is as declared."""
        return not self.drift and not self.failure


def check(catalog: Catalog, name: str, control: Control) -> Checked:
    """Compare what is declared of a provider with its live app.

    Raises:
        UnknownName: There is no such provider.
    """
    try:
        driver = catalog.driver(name)
        if not isinstance(driver, Describable):
            probe = driver.probe(control)
            return Checked(provider=name, drift=(probe.change,) if probe and probe.change else ())
        description = describe(*driver.described(control))
        renamed = driver.new_name
    except ProviderError as error:
        return Checked(provider=name, failure=error.detail)
    except BrokenDriver as error:
        return Checked(provider=name, failure=str(error))
    found = [f"the Space is called {renamed} now"] if renamed else []
    for model in driver.spec.models:
        for call in driver.calls[model.name]:
            found += drift(model, call, description)
    return Checked(provider=name, drift=tuple(dict.fromkeys(found)))


def check_all(catalog: Catalog, names: Sequence[str], seconds: float = SECONDS) -> tuple[Checked, ...]:
    """Compare several providers, some at once; ``seconds`` for each.

    Raises:
        UnknownName: There is no such provider.
    """
    found: list[Checked] = []
    for first in range(0, len(names), _AT_ONCE):
        looks = [
            aside(f"check-{name}", partial(_check_alone, catalog, name, seconds))
            for name in names[first : first + _AT_ONCE]
        ]
        found += [each.result() for each in looks]
    return tuple(found)


def _check_alone(catalog: Catalog, name: str, seconds: float) -> Checked:
    # What opens the app comes up on the way, and the app may send it back.
    with logs.hiding():
        checked = check(catalog, name, Control(seconds))
        return replace(checked, drift=tuple(map(logs.redact, checked.drift)), failure=logs.redact(checked.failure))
