"""What a run lets others know of its provider: nothing that came from the client's own things."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from jobs.egress import Egress
from jobs.model import Status
from jobs.record import keys
from jobs.scheduling.health import Health
from providers import (
    Canceled,
    Checkpoint,
    Completed,
    Control,
    Crashed,
    Denied,
    InlineFile,
    Preview,
    Progress,
    Protocol,
    ProviderError,
    Queued,
    Quota,
    Rejected,
    Started,
    Timeout,
    Unreachable,
)
from providers import Status as StatusText
from resilience import NoThread
from tests.support.worker_parts import WorkerParts, done, picture
from worker.attempts.outcome import CANCELED
from worker.egress.dialer import Dialer
from worker.egress.download import Downloader


class OfAPlugin(ProviderError):
    pass


def fails(error: Exception) -> Callable[[Control], None]:
    def step(_: Control) -> None:
        raise error

    return step


def shared(parts: WorkerParts) -> Health:
    """What all others see of the provider."""
    return replace(parts.measures.get(["scripted"])["scripted"], subjects={}, last_used_at=None)


def rests(parts: WorkerParts) -> bool:
    return bool(parts.connection.client.hexists(keys.provider("scripted"), "until"))


FAULTS = [
    Unreachable("x"), Timeout("x"), Crashed("x"), Protocol("x"), Denied("x"), Canceled("x"), OfAPlugin("x"),
    ProviderError("x"), KeyError("x"), RecursionError(), UnicodeEncodeError("utf-8", "\ud800", 0, 1, "x"), MemoryError(),
]  # fmt: skip


@pytest.mark.parametrize("error", FAULTS, ids=lambda error: type(error).__name__)
def test_a_fault_of_the_provider_counts_and_another_is_asked(parts: WorkerParts, error: Exception) -> None:
    parts.script(done(), name="second")
    job_id = parts.run(fails(error), route=("scripted", "second")).id
    assert shared(parts).failures_in_row == 1
    job = parts.job(job_id)
    assert (job.status, job.route[0]) == (Status.QUEUED, "second")
    parts.runner(job_id).run()
    assert [attempt.outcome for attempt in parts.job(job_id).attempts] == ["failed", "succeeded"]


@pytest.mark.parametrize("error", FAULTS, ids=lambda error: type(error).__name__)
def test_with_own_credentials_it_counts_for_them_alone(parts: WorkerParts, error: Exception) -> None:
    for _ in range(4):
        parts.run(fails(error), secret={"proxy": "http://proxy.example.com:3128"}, account="own")
    assert shared(parts) == Health()
    # What the provider refused because of them ends the job; anything else keeps them away for a while.
    kept = parts.measures.get(["scripted"])["scripted"].subjects
    assert set(kept) == (set() if isinstance(error, Denied) else {"own"})


def test_a_quota_of_own_credentials_rests_nobody_else(parts: WorkerParts) -> None:
    parts.run(Quota("used up", retry_after=600.0), secret={"hf_token": "hf_x"}, account="own")
    assert (shared(parts), rests(parts)) == (Health(), False)
    parts.run(Quota("used up", retry_after=600.0))
    assert rests(parts)


def test_what_fails_before_the_provider_is_asked_is_not_its_fault(parts: WorkerParts) -> None:
    def refused(_: str) -> str:
        raise Unreachable("the proxy could not be reached, or refused")

    driver = parts.script(done())
    parts.proxy = refused  # type: ignore[method-assign, assignment]
    for _ in range(6):
        runner = parts.runner(secret={"proxy": "http://proxy.example.com:3128"}, account="own")
        runner.run()
        assert parts.job(runner.job_id).attempts[-1].error is not None
    assert driver.calls == []
    assert parts.measures.get(["scripted"])["scripted"] == Health()


@pytest.mark.parametrize("error", [Timeout("x"), None])
def test_the_jobs_own_deadline_says_nothing_about_the_provider(parts: WorkerParts, error: Exception | None) -> None:
    def late(control: Control) -> None:
        time.sleep(0.25)
        if error is not None:
            raise error
        control.check()

    for _ in range(6):
        job = parts.run(Started(), late, done(), deadline_at=parts.store.now() + 0.2)
        assert job.error is not None
        assert job.error.code == "deadline_exceeded"
    assert shared(parts) == Health()


def test_a_deadline_is_the_jobs_own_also_where_two_clocks_differ(parts: WorkerParts) -> None:
    """The attempt ends by the worker's clock, a moment before Redis' clock is there."""

    def late(control: Control) -> None:
        time.sleep(0.21)
        parts.connection.slow = 0.1  # type: ignore[attr-defined]
        control.check()

    now = parts.connection.now
    parts.connection.now = lambda: now() - getattr(parts.connection, "slow", 0.0)  # type: ignore[method-assign]
    job = parts.run(Started(), late, done(), deadline_at=parts.store.now() + 0.2)
    assert job.error is not None
    assert (job.error.code, shared(parts)) == ("deadline_exceeded", Health())


def test_a_cancel_says_nothing_about_the_provider(parts: WorkerParts) -> None:

    def cancel(_: Control) -> None:
        runner.cancel(CANCELED)
        raise Unreachable("its socket was shut")

    parts.script(Started(), cancel)
    runner = parts.runner()
    runner.run()
    assert shared(parts) == Health()


@pytest.mark.parametrize("error", [Rejected("x"), Rejected("x", content=True)])
def test_an_input_that_is_refused_says_nothing_about_the_provider(parts: WorkerParts, error: ProviderError) -> None:
    for _ in range(6):
        parts.run(error)
    assert (shared(parts).failures_in_row, shared(parts).success_rate, shared(parts).common_rate) == (0, 1.0, 1.0)


def test_a_slow_picture_of_the_user_is_not_the_providers_time(parts: WorkerParts) -> None:
    fetched = picture()

    def slow(*_: Any) -> bytes:
        time.sleep(0.4)
        return fetched

    parts.fetch = slow  # type: ignore[method-assign, assignment]
    driver = parts.script(Started(), done())
    driver.spec = replace_images(driver.spec)
    parts.runner(input={"image": "https://pictures.example/a.png"}).run()
    (waited,) = parts.measures.get(["scripted"])["scripted"].waits
    assert waited < 0.3
    assert len(driver.calls[0][0].files) == 1


def replace_images(spec: Any) -> Any:
    import dataclasses

    from providers import ModelSpec, Param

    return dataclasses.replace(spec, models=(ModelSpec(name="scripted", params=(Param(name="image", type="image"),)),))


class Bad:
    """A file that fails in an unforeseen way."""

    name = "a.png"

    def read(self, limit: int) -> bytes:
        raise KeyError(limit)


ODD_EVENTS = [
    Preview(Bad()), Preview(InlineFile("\ud800.png", b"\0")), Preview(InlineFile("a", b"")), Preview(None),  # type: ignore[arg-type]
    StatusText("\ud800\0\x1b[31m"), StatusText("x", "\ud800"), Queued(-1, 10**400, float("nan")),
    Progress(float("nan"), -5, 10**400, "\ud800", "\ud800"), Progress(fraction=float("inf"), message="\udfff"),
]  # fmt: skip


@pytest.mark.parametrize("event", ODD_EVENTS, ids=range(len(ODD_EVENTS)))
def test_an_odd_event_of_a_driver_costs_itself_at_most(parts: WorkerParts, event: Any) -> None:
    job = parts.run(Started(), event, done())
    assert job.status is Status.SUCCEEDED
    assert parts.log(job.id), "the log can be read"


@pytest.mark.parametrize(
    "event",
    [Checkpoint({"a": "\ud800"}), Completed((InlineFile("\ud800", b"x"),)), Completed((None,)), "nonsense"],  # type: ignore[arg-type]
)
def test_what_a_driver_says_that_cannot_be_used_ends_its_attempt(parts: WorkerParts, event: Any) -> None:
    parts.script(done(), name="second")
    job_id = parts.run(Started(), event, route=("scripted", "second")).id
    parts.runner(job_id).run()
    assert parts.job(job_id).status is Status.SUCCEEDED


def test_an_unforeseen_error_is_logged_with_its_trace(parts: WorkerParts, caplog: pytest.LogCaptureFixture) -> None:
    parts.run(fails(KeyError("unforeseen")))
    (record,) = [record for record in caplog.records if "unforeseen" in record.getMessage()]
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], KeyError)


@pytest.mark.parametrize("detail", ["", None, 42, "\ud800\0", ["x"], "x" * 10**6])
def test_the_text_of_an_error_may_be_anything(parts: WorkerParts, detail: Any) -> None:
    for kind in (Crashed, OfAPlugin):
        job = parts.run(fails(kind(detail, retry_after=detail, title=detail)))
        assert job.attempts[-1].error is not None
        assert job.attempts[-1].error.code == "provider_error"
        assert len(job.attempts[-1].error.detail) <= 500


# -- what this machine lacks ---------------------------------------------------


def no_thread(_: Control) -> None:
    raise NoThread("the process can start no other thread now")


def test_an_attempt_without_a_thread_is_handed_back_and_counts_for_nothing(parts: WorkerParts) -> None:
    for _ in range(4):
        job = parts.run(Started(), no_thread)
        assert (job.status, job.error, job.waiting) == (Status.QUEUED, None, "workers_busy")
        assert [attempt.outcome for attempt in job.attempts] == ["handed_back"]
        assert job.not_before is not None
        assert job.not_before > parts.store.now() + 1
    assert shared(parts) == Health()
    assert not rests(parts)


def test_a_download_without_a_thread_is_no_bad_picture(parts: WorkerParts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its time limit is a thread, and so is the look-up of its host."""

    def full(thread: threading.Thread) -> None:
        raise RuntimeError(f"can't start new thread {thread.name}")

    driver = parts.script(Started(), done())
    driver.spec = replace_images(driver.spec)
    parts.fetch = Downloader(Dialer(Egress())).fetch  # type: ignore[method-assign]
    runner = parts.runner(input={"image": "https://pictures.example/a.png"})
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", full)
        runner.run()
    job = parts.job(runner.job_id)
    assert (job.status, job.error, job.waiting) == (Status.QUEUED, None, "workers_busy")
    assert shared(parts) == Health()


@pytest.mark.parametrize(
    ("error", "code"), [(OSError(5, "Input/output error"), "storage_error"), (KeyError("ours"), "internal")]
)
def test_what_fails_while_the_input_is_made_asks_another_provider(
    parts: WorkerParts, error: Exception, code: str
) -> None:
    def broken(*_: Any) -> bytes:
        raise error

    driver = parts.script(Started(), done())
    driver.spec = replace_images(driver.spec)
    parts.script(done(), name="second")
    given = {"image": "https://pictures.example/a.png"}
    fetch, parts.fetch = parts.fetch, broken  # type: ignore[method-assign, assignment]
    for strategy, status in (("failover", Status.QUEUED), ("single", Status.FAILED)):
        runner = parts.runner(route=("scripted", "second"), strategy=strategy, input=given)
        runner.run()
        job = parts.job(runner.job_id)
        assert job.attempts[-1].error is not None
        assert job.attempts[-1].error.code == code
        if code == "storage_error":
            assert job.status is Status.QUEUED, "the same provider, too: the disk will be well again"
        else:
            assert job.status is status
    assert shared(parts) == Health()
    parts.fetch = fetch  # type: ignore[method-assign]
