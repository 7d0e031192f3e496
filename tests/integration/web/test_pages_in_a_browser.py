"""The pages in a real browser, under their real content security policy."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Request, expect, sync_playwright

from jobs import events
from jobs.access.api_key_store import ApiKeyStore
from jobs.model import Failure, Job
from tests.support.fake_worker import FakeWorker
from tests.support.processes import Stack

pytestmark = [pytest.mark.browser, pytest.mark.real]

HOSTILE = "<img src=x onerror=alert(1)>\"'><svg/onload=alert(1)> \u202e\u2066x"


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


def ask(page: Page, stack: Stack, prompt: str) -> Job:
    page.goto(stack.url)
    page.select_option("#model", "echo")
    page.fill("#prompt", prompt)
    page.click("#send")
    expect(page.locator("#state")).to_have_text("#1 in the queue")
    return stack.store.page("local", cursor=None, limit=1).records[0].job


def test_a_picture_develops_before_ones_eyes(page: Page, stack: Stack, fake_worker: FakeWorker) -> None:
    job = ask(page, stack, HOSTILE)
    assert job.given["prompt"] == HOSTILE
    lease = fake_worker.claim(job)
    fake_worker.write(lease, events.UpstreamQueued, rank=2, size=3)
    expect(page.locator("#note")).to_contain_text("#3 there")
    fake_worker.write(lease, events.Progressed, stage="generating", fraction=0.5, step=1, total=2)
    expect(page.locator("#state")).to_have_text("Step 1 of 2")
    expect(page.locator("#bar span")).to_have_attribute("style", "width: 50%;")
    fake_worker.preview(lease, 0)
    expect(page.locator("#picture")).to_have_js_property("naturalWidth", 64)
    preview = page.get_attribute("#picture", "src")
    fake_worker.succeed(lease)
    expect(page.locator("#state")).to_have_text("Done")
    expect(page.locator("#picture")).not_to_have_attribute("src", preview or "")
    expect(page.locator("#words")).to_have_text(HOSTILE)
    assert page.get_attribute("#save", "download") == f"{job.id}.png"
    expect(page.locator("#reel li").first).to_be_visible()
    # Its address is the job's: coming again shows it again.
    page.reload()
    expect(page.locator("#state")).to_have_text("Done")


def test_a_failure_says_why(page: Page, stack: Stack, fake_worker: FakeWorker) -> None:
    lease = fake_worker.claim(ask(page, stack, "a lighthouse"))
    fake_worker.write(lease, events.Failed, error=Failure(code="provider_quota", detail="<b>No quota</b> left."))
    expect(page.locator("#state")).to_have_text("No image")
    expect(page.locator("#note")).to_have_text("<b>No quota</b> left.")


def test_a_job_can_be_canceled_on_the_page(page: Page, stack: Stack) -> None:
    ask(page, stack, "a lighthouse")
    page.click("#cancel")
    expect(page.locator("#state")).to_have_text("Canceled")


def test_the_documentation_renders_and_works(page: Page, stack: Stack) -> None:
    page.goto(f"{stack.url}/docs")
    paths = page.request.get(f"{stack.url}/openapi.json").json()["paths"]
    expect(page.locator(".opblock")).to_have_count(sum(len(methods) for methods in paths.values()))
    page.click("#operations-Jobs-listJobs .opblock-summary")
    page.click("#operations-Jobs-listJobs .try-out__btn")
    page.click("#operations-Jobs-listJobs .execute")
    expect(page.locator("#operations-Jobs-listJobs .response .response-col_status").first).to_contain_text("200")
    page.click("#operations-Jobs-submitJob .opblock-summary")
    expect(page.locator("#operations-Jobs-submitJob .opblock-section-request-body")).to_be_visible()


def test_with_keys_the_page_asks_for_one(browser: Browser, tmp_path: Path) -> None:
    with Stack(tmp_path / "stack") as stack:
        _, key = ApiKeyStore(stack.connection).create("mine")
        stack.web()
        page = browser.new_page()
        page.goto(stack.url)
        page.fill("#key", key)
        page.click("#door button")
        expect(page.locator("#form")).to_be_visible()
        page.select_option("#model", "echo")
        page.fill("#prompt", "a lighthouse")
        page.click("#send")
        expect(page.locator("#state")).to_have_text("#1 in the queue")
        page.close()
