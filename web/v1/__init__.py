"""The native API: thin views under ``/v1``."""

from __future__ import annotations

from typing import Final

from flask import Flask

from web.v1 import (
    admin,
    admin_keys,
    batches,
    catalog,
    events,
    files,
    jobs,
    links,
    lists,
    reruns,
    results,
    usage,
    webhooks,
)

_MODULES: Final = (
    jobs, lists, reruns, batches, files, events, results, links, webhooks, catalog, usage, admin, admin_keys,
)  # fmt: skip


def register(app: Flask) -> None:
    """Add all routes of the native API."""
    for module in _MODULES:
        app.register_blueprint(module.blueprint, url_prefix="/v1")
