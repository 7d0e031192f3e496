"""The application on fakeredis, without processes: what needs neither sockets nor time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import fakeredis
import pytest
from flask import Flask
from flask.testing import FlaskClient

import settings as configuration
from settings import Settings
from web.app import assemble
from web.services import Services, build


class Woken:
    """A publisher that remembers whom it woke."""

    def __init__(self) -> None:
        self.jobs: list[str] = []

    def publish(self, job_id: str) -> None:
        self.jobs.append(job_id)


@pytest.fixture
def web_settings(tmp_path: Path) -> Settings:
    return configuration.load({"DARKROOM_DATA_DIR": str(tmp_path), "DARKROOM_HUB_URL": ""})


@pytest.fixture
def services(web_settings: Settings) -> Iterator[Services]:
    built = build(web_settings, client=fakeredis.FakeRedis(), publisher=Woken())
    yield built
    built.close()


@pytest.fixture
def app(services: Services) -> Flask:
    return assemble(services)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()
