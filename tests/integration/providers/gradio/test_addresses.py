"""An app whose host has several addresses, of which some do not answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

import resolving
from providers import Control
from providers.errors import ProviderError, Unreachable
from providers.gradio.app_info import AppAddress
from providers.gradio.app_limits import AppLimits
from providers.gradio.client import GradioApp
from resilience import aside
from tests.support.dead_addresses import NO_WAY, REFUSED, REFUSED_6, SILENT, silent
from tests.support.hostile_app import HostileApp, hostile_app


@pytest.fixture
def app() -> Iterator[HostileApp]:
    with hostile_app() as app:
        yield app


def signature(monkeypatch: pytest.MonkeyPatch, app: HostileApp, *addresses: str, connect: float = 5.0) -> object:
    """The signature of the app, found by a name that has these addresses."""
    port = urlsplit(app.url).port

    def look(host: str, asked: int, seconds: float) -> list[str]:
        assert (host, asked, seconds) == ("apps.example", port, connect)
        return list(addresses)

    monkeypatch.setattr("providers.gradio.http_session.resolve", look)
    address = AppAddress(base_url=f"http://apps.example:{port}")
    with GradioApp(address, limits=AppLimits(connect=connect), control=Control(20)) as client:
        return client.info.refresh().signature()


@pytest.mark.parametrize("dead", [REFUSED, REFUSED_6, NO_WAY, SILENT[0]])
def test_the_next_address_is_tried(monkeypatch: pytest.MonkeyPatch, app: HostileApp, dead: str) -> None:
    with silent(urlsplit(app.url).port or 0):
        assert signature(monkeypatch, app, dead, "127.0.0.1")


def test_all_addresses_share_the_time_of_one(monkeypatch: pytest.MonkeyPatch, app: HostileApp) -> None:
    began = time.monotonic()
    with silent(urlsplit(app.url).port or 0), pytest.raises(ProviderError):
        signature(monkeypatch, app, *SILENT, *(f"127.0.1.{n}" for n in range(9)), *SILENT, connect=2.0)
    assert time.monotonic() - began < 4.0


def test_a_resolver_that_does_not_answer_costs_the_time_of_one_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(resolving, "aside", lambda name, look: aside(name, lambda: over.wait(30) and look()))
    began = time.monotonic()
    with (
        GradioApp(
            AppAddress(base_url="http://apps.example"), limits=AppLimits(connect=0.3), control=Control(20)
        ) as app,
        pytest.raises(Unreachable),
    ):
        app.info.refresh()
    over.set()
    assert time.monotonic() - began < 2.0


@pytest.mark.parametrize("host", ["nowhere.invalid", "a" * 80 + ".example.com", "xn--\u00e4.example"])
def test_a_host_that_is_not_found_is_not_reachable(host: str) -> None:
    with (
        GradioApp(AppAddress(base_url=f"http://{host}"), limits=AppLimits(connect=5), control=Control(20)) as app,
        pytest.raises(Unreachable),
    ):
        app.info.refresh()
