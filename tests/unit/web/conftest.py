"""The application on fakeredis, without processes: what needs neither sockets nor time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import fakeredis
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

import settings as configuration
from settings import Bind, Settings
from tests.support.fake_worker import FakeWorker, name_database
from tests.support.openapi_answers import undeclared_answers
from web.app import assemble
from web.build import build
from web.services import Services, Timings


@pytest.fixture
def environ() -> dict[str, str]:
    """More settings; a test that needs some parametrizes it."""
    return {}


@pytest.fixture
def timings() -> Timings:
    """How long the application waits; a test that waits less parametrizes it."""
    return Timings()


@pytest.fixture
def web_settings(tmp_path: Path, environ: dict[str, str]) -> Settings:
    """The settings of the application."""
    return configuration.load({"DARKROOM_DATA_DIR": str(tmp_path), "DARKROOM_HUB_URL": "", **environ})


@pytest.fixture
def fake_server() -> fakeredis.FakeServer:
    """The Redis of :func:`services`; a test may set its ``connected`` to False."""
    return fakeredis.FakeServer()


@pytest.fixture
def services(web_settings: Settings, timings: Timings, fake_server: fakeredis.FakeServer) -> Iterator[Services]:
    """What serves the requests of :func:`client`."""
    client = fakeredis.FakeRedis(server=fake_server)
    built = build(web_settings, client=client, timings=timings)
    name_database(built)
    yield built
    built.close()


@pytest.fixture
def fake_worker(services: Services) -> FakeWorker:
    return FakeWorker(services)


@pytest.fixture
def serve() -> Iterator[Callable[[Services], Flask]]:
    """Makes the application on services; every answer of it in a test has to be as the document says."""
    undeclared: list[list[str]] = []
    with ExitStack() as answers:

        class Client(FlaskClient):
            """Closes the files of answers that a test does not read."""

            def open(self, *args: Any, **options: Any) -> TestResponse:
                answer = super().open(*args, **options)
                answers.callback(answer.close)
                return answer

        def made(services: Services) -> Flask:
            app = assemble(services)
            app.test_client_class = Client
            undeclared.append(undeclared_answers(app))
            return app

        yield made
    assert not any(undeclared), undeclared


@pytest.fixture
def app(services: Services, serve: Callable[[Services], Flask]) -> Flask:
    """The application."""
    return serve(services)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def public_app(web_settings: Settings, serve: Callable[[Services], Flask]) -> Iterator[Flask]:
    """The application where everybody can reach it, so that a key is always needed."""
    built = build(replace(web_settings, bind=Bind("0.0.0.0", 8000)), client=fakeredis.FakeRedis())
    name_database(built)
    yield serve(built)
    built.close()
