"""The native API: thin views under ``/v1``."""

from __future__ import annotations

from flask import Flask

from web.v1 import (
    admin,
    admin_keys,
    admin_providers,
    batches,
    catalog,
    events,
    files,
    jobs,
    lists,
    reruns,
    results,
    usage,
    webhooks,
)

_MODULES = (
    jobs,
    lists,
    reruns,
    batches,
    files,
    events,
    results,
    webhooks,
    catalog,
    usage,
    admin,
    admin_keys,
    admin_providers,
)


def register(app: Flask) -> None:
    """Add all routes of the native API."""
    for module in _MODULES:
        app.register_blueprint(module.blueprint, url_prefix="/v1")
