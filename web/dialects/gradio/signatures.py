"""What the functions of providers' apps look like, as the apps told it last: kept, since a client connects at any time."""

from __future__ import annotations

import hashlib
import logging
import time
from functools import partial
from typing import Final

import msgspec

import logs
from jobs.record import keys
from jobs.record.outages import available
from providers.base import Control
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
#: Seconds after which an app is asked again, and those until that is tried again.
_FRESH_SECONDS: Final = 600.0
_AGAIN_SECONDS: Final = 30.0


class _Known(msgspec.Struct, frozen=True):
    """The functions of an app; ``mark`` says of which app, and how its driver calls them; ``at`` is Unix seconds."""

    mark: str
    at: float
    functions: tuple[Function, ...]


_decoder: Final = msgspec.json.Decoder(_Known)
#: When a provider's app was asked last (of :func:`time.monotonic`), by its mark.
_asked: Final[dict[str, float]] = {}


def functions_of(provider: str) -> tuple[Function, ...]:
    """The functions of a provider's app that are models. The app is asked where it never was; else, later, beside.

    Raises:
        Problem: 404: it is no Gradio app. 503: it was never asked, and does not answer now.
        StoreUnavailable: Redis cannot serve.
    """
    found = services()
    driver = _described(found, provider)
    mark = _mark(driver)
    known = _known(found, provider, mark)
    if known is None:
        return _asked_now(found, provider, driver)
    if found.connection.now() - known.at > _FRESH_SECONDS and _may_ask(mark):
        aside(f"signature-{provider}", partial(_refresh, found, provider, driver))
    return known.functions


def _described(found: Services, provider: str) -> Describable:
    try:
        driver = found.live.current.driver(provider)
    except BrokenDriver as error:
        raise Problem("not_found", f"The provider {provider} cannot be used: {error}.") from None
    if not isinstance(driver, Describable):
        raise Problem("not_found", f"{provider} is not one Gradio app; use POST /v1/jobs for it.")
    return driver


def _mark(driver: Describable) -> str:
    spec = driver.spec
    calls = [
        [
            name,
            [
                [call.api_name, {ours: list(theirs) for ours, theirs in call.arguments.items()}, call.order]
                for call in made
            ],
        ]
        for name, made in driver.calls.items()
    ]
    told = msgspec.json.encode(
        [spec.url, spec.space, calls, [[*model.params] for model in spec.models]], order="sorted"
    )
    return hashlib.sha256(told).hexdigest()


def _known(found: Services, provider: str, mark: str) -> _Known | None:
    with available():
        doc = found.connection.redis.get(keys.signature(provider))
    if doc is None:
        return None
    known = None
    with survive(log, "what is kept of an app's functions cannot be read, and is asked for anew", provider=provider):
        known = _decoder.decode(doc)
    return known if known is not None and known.mark == mark else None


def _may_ask(mark: str) -> bool:
    """Whether nobody in this process has asked the app a moment ago; from now on, one has."""
    last = _asked.get(mark)
    if last is not None and time.monotonic() - last < _AGAIN_SECONDS:
        return False
    _asked[mark] = time.monotonic()
    return True


def _asked_now(found: Services, provider: str, driver: Describable) -> tuple[Function, ...]:
    try:
        return _refresh(found, provider, driver)
    except ProviderError as error:
        detail = f"The app of {provider} has not told yet what its functions are, and now: {error.detail}"
        raise Problem("model_unavailable", detail, headers={"Retry-After": "10"}) from None


def _refresh(found: Services, provider: str, driver: Describable) -> tuple[Function, ...]:
    # What a driver uses to get in comes up on the way, and the app may send it back.
    with logs.hiding():
        functions = signature(driver, Control(_LOOK_SECONDS))
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
