"""The native API: thin views under ``/v1``."""

from __future__ import annotations

from flask import Flask

from web.api import admin, admin_keys, batches, catalog, events, files, jobs, links, lists, reruns, results, webhooks


def register(app: Flask) -> None:
    """Add all routes of the native API."""
    for module in (jobs, lists, reruns, batches, files, events, results, links, webhooks, catalog, admin, admin_keys):
        app.register_blueprint(module.blueprint, url_prefix="/v1")
