"""A real web server on a real Redis, and jobs that a test leads by hand."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Request, sync_playwright

from tests.support.fake_worker import FakeWorker
from tests.support.processes import Stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Web and Redis; no worker."""
    folder: Path = tmp_path_factory.mktemp("web")
    with Stack(folder / "stack") as running:
        running.web()
        yield running


@pytest.fixture
def fake_worker(stack: Stack) -> FakeWorker:
    return FakeWorker(stack)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chromium-browser"))), None)
    if program is None:
        assert not os.environ.get("CI"), "no Chromium (Debian: apt-get install chromium)"
        pytest.skip("no Chromium (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that must not complain, ask for anything from elsewhere, or open a dialog."""
    opened = browser.new_page()
    complaints: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(message.text)

    def asked(dialog: Dialog) -> None:
        complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def sent(request: Request) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "blob:", "data:")):
            complaints.append(request.url)

    opened.on("console", heard)
    opened.on("dialog", asked)
    opened.on("request", sent)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    opened.close()
    assert complaints == []
