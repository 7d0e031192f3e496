"""The pages in a real browser, under their real content security policy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from jobs import events
from jobs.access.api_key_store import ApiKeyStore
from jobs.model import Failure, Job
from tests.support.fake_worker import FakeWorker
from tests.support.lists import job_page
from tests.support.processes import Stack

pytestmark = [pytest.mark.browser, pytest.mark.real]

HOSTILE = "<img src=x onerror=alert(1)>\"'><svg/onload=alert(1)> \u202e\u2066x"


def ask(page: Page, stack: Stack, prompt: str) -> Job:
    page.goto(stack.url)
    page.select_option("#model", "echo")
    page.fill("#prompt", prompt)
    page.click("#send")
    # Where a worker has a free slot, the job is on its way to it.
    expect(page.locator("#state")).to_have_text(re.compile("^(#1 in the queue|Starting)$"))
    return job_page(stack.store, "local", limit=1).records[0].job


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
    expect(page.locator("#state")).to_have_text("No result")
    expect(page.locator("#note")).to_have_text("<b>No quota</b> left.")


def test_a_job_can_be_canceled_on_the_page(page: Page, stack: Stack) -> None:
    ask(page, stack, "a lighthouse")
    page.click("#cancel")
    expect(page.locator("#state")).to_have_text("Canceled")


def test_the_documentation_renders_and_works(page: Page, stack: Stack) -> None:
    page.goto(f"{stack.url}/docs")
    paths = page.request.get(f"{stack.url}/openapi.json").json()["paths"]
    wanted = {found["operationId"] for methods in paths.values() for found in methods.values()}
    expect(page.locator(".opblock").first).to_be_visible()
    # Only what is in sight is rendered.
    seen: set[str] = set()
    while not wanted <= seen and not page.evaluate("window.over"):
        page.evaluate("window.over = scrollY + innerHeight >= document.body.scrollHeight - 1; scrollBy(0, 300)")
        page.wait_for_timeout(50)
        seen |= {
            name.rpartition("-")[2] for name in page.eval_on_selector_all(".opblock", "all => all.map(it => it.id)")
        }
    assert wanted <= seen
    page.evaluate("scrollTo(0, 0)")
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
