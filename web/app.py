"""The Flask application: wiring only."""

from __future__ import annotations

import logging
import sys
from contextlib import ExitStack, suppress

from flask import Flask

import settings as configuration
from jobs import failpoints
from jobs.errors import StoreUnavailable, WrongDatabase
from jobs.record import messages
from jobs.vault import VaultError
from providers import registry
from providers.config import ConfigError
from settings import Settings, SettingsError
from web import dialects, middleware, monitoring, pages, v1
from web.build import build
from web.http import auth, error_responses, json_body
from web.http.url_converters import CONVERTERS
from web.lane import Lane
from web.services import Services
from web.v1.lane.polls import Polls
from web.v1.lane.submits import Submits

log = logging.getLogger(__name__)


def create_app(settings: Settings | None = None, built: Services | None = None) -> Flask:
    """The application for one process, by default with the configuration of its environment.

    Raises:
        SettingsError: There is no Redis URL, or other machines could use the API without a key.
        ConfigError: The providers' configuration is wrong.
    """
    settings = settings or configuration.load()
    failpoints.arm(settings.failpoints)
    built = built or build(settings)
    with ExitStack() as failed:
        failed.callback(built.close)
        try:
            built.identity.check()
            auth.refuse_open_bind(built.keys, built.settings.bind)
        except WrongDatabase:
            log.warning("all requests are refused until Redis holds the right database")
        except StoreUnavailable:
            log.warning("Redis cannot be reached yet; all requests are refused until it can")
        failed.pop_all()
    built.watch()
    return assemble(built)


def load() -> None:
    """Load what building an application loads, for a server that forks the processes in which it is built."""
    messages.template()
    for entry in registry.drivers().values():
        # A broken driver is reported when a service is built with it.
        if entry.builtin:
            with suppress(registry.BrokenDriver):
                entry.factory()


def application() -> Flask:
    """The application for gunicorn. A wrong configuration ends the process, after one line that says what is wrong."""
    try:
        return create_app()
    except (SettingsError, ConfigError, VaultError, OSError) as error:
        log.critical("cannot start: %s", error)
        sys.exit(3)


def assemble(services: Services) -> Flask:
    """The application around these services."""
    app = Flask("web", static_url_path="/static")
    app.config["MAX_CONTENT_LENGTH"] = json_body.SMALL_BODY
    # A path with two slashes is another path; a redirect from it could lead to another host.
    app.url_map.merge_slashes = False
    app.url_map.converters.update(CONVERTERS)
    app.extensions["darkroom"] = services
    middleware.register(app, services)
    error_responses.register(app)
    v1.register(app)
    dialects.register(app, services.settings.dialects)
    app.register_blueprint(monitoring.blueprint)
    app.register_blueprint(pages.blueprint)
    poll = Polls(services).answer
    answers = {"GET": poll, "HEAD": poll, "POST": Submits(services).answer}
    app.wsgi_app = Lane(app.wsgi_app, answers)  # type: ignore[method-assign]
    return app
