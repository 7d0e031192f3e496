"""The application on fakeredis, without processes: what needs neither sockets nor time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import fakeredis
import pytest
from flask import Flask
from flask.testing import FlaskClient

import settings as configuration
from settings import Bind, Settings
from tests.support.fake_worker import FakePublisher, FakeWorker, name_database
from tests.support.openapi_witness import undeclared_answers
from web.app import assemble
from web.services import Services, build


@pytest.fixture
def web_settings(tmp_path: Path) -> Settings:
    return configuration.load({"DARKROOM_DATA_DIR": str(tmp_path), "DARKROOM_HUB_URL": ""})


@pytest.fixture
def services(web_settings: Settings) -> Iterator[Services]:
    built = build(web_settings, client=fakeredis.FakeRedis(), publisher=FakePublisher())
    name_database(built)
    yield built
    built.close()


@pytest.fixture
def fake_worker(services: Services) -> FakeWorker:
    return FakeWorker(services.store, services.jobs, services.artifacts)


@pytest.fixture
def app(services: Services) -> Iterator[Flask]:
    """The application; whatever it answers in a test has to be as the document says."""
    built = assemble(services)
    undeclared = undeclared_answers(built)
    yield built
    assert undeclared == []


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def public_app(web_settings: Settings) -> Iterator[Flask]:
    """The application where everybody can reach it, so that a key is always needed."""
    built = build(
        replace(web_settings, bind=Bind("0.0.0.0", 8000)), client=fakeredis.FakeRedis(), publisher=FakePublisher()
    )
    name_database(built)
    yield assemble(built)
    built.close()
