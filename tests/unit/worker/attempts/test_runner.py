"""A job under one lease, with scripted drivers on fakeredis."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from jobs import events
from jobs.files.images import clean
from jobs.model import Status, Tombstone
from media import OutputLimits
from providers import (
    Busy,
    Canceled,
    Changed,
    Checkpoint,
    Completed,
    Control,
    Crashed,
    Denied,
    File,
    InlineFile,
    ModelSpec,
    Param,
    Preview,
    Progress,
    Protocol,
    ProviderError,
    ProviderSpec,
    Queued,
    Quota,
    Rejected,
    Started,
    Text,
    Timeout,
    Unreachable,
    Waking,
)
from providers import Status as StatusText
from providers.testing import ScriptedDriver
from tests.support.eventually import eventually
from tests.support.worker_parts import WorkerParts, away, done, picture
from worker.attempts.outcome import CANCELED, HANDED_BACK, LEASE_LOST
from worker.attempts.parts import Timings
from worker.attempts.runner import alone


def kinds(parts: WorkerParts, job_id: str) -> list[str]:
    return [type(event).__name__ for event in parts.log(job_id)]


# -- success ------------------------------------------------------------------


def test_a_result_is_verified_stored_and_told(parts: WorkerParts) -> None:
    job = parts.run(Queued(2, 5, 9.0), Started(), done())
    assert (job.status, job.attempts[-1].outcome) == (Status.SUCCEEDED, "succeeded")
    (output,) = job.outputs
    assert (output.kind, output.content_type, output.width, output.height, output.seed) == (
        "image", "image/png", 64, 48, 7,
    )  # fmt: skip
    with parts.artifacts.open(job.id, str(output.sha256)) as file:
        kept = file.read()
    # The pixels are the upstream's; what the file says of itself is ours (tests/unit/worker/attempts/test_outputs.py).
    assert Image.open(io.BytesIO(kept)).tobytes() == Image.open(io.BytesIO(picture())).tobytes()
    assert (output.bytes, output.sha256) == (len(kept), hashlib.sha256(kept).hexdigest())
    assert kinds(parts, job.id)[-1] == "Succeeded"


def test_a_text_is_an_output_too(parts: WorkerParts) -> None:
    job = parts.run(Completed((Text("a red square\x00\ud800"),), None), kind="text")
    assert [(output.kind, output.text) for output in job.outputs] == [("text", "a red square")]


def test_a_driver_gets_the_input_and_no_credentials_if_none_were_given(parts: WorkerParts) -> None:
    driver = parts.script(done())
    parts.runner(input={"prompt": "a boat"}).run()
    request, resume = driver.calls[0]
    assert (request.input, request.credentials.hf_token, resume) == ({"prompt": "a boat"}, None, None)


# -- failure ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (Quota("no GPU left", retry_after=588.0), "provider_quota", Status.QUEUED),
        (Busy("queue full"), "provider_busy", Status.QUEUED),
        (Unreachable("gone"), "provider_unreachable", Status.QUEUED),
        (Waking("asleep"), "provider_unreachable", Status.QUEUED),
        (Timeout("silence"), "provider_timeout", Status.QUEUED),
        (Denied("needs a login"), "provider_error", Status.FAILED),
        (Rejected("too large"), "invalid_input", Status.FAILED),
        (Rejected("not safe", content=True), "content_rejected", Status.FAILED),
        (Crashed("boom"), "provider_error", Status.FAILED),
        (Protocol("not JSON"), "provider_protocol", Status.FAILED),
        (Changed("no such name"), "provider_changed", Status.FAILED),
        (Canceled("the upstream gave up"), "provider_error", Status.FAILED),
        (ZeroDivisionError("ours"), "internal", Status.FAILED),
        (UnicodeDecodeError("utf-8", b"x", 0, 1, "ours"), "internal", Status.FAILED),
    ],
)
def test_an_error_ends_the_attempt_as_the_table_says(
    parts: WorkerParts, error: Exception, code: str, status: Status
) -> None:
    job = parts.run(Started(), error)
    (attempt,) = job.attempts
    assert attempt.error is not None
    assert (job.status, attempt.outcome, attempt.error.code) == (status, "failed", code)
    assert (job.error is None) == (status is Status.QUEUED)


def test_a_quota_with_its_time_parks_the_job_and_rests_the_provider(parts: WorkerParts) -> None:
    before = parts.store.now()
    job = parts.run(Quota("Try again in 0:09:48", retry_after=588.0))
    assert job.waiting == "provider_cooldown"
    assert job.not_before == pytest.approx(before + 588, abs=5)
    until = float(parts.connection.client.hget("dr:provider:scripted", "until") or 0) / 1000
    assert until == pytest.approx(before + 588, abs=5)


def test_a_quota_of_a_jobs_own_token_rests_no_other_account(parts: WorkerParts) -> None:
    parts.run(Quota("Try again in 0:09:48", retry_after=588.0), secret={"hf_token": "hf_x"})
    assert not parts.connection.client.hexists("dr:provider:scripted", "until")
    assert parts.connection.client.hexists("dr:account:own/scripted", "until")


def test_another_provider_is_tried_at_once(parts: WorkerParts) -> None:
    parts.script(done(), name="second")
    job = parts.run(Crashed("boom"), route=("scripted", "second"))
    assert (job.status, job.route, job.not_before) == (Status.QUEUED, ("second",), None)
    parts.runner(job.id).run()
    job = parts.job(job.id)
    assert [(a.provider, a.outcome) for a in job.attempts] == [("scripted", "failed"), ("second", "succeeded")]


def test_an_end_without_a_result_is_a_bad_output(parts: WorkerParts) -> None:
    job = parts.run(Started())
    assert job.error is not None
    assert job.error.code == "bad_output"


@pytest.mark.parametrize(
    "outputs",
    [
        (),
        (InlineFile("a.png", b"<html>sorry</html>"),),
        (InlineFile("a.png", b""),),
        (InlineFile("a.png", picture()[:60]),),
        (InlineFile("a.png", b"<html>sorry</html>"), Text("a text beside")),
    ],
    ids=["none", "html", "empty", "cut off", "only a text is left"],
)
def test_outputs_of_no_wanted_kind_are_a_bad_output(parts: WorkerParts, outputs: tuple[File, ...]) -> None:
    parts.timings = Timings(refetch=0.0)
    job = parts.run(Completed(outputs, None))
    assert job.error is not None
    assert (job.error.code, job.outputs) == ("bad_output", ())


class Failing:
    """A file that cannot be had."""

    name = "a.png"

    def __init__(self, error: ProviderError) -> None:
        self.error = error

    def read(self, _: int) -> bytes:
        raise self.error


@pytest.mark.parametrize(
    ("beside", "why"),
    [
        (InlineFile("a.png", picture()[:60]), "broken"),
        (InlineFile("a.gif", b""), "empty"),
        (Failing(Protocol("the app no longer has its own output file")), "no longer has"),
    ],
)
def test_an_output_that_cannot_be_kept_does_not_cost_the_others(parts: WorkerParts, beside: File, why: str) -> None:
    parts.timings = Timings(refetch=0.0)
    job = parts.run(Completed((beside, Text("a fox"), InlineFile("b.png", picture())), None))
    assert job.status is Status.SUCCEEDED
    assert [(output.index, output.kind) for output in job.outputs] == [(0, "text"), (1, "image")]
    (line,) = [event for event in parts.log(job.id) if isinstance(event, events.Logged)]
    assert (line.level, why in line.text) == ("warning", True)
    assert job.warnings == (line.text,)


def test_a_file_that_can_be_had_later_is_fetched_by_another_attempt(parts: WorkerParts) -> None:
    job = parts.run(Completed((InlineFile("a.png", picture()), Failing(Unreachable())), None))
    assert (job.status, job.attempts[-1].outcome, job.outputs) == (Status.QUEUED, "failed", ())


def test_a_large_image_and_a_gif_are_kept_as_our_own(parts: WorkerParts) -> None:
    large, gif = picture(size=(500, 50)), picture(kind="GIF")
    parts.limits = OutputLimits(image_pixels=6250)
    job = parts.run(Completed((InlineFile("a.png", large), InlineFile("b.gif", gif)), None))
    kept = [(output.content_type, output.width, output.height) for output in job.outputs]
    assert kept == [("image/png", 250, 25), ("image/png", 64, 48)]
    assert [event.level for event in parts.log(job.id) if isinstance(event, events.Logged)] == ["warning"] * 2


def test_a_blank_text_is_an_output(parts: WorkerParts) -> None:
    job = parts.run(Completed((Text(""),), None), kind="text")
    assert [(output.kind, output.text) for output in job.outputs] == [("text", "")]


def test_an_image_that_is_still_being_written_is_fetched_again(parts: WorkerParts) -> None:
    parts.timings = Timings(refetch=0.0)

    class Growing(InlineFile):
        reads = 0

        def read(self, limit: int) -> bytes:
            Growing.reads += 1
            return super().read(limit)[: 60 if Growing.reads == 1 else None]

    job = parts.run(Completed((Growing("a.png", picture()),), None))
    assert (job.status, Growing.reads) == (Status.SUCCEEDED, 2)


def test_a_full_disk_is_a_storage_error_and_leaves_no_half_file(parts: WorkerParts) -> None:
    parts.artifacts.root.parent.mkdir(exist_ok=True)
    parts.artifacts.root.write_text("a file where the folder should be")
    job = parts.run(done())
    (attempt,) = job.attempts
    assert attempt.error is not None
    assert (job.status, attempt.error.code, attempt.error.retryable) == (Status.QUEUED, "storage_error", True)


def test_numbers_and_texts_of_an_upstream_are_not_believed(parts: WorkerParts) -> None:
    job = parts.run(
        Queued(-1, 10**30, float("inf")),
        Progress(float("nan"), -5, 2**70, "steps", "\ud800\x1b[31mred"),
        Rejected("half a pair \udfff\x00" + "x" * 2000, retry_after=float("nan")),
    )
    assert job.error is not None
    assert job.error.detail.startswith("half a pair xxx")
    assert (len(job.error.detail), job.error.retry_after) == (500, None)


# -- ended from outside -------------------------------------------------------


def cancel_now(reason: str) -> Callable[[Control], None]:
    def act(control: Control) -> None:
        control.cancel(reason)

    return act


def test_a_cancel_before_the_start_asks_nothing_of_the_upstream(parts: WorkerParts) -> None:
    driver = parts.script(done())
    runner = parts.runner()
    parts.store.change(runner.job_id, lambda _: events.CancelRequested(at=1.0))
    runner.cancel(CANCELED)
    runner.run()
    assert (parts.job(runner.job_id).status, driver.calls) == (Status.CANCELED, [])


@pytest.mark.parametrize("error", [None, Unreachable("connection reset"), ValueError("read of closed file")])
def test_a_cancel_while_it_runs_wins_whatever_the_driver_makes_of_its_shut_socket(
    parts: WorkerParts, error: Exception | None
) -> None:
    job = parts.run(Started(), cancel_now(CANCELED), *([_raise(error)] if error else []), done())
    assert (job.status, job.attempts[-1].outcome, job.outputs) == (Status.CANCELED, "canceled", ())
    assert parts.files(job.id) == []


def _raise(error: Exception) -> Callable[[Control], None]:
    def act(control: Control) -> None:
        raise error

    return act


def test_a_cancel_that_is_only_in_the_record_wins_over_a_late_result(parts: WorkerParts) -> None:
    runner: Any = None

    def ask(_: Control) -> None:
        parts.store.change(runner.job_id, lambda _: events.CancelRequested(at=1.0))

    parts.script(Started(), ask, done())
    runner = parts.runner()
    runner.run()
    job = parts.job(runner.job_id)
    assert (job.status, job.outputs, parts.files(job.id)) == (Status.CANCELED, (), [])


def test_a_cancel_wins_over_another_try(parts: WorkerParts) -> None:
    runner: Any = None

    def ask(_: Control) -> None:
        parts.store.change(runner.job_id, lambda _: events.CancelRequested(at=1.0))

    parts.script(ask, Busy("full"))
    runner = parts.runner()
    runner.run()
    assert parts.job(runner.job_id).status is Status.CANCELED


def test_a_cancel_after_the_end_changes_nothing(parts: WorkerParts) -> None:
    parts.script(done())
    runner = parts.runner()
    runner.run()
    runner.cancel(CANCELED)
    assert parts.job(runner.job_id).status is Status.SUCCEEDED


def test_a_job_that_is_handed_back_waits_for_the_next_worker_and_has_lost_no_try(parts: WorkerParts) -> None:
    job = parts.run(Started(), cancel_now(HANDED_BACK), done())
    assert (job.status, job.attempts[-1].outcome, job.not_before) == (Status.QUEUED, "handed_back", None)
    parts.script(done())
    parts.runner(job.id).run()
    assert parts.job(job.id).status is Status.SUCCEEDED


def test_an_attempt_that_lost_its_lease_writes_nothing(parts: WorkerParts) -> None:
    runner: Any = None

    def take_over(_: Control) -> None:
        parts.store.change(runner.job_id, lambda _: events.Requeued(at=1.0, outcome="lost"))
        parts.claim(runner.job_id)

    driver = parts.script(Started(), take_over, Progress(0.5), Preview(InlineFile("p.png", picture())), done())
    runner = parts.runner()
    runner.run()
    job = parts.job(runner.job_id)
    assert (job.status, job.outputs, job.preview) == (Status.RUNNING, (), None)
    assert [a.outcome for a in job.attempts] == ["lost", None]
    assert len(driver.calls) == 1


def test_an_attempt_that_is_told_of_its_lost_lease_leaves_the_job_alone(parts: WorkerParts) -> None:
    job = parts.run(Started(), cancel_now(LEASE_LOST), done())
    assert (job.status, job.attempts[-1].outcome) == (Status.RUNNING, None)


def test_a_job_that_is_deleted_while_it_is_saved_leaves_no_file(parts: WorkerParts) -> None:
    runner: Any = None

    class Deleting:
        name = "a.png"

        def read(self, limit: int) -> bytes:
            assert limit
            job_id = runner.job_id
            job = parts.store.change(job_id, lambda _: events.Canceled(at=1.0)).job
            parts.store.purge(
                Tombstone(
                    id=job_id, owner="local", status=job.status, reason="deleted", finished_at=1.0, deleted_at=2.0
                )
            )
            return picture()

    parts.script(Completed((Deleting(),), None))
    runner = parts.runner()
    runner.run()
    assert parts.files(runner.job_id) == []
    assert not list(parts.connection.client.scan_iter(f"*{runner.job_id}"))


def test_the_generator_is_closed_at_once_when_the_lease_is_lost(parts: WorkerParts) -> None:
    ended: list[str] = []

    class Cleaning(ScriptedDriver):
        def run(self, *given: Any) -> Any:
            try:
                yield from super().run(*given)
            finally:
                ended.append("cleaned up")
                raise RuntimeError("and failed at it")

    runner: Any = None

    def take_over(_: Control) -> None:
        parts.store.change(runner.job_id, lambda _: events.Requeued(at=1.0, outcome="lost"))

    parts.drivers["scripted"] = Cleaning([take_over, StatusText("still here"), done()])
    runner = parts.runner()
    runner.run()
    assert ended == ["cleaned up"]
    assert parts.job(runner.job_id).status is Status.QUEUED


def test_a_failing_clean_up_does_not_cost_the_result(parts: WorkerParts) -> None:
    class Messy(ScriptedDriver):
        def run(self, *given: Any) -> Any:
            try:
                yield from super().run(*given)
            finally:
                raise RuntimeError("the upstream is gone")

    parts.drivers["scripted"] = Messy([done()])
    runner = parts.runner()
    runner.run()
    assert parts.job(runner.job_id).status is Status.SUCCEEDED


# -- time ---------------------------------------------------------------------


def test_a_job_past_its_deadline_fails_so(parts: WorkerParts) -> None:
    job = parts.run(done(), deadline_at=parts.store.now() - 1)
    assert job.error is not None
    assert (job.status, job.error.code) == (Status.FAILED, "deadline_exceeded")


def test_a_driver_that_sits_in_a_read_past_the_deadline_is_reached_by_a_tick(parts: WorkerParts) -> None:
    runner: Any = None

    def sit(control: Control) -> None:
        with control.closing(lambda: None):
            for _ in range(2000):
                runner.tick()
                if control.canceled:
                    raise Unreachable("the socket was shut")
                control._canceled.wait(0.005)
        raise AssertionError("it was not ended")

    parts.script(Started(), sit, done())
    runner = parts.runner(deadline_at=parts.store.now() + 0.3)
    runner.run()
    job = parts.job(runner.job_id)
    assert job.error is not None
    assert (job.status, job.error.code) == (Status.FAILED, "deadline_exceeded")


# -- progress and previews ----------------------------------------------------


def test_progress_is_coalesced_and_the_newest_is_never_lost(parts: WorkerParts) -> None:
    parts.script(Started(), *(Progress(n / 100, n, 100, "steps") for n in range(1, 101)), StatusText("nearly"), done())
    runner = parts.runner()
    runner.run()
    log = parts.log(runner.job_id)
    progress = [event for event in log if isinstance(event, events.Progressed) and event.step is not None]
    assert len(progress) < 50
    assert progress[-1].step == 100
    line = next(index for index, event in enumerate(log) if isinstance(event, events.Logged))
    assert log.index(progress[-1]) == line - 1


def test_held_progress_is_written_by_a_tick(parts: WorkerParts) -> None:
    runner: Any = None

    def look(_: Control) -> None:
        def written() -> bool:
            runner.tick()
            return parts.job(runner.job_id).progress.step == 2  # type: ignore[union-attr]

        eventually(written, "the held progress is written")

    parts.script(Started(), Progress(0.1, 1, 9), Progress(0.2, 2, 9), look, done())
    runner = parts.runner()
    runner.run()
    assert parts.job(runner.job_id).status is Status.SUCCEEDED


def test_previews_are_kept_small_and_a_bad_one_fails_nothing(parts: WorkerParts) -> None:
    noise = Image.effect_noise((1600, 1200), 90)
    buffer = io.BytesIO()
    noise.save(buffer, "PNG")
    parts.timings = Timings(preview=0.0)
    parts.script(Preview(InlineFile("p.png", buffer.getvalue())), Preview(InlineFile("bad.png", b"nope")), done())
    runner = parts.runner()
    runner.run()
    job = parts.job(runner.job_id)
    assert (job.status, job.preview.index if job.preview else None) == (Status.SUCCEEDED, 0)
    small = parts.store.preview(job.id, 0)
    assert small is not None
    assert len(small) <= 64 << 10
    assert max(Image.open(io.BytesIO(small)).size) <= 512


def test_a_chatty_upstream_is_cut_off(parts: WorkerParts) -> None:
    job = parts.run(*(StatusText(f"line {n}") for n in range(400)), done())
    assert kinds(parts, job.id).count("Logged") == 200


# -- checkpoints --------------------------------------------------------------


def test_a_checkpoint_is_stored_before_the_driver_goes_on_and_comes_back(parts: WorkerParts) -> None:
    runner: Any = None

    def look(_: Control) -> None:
        assert b'"session":"s1"' in parts.connection.client.hget(f"dr:job:{runner.job_id}", "ckpt")  # type: ignore[operator]

    parts.script(Checkpoint({"session": "s1"}), look, Busy("full", retry_after=1.0))
    runner = parts.runner()
    runner.run()
    assert parts.job(runner.job_id).attempts[-1].error.code == "provider_busy"  # type: ignore[union-attr]
    parts.connection.client.zadd("dr:due", {runner.job_id: 0})
    parts.connection.client.hdel("dr:provider:scripted", "until")
    driver = parts.script(done())
    parts.runner(runner.job_id).run()
    assert driver.calls[0][1] == {"session": "s1"}
    assert driver.abandoned == []


def test_another_providers_checkpoint_is_abandoned_there(parts: WorkerParts) -> None:
    second = parts.script(done(), name="second")
    first = parts.script(Checkpoint({"session": "s1"}), Crashed("boom"))
    runner = parts.runner(route=("scripted", "second"))
    runner.run()
    parts.runner(runner.job_id).run()
    assert first.abandoned == [{"session": "s1"}]
    assert second.calls[0][1] is None


def test_a_checkpoint_of_a_provider_that_is_gone_does_no_harm(parts: WorkerParts) -> None:
    parts.script(done(), name="second")
    parts.script(Checkpoint({"session": "s1"}), Crashed("boom"))
    runner = parts.runner(route=("scripted", "second"))
    runner.run()
    del parts.drivers["scripted"]
    parts.runner(runner.job_id).run()
    assert parts.job(runner.job_id).status is Status.SUCCEEDED


# -- credentials and pictures -------------------------------------------------


def test_own_credentials_reach_the_driver_and_are_deleted_at_the_end(parts: WorkerParts) -> None:
    driver = parts.script(done())
    runner = parts.runner(secret={"hf_token": "hf_mine", "cookies": "a=b"})
    runner.run()
    given = driver.calls[0][0].credentials
    assert (given.hf_token, given.cookies, given.api_key) == ("hf_mine", "a=b", None)
    assert parts.leases.secret(runner.job_id) is None


def test_credentials_that_are_refused_are_the_clients_matter_and_not_the_providers(parts: WorkerParts) -> None:
    parts.script(Denied("the app refuses access"))
    runner = parts.runner(secret={"hf_token": "hf_wrong"})
    runner.run()
    job = parts.job(runner.job_id)
    assert job.error is not None
    assert (job.status, job.error.code) == (Status.FAILED, "invalid_input")
    assert parts.measures.get(["scripted"])["scripted"].failures_in_row == 0


def test_a_users_proxy_reaches_the_driver_as_the_address_that_was_checked(parts: WorkerParts) -> None:
    driver = parts.script(done())
    parts.runner(secret={"proxy": "http://me:pw@proxy.example.com:3128"}).run()
    assert driver.calls[0][0].credentials.proxy == "http://me:pw@192.0.2.7:3128"


def test_a_job_never_runs_without_the_credentials_it_was_given(parts: WorkerParts) -> None:
    driver = parts.script(done())
    runner = parts.runner(secret={"hf_token": "hf_mine"})
    parts.connection.client.delete(f"dr:secret:{runner.job_id}")
    runner.run()
    assert (parts.job(runner.job_id).status, driver.calls) == (Status.FAILED, [])


def test_an_upstream_cannot_print_the_credentials_into_the_record_or_the_log(
    parts: WorkerParts, caplog: pytest.LogCaptureFixture
) -> None:
    secret = {
        "api_key": "k-9f2c77aa01",
        "cookies": "sid=4d1e8b0c55aa; x=1",
        "proxy": "http://me:hunter2secret@p.example:1",
    }
    job = parts.run(
        StatusText("you sent k-9f2c77aa01"),
        Progress(0.1, message="cookie 4d1e8b0c55aa"),
        Crashed("refused hunter2secret for http://me:hunter2secret@p.example:1"),
        secret=secret,
    )
    record = repr([parts.connection.client.hgetall(f"dr:job:{job.id}"), parts.log(job.id)])
    for canary in ("k-9f2c77aa01", "4d1e8b0c55aa", "hunter2secret"):
        assert canary not in record
        assert canary not in caplog.text


class Looking(ScriptedDriver):
    """Takes a picture."""

    def __init__(self, *steps: Any) -> None:
        super().__init__(steps)
        params = (Param(name="prompt"), Param(name="image", type="image"))
        self.spec = ProviderSpec(
            name="scripted", label="", url="", models=(ModelSpec(name="scripted", params=params),),
        )  # fmt: skip


@pytest.mark.parametrize("where", ["own", "address"])
def test_a_picture_of_the_input_reaches_the_driver(parts: WorkerParts, where: str) -> None:
    driver = parts.drivers["scripted"] = Looking(done())
    job_id = parts.submit(input={"image": "https://pictures.example/a.png"})
    parts.fetched["https://pictures.example/a.png"] = picture("blue")
    if where == "own":
        digest = parts.artifacts.put(job_id, picture("blue"))
        job_id2 = parts.submit(input={"image": f"sha256:{digest}"})
        parts.artifacts.put(job_id2, picture("blue"))
        job_id = job_id2
    parts.leases.beat("w", 8, 60, [])
    parts.queue.choose()
    lease = parts.leases.claim(job_id, "w", 60, lambda job, _: job.input)
    assert lease is not None
    alone(parts.parts, lease).run()
    file = driver.calls[0][0].files["image"]
    wanted = picture("blue") if where == "own" else clean(picture("blue"))[0]
    assert (file.data, file.content_type, file.name) == (wanted, "image/png", "input.png")


def test_what_a_fetched_picture_holds_beside_its_pixels_goes_nowhere(parts: WorkerParts) -> None:
    driver = parts.drivers["scripted"] = Looking(done())
    exif = Image.Exif()
    exif[0x010E] = "canary"
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG", exif=exif)
    parts.fetched["https://pictures.example/a.jpg"] = buffer.getvalue() + b"canary"
    parts.runner(input={"image": "https://pictures.example/a.jpg"}).run()
    file = driver.calls[0][0].files["image"]
    assert (file.content_type, file.name) == ("image/jpeg", "input.jpeg")
    assert b"canary" in buffer.getvalue()
    assert b"canary" not in file.data


def test_a_job_that_failed_keeps_its_pictures_to_be_run_again(parts: WorkerParts) -> None:
    parts.drivers["scripted"] = Looking(Rejected("no"))
    digest = parts.artifacts.put("file_x", picture())
    runner = parts.runner(given={"image": f"sha256:{digest}"}, input={"image": f"sha256:{digest}"})
    parts.artifacts.share("file_x", digest, runner.job_id)
    runner.run()
    assert parts.job(runner.job_id).status is Status.FAILED
    assert [path.name for path in parts.files(runner.job_id)] == [digest]


@pytest.mark.parametrize("source", ["sha256:../../../../etc/passwd", "sha256:" + "0" * 64])
def test_a_name_that_is_no_file_of_the_job_is_an_invalid_input(parts: WorkerParts, source: str) -> None:
    parts.drivers["scripted"] = Looking(done())
    runner = parts.runner(input={"image": source})
    runner.run()
    job = parts.job(runner.job_id)
    assert job.error is not None
    assert (job.status, job.error.code) == (Status.FAILED, "invalid_input")


# -- the store goes away ------------------------------------------------------


def test_an_attempt_is_given_up_when_the_store_stays_away(parts: WorkerParts) -> None:
    def cut(_: Control) -> None:
        parts.store.before["change"] = away

    parts.script(Started(), cut, StatusText("hello"), done())
    runner = parts.runner()
    runner.run()
    parts.store.before.clear()
    assert parts.job(runner.job_id).status is Status.RUNNING


def test_every_provider_error_was_tried() -> None:
    def below(kind: type[ProviderError]) -> set[type[ProviderError]]:
        return {kind}.union(*(below(child) for child in kind.__subclasses__()))

    tried = {Quota, Busy, Unreachable, Waking, Timeout, Rejected, Denied, Crashed, Protocol, Changed, Canceled}
    ours = {kind for kind in below(ProviderError) if kind.__module__ == "providers.errors"}
    assert ours - {ProviderError} == tried


def test_what_became_of_the_earlier_submission_stands_in_the_ledger(parts: WorkerParts) -> None:
    job_id = parts.submit()
    parts.script(Checkpoint({"phase": "posted", "event_id": "e1"}), Busy("full", retry_after=1.0))
    parts.runner(job_id).run()
    parts.connection.client.zadd("dr:due", {job_id: 0})
    parts.connection.client.hdel("dr:provider:scripted", "until")
    parts.script(Checkpoint({"phase": "opened", "event_id": "e1"}), done())
    parts.runner(job_id).run()
    assert [attempt.notes for attempt in parts.job(job_id).attempts] == [
        (),
        ("resumed: the earlier submission was picked up",),
    ]


def test_attempts_are_measured(parts: WorkerParts) -> None:
    parts.run(Started(), done())
    assert len(parts.measures.get(["scripted"])["scripted"].runs) == 1
    parts.run(Crashed("boom"))
    assert parts.measures.get(["scripted"])["scripted"].last_error == "provider_error"
    assert parts.measures.get(["scripted"])["scripted"].failures_in_row == 1


@pytest.mark.parametrize(
    ("steps", "shown"),
    [
        ((Started(), Progress(fraction=0.0), Crashed("boom")), False),
        ((Started(), Quota("used up", retry_after=600.0)), False),
        ((Progress(step=1, total=4), Crashed("boom")), True),
        ((Preview(InlineFile("a.png", picture())), Crashed("boom")), True),
        ((done(),), True),
    ],
)
def test_a_provider_works_once_it_shows_more_than_a_start(
    parts: WorkerParts, *, steps: tuple[Any, ...], shown: bool
) -> None:
    parts.run(*steps)
    assert bool(parts.connection.client.hexists("dr:provider:scripted", "works")) == shown
