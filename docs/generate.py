"""The reference pages that are made from code: ``./run docs`` writes them, ``./run docs --check`` names the stale ones."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import cli.docs
import jobs.docs
import providers.docs
import providers.gradio.components.page
import settings
import web.openapi.reference
from docs import compatibility
from providers.catalog import Catalog
from web.app import assemble
from web.build import build
from web.openapi import document as openapi
from web.openapi.schemas import Json

FOLDER: Final = Path(__file__).parent / "reference"


def offline_document() -> Json:
    """The OpenAPI document of an installation without a configuration. Connects to nothing."""
    with tempfile.TemporaryDirectory() as folder:
        built = build(
            settings.load(
                {"DARKROOM_DATA_DIR": folder, "DARKROOM_REDIS_URL": "redis://127.0.0.1", "DARKROOM_HUB_URL": ""}
            )
        )
        try:
            return openapi.document(assemble(built), built.catalog)
        finally:
            built.close()


def _providers() -> str:
    return providers.docs.page(Catalog.load(installed=[]).specs())


def _http_api() -> str:
    return web.openapi.reference.markdown(offline_document())


def _components() -> str:
    return providers.gradio.components.page.page(json.loads((FOLDER / "components.json").read_text(encoding="utf-8")))


#: Name of each page in docs/reference/, without ``.md``, and what makes it.
PAGES: Final[dict[str, Callable[[], str]]] = {
    "cli": cli.docs.page,
    "compatibility": compatibility.page,
    "components": _components,
    "errors": web.openapi.reference.errors,
    "http-api": _http_api,
    "metrics": jobs.docs.metrics_page,
    "providers": _providers,
    "redis-keys": jobs.docs.redis_keys,
    "settings": settings.reference,
    "states": jobs.docs.states,
}


def stale(name: str) -> bool:
    """Whether the page differs from what the code says."""
    path = FOLDER / f"{name}.md"
    return not path.exists() or path.read_text(encoding="utf-8") != PAGES[name]()


def main(arguments: list[str]) -> int:
    """Write the stale pages, or with ``--check`` only name them. Returns the exit status: 1 if a check found one."""
    found = [name for name in PAGES if stale(name)]
    check = arguments == ["--check"]
    for name in found:
        if not check:
            (FOLDER / f"{name}.md").write_text(PAGES[name](), encoding="utf-8")
        print(f"docs/reference/{name}.md {'is out of date: ./run docs' if check else 'written'}")
    return int(check and bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
