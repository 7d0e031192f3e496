"""What the functions of providers' apps look like, as the apps told it last: kept, since a client connects at any time."""

from __future__ import annotations

import hashlib
import logging
import math
import time
from functools import partial
from typing import Final, NoReturn

import msgspec

import logs
from jobs.record import keys
from jobs.record.outages import available
from providers.base import Control
from providers.catalog import Catalog
from providers.discovery.look import Describable
from providers.discovery.signature import Function, signature
from providers.errors import ProviderError
from providers.registry import BrokenDriver
from resilience import aside, survive
from web.http.problems import Problem
from web.services import Services, services

log = logging.getLogger(__name__)

#: Seconds for one look at an app: a client waits five for the answer that needs it.
_LOOK_SECONDS: Final = 4.0
#: Seconds after which an app is asked again; and those for which one that did not answer is left alone.
_FRESH_SECONDS: Final = 600.0
_REST_SECONDS: Final = 10.0


class _Known(msgspec.Struct, frozen=True):
    """The functions of an app; ``mark`` says of which app, and how its driver calls them; ``at`` is Unix seconds."""

    mark: str
    at: float
    functions: tuple[Function, ...]


_decoder: Final = msgspec.json.Decoder(_Known)
#: When an app was asked last (of :func:`time.monotonic`), and why that gave nothing; by its mark.
_asked: Final[dict[str, tuple[float, str]]] = {}


def functions_of(catalog: Catalog, provider: str) -> tuple[Function, ...]:
    """The functions of a provider's app that are models. The app is asked where it never was; else, later, beside.

    Raises:
        Problem: 404: it is no Gradio app. 503: it was never asked, and does not answer now.
        StoreUnavailable: Redis cannot serve.
    """
    driver = driver_of(catalog, provider)
    if driver is None:
        raise Problem("not_found", f"{provider} is not one Gradio app; use POST /v1/jobs for it.")
    known = _known(provider, driver)
    since, why = _asked.get(_mark(driver), (-math.inf, ""))
    rests = time.monotonic() - since < _REST_SECONDS
    if known is not None:
        if not rests and services().connection.now() - known.at > _FRESH_SECONDS:
            aside(f"signature-{provider}", partial(_ask, services(), provider, driver))
        return known.functions
    try:
        return _ask(services(), provider, driver) if not (rests and why) else _unknown(provider, why)
    except ProviderError:
        return _unknown(provider, _asked[_mark(driver)][1])


def driver_of(catalog: Catalog, provider: str) -> Describable | None:
    """The driver of a provider that is one Gradio app; None of any other."""
    try:
        driver = catalog.driver(provider)
    except BrokenDriver:
        return None
    return driver if isinstance(driver, Describable) else None


def _unknown(provider: str, why: str) -> NoReturn:
    detail = f"The app of {provider} has not told yet what its functions are, and now: {why}"
    raise Problem("model_unavailable", detail, headers={"Retry-After": str(int(_REST_SECONDS))})


def _mark(driver: Describable) -> str:
    spec = driver.spec
    calls = [
        [name, [[call.api_name, call.arguments, call.order] for call in made]] for name, made in driver.calls.items()
    ]
    params = [[param.name for param in model.params] for model in spec.models]
    return hashlib.sha256(msgspec.json.encode([spec.url, spec.space, calls, params], order="sorted")).hexdigest()


def _known(provider: str, driver: Describable) -> _Known | None:
    with available():
        doc = services().connection.redis.get(keys.signature(provider))
    known = None
    with survive(log, "what is kept of an app's functions cannot be read, and is asked for anew", provider=provider):
        known = None if doc is None else _decoder.decode(doc)
    return known if known is not None and known.mark == _mark(driver) else None


def _ask(found: Services, provider: str, driver: Describable) -> tuple[Function, ...]:
    """Ask the app, and keep what it tells."""
    mark = _mark(driver)
    _asked[mark] = (time.monotonic(), "")
    # What a driver uses to get in comes up on the way, and the app may send it back.
    with logs.hiding():
        try:
            functions = signature(driver, Control(_LOOK_SECONDS))
        except ProviderError as error:
            _asked[mark] = (time.monotonic(), logs.redact(error.detail))
            raise
    remember(found, provider, driver, functions)
    return functions


def remember(found: Services, provider: str, driver: Describable, functions: tuple[Function, ...]) -> None:
    """Keep what an app has told.

    Raises:
        StoreUnavailable: Redis cannot serve.
    """
    doc = msgspec.json.encode(_Known(_mark(driver), found.connection.now(), functions))
    with available():
        found.connection.redis.set(keys.signature(provider), doc)
