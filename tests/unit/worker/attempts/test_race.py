"""A race of two attempts, with scripted drivers on fakeredis."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from jobs import events
from jobs.model import Attempt as Entry
from jobs.model import Job, Status
from jobs.record import keys
from jobs.record.commit import lane_of
from jobs.scheduling import health
from jobs.scheduling.pauses import Pauses
from providers import (
    Busy,
    Checkpoint,
    Completed,
    Control,
    Crashed,
    InlineFile,
    Preview,
    Progress,
    Queued,
    Rejected,
    Started,
)
from providers import Status as StatusText
from tests.support.eventually import eventually
from tests.support.worker_parts import WorkerParts, away, done, picture
from worker.attempts.claim import Absent
from worker.attempts.outcome import CANCELED, HANDED_BACK, LEASE_LOST, OUTRUN
from worker.attempts.parts import Timings
from worker.attempts.race import Race
from worker.attempts.runner import Runner, hedged
from worker.heartbeat import Heartbeat

#: Seconds that a test waits for what must come.
SECONDS = 50.0
ROUTE = ("first", "second")


def after(what: threading.Event) -> Callable[[Control], None]:
    """A step of a driver that reads until then, and ends at once when its control says so."""

    def act(control: Control) -> None:
        with control.closing(lambda: None):
            for _ in range(int(SECONDS / 0.01)):
                if what.wait(0.01):
                    return
                control.check()
        raise AssertionError("it never came")

    return act


def never(control: Control) -> None:
    """A step that only the outside ends."""
    after(threading.Event())(control)


def then(what: threading.Event) -> Callable[[Control], None]:
    """A step that says that it was reached."""
    return lambda _: what.set()


class Track:
    """Runs one race in a thread, and has what both attempts have in common."""

    def __init__(self, parts: WorkerParts) -> None:
        self.parts = parts
        parts.timings = Timings(hedge=0.05, hedge_retry=0.02)
        self.room = True
        self.absent: set[str] = set()
        self.thread = threading.Thread()
        self.begun = threading.Event()

    def inputs(self, job: Job, provider: str) -> dict[str, Any]:
        if provider in self.absent:
            raise Absent(provider)
        return {**job.given, "for": provider}

    def script(self, first: tuple[Any, ...], second: tuple[Any, ...] = ()) -> None:
        """What the two providers do; ``begun`` is set when the second is asked."""
        self.parts.script(*first, name="first")
        self.parts.script(then(self.begun), *second, name="second")

    def line_up(self, **changes: Any) -> Runner:
        """The runner of a job that asks for a hedge."""
        job_id = self.parts.submit(**{"strategy": "hedge", "route": ROUTE, **changes})
        return self.claim(job_id)

    def claim(self, job_id: str) -> Runner:
        return hedged(self.parts.parts, self.parts.claim(job_id), self.inputs, lambda: self.room)

    def start(self, **changes: Any) -> Runner:
        runner = self.line_up(**changes)
        self.thread = threading.Thread(target=runner.run, daemon=True)
        self.thread.start()
        return runner

    def finish(self, runner: Runner) -> Job:
        """The job after the race."""
        self.thread.join(SECONDS)
        assert not self.thread.is_alive()
        assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("attempt-")]
        return self.parts.job(runner.job_id)

    def busy(self) -> dict[str, int]:
        return {name: int(self.parts.connection.client.scard(keys.busy(name))) for name in ROUTE}


@pytest.fixture
def track(parts: WorkerParts) -> Iterator[Track]:
    found = Track(parts)
    yield found
    found.thread.join(SECONDS) if found.thread.ident else None


def ledger(job: Job) -> list[tuple[str, bool, str | None]]:
    return [(attempt.provider, attempt.hedge, attempt.outcome) for attempt in job.attempts]


def test_a_race_without_threads_is_handed_back_before_anybody_is_asked(
    track: Track, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = threading.Thread.start
    begun: list[str] = []

    def one_only(thread: threading.Thread) -> None:
        if begun:
            raise RuntimeError("can't start new thread")
        begun.append(thread.name)
        start(thread)

    track.script((done(),), (done(),))
    runner = track.line_up()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", one_only)
        runner.run()
    assert begun
    job = track.parts.job(runner.job_id)
    assert (job.status, job.waiting, ledger(job)) == (
        Status.QUEUED, "workers_busy", [("first", False, "handed_back")],
    )  # fmt: skip
    assert track.busy() == {"first": 0, "second": 0}


# -- who is a race ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "races"),
    [
        ({}, True),
        ({"strategy": "failover"}, False),
        ({"strategy": "single"}, False),
        ({"route": ("first",)}, False),
        ({"attempts": ("failed",)}, True),
        ({"attempts": ("failed", "failed")}, False),
        ({"attempts": ("failed", "failed", "handed_back")}, False),
        ({"attempts": ("failed", "handed_back")}, True),
    ],
)
def test_only_who_asks_and_has_an_attempt_left_may_have_a_hedge(
    track: Track,
    changes: dict[str, Any],
    races: bool,  # noqa: FBT001 - a column of the table
) -> None:
    ended = [
        Entry(n=n, provider="first", worker="w", started_at=float(n), ended_at=n + 0.5, outcome=outcome)
        for n, outcome in enumerate(changes.get("attempts", ()), 1)
    ]
    track.script((done(),))
    assert isinstance(track.line_up(**{**changes, "attempts": tuple(ended)}).execution, Race) is races


# -- results ---------------------------------------------------------------------


def test_a_provider_that_is_quick_enough_is_alone(track: Track) -> None:
    track.parts.timings = Timings(hedge=60.0)
    track.script((Started(), done()))
    job = track.finish(track.start())
    assert (job.status, ledger(job)) == (Status.SUCCEEDED, [("first", False, "succeeded")])
    assert not track.begun.is_set()


def test_the_hedge_wins_and_the_slow_one_is_ended(track: Track) -> None:
    ended: list[str] = []

    def slow(control: Control) -> None:
        try:
            never(control)
        finally:
            ended.append(control.reason)

    track.script((Started(), slow, done("blue")), (Started(), done()))
    job = track.finish(track.start())
    assert ledger(job) == [("first", False, "canceled"), ("second", True, "succeeded")]
    assert job.attempts[0].notes == ("hedge lost: attempt 2 had its result first",)
    assert (job.provider, job.input) == ("second", {"prompt": "x", "for": "second"})
    assert ended == [OUTRUN]
    with track.parts.artifacts.open(job.id, str(job.outputs[0].sha256)) as file:
        assert Image.open(file).getpixel((0, 0)) == (255, 0, 0)
    assert (len(track.parts.files(job.id)), track.busy()) == (1, {"first": 0, "second": 0})


def test_the_first_wins_and_the_hedge_is_ended(track: Track) -> None:
    track.script((Started(), after(track.begun), done()), (Started(), never))
    job = track.finish(track.start())
    assert ledger(job) == [("first", False, "succeeded"), ("second", True, "canceled")]
    assert (job.provider, job.input) == ("first", {"prompt": "x"})
    assert track.busy() == {"first": 0, "second": 0}


def test_both_hold_a_slot_while_they_run(track: Track) -> None:
    end = threading.Event()
    track.script((Started(), after(end), done()), (Started(), never))
    runner = track.start()
    assert track.begun.wait(SECONDS)
    assert (track.busy(), runner.attempts) == ({"first": 1, "second": 1}, 2)
    assert ledger(track.parts.job(runner.job_id)) == [("first", False, None), ("second", True, None)]
    end.set()
    track.finish(runner)


def test_a_late_result_of_the_loser_is_dropped(track: Track) -> None:
    both = threading.Barrier(2, timeout=SECONDS)

    def together(_: Control) -> None:
        both.wait()

    track.script((Started(), together, done("blue")), (Started(), together, done("red")))
    job = track.finish(track.start())
    assert sorted(str(attempt.outcome) for attempt in job.attempts) == ["canceled", "succeeded"]
    assert [type(event).__name__ for event in track.parts.log(job.id)].count("Succeeded") == 1
    assert len(track.parts.files(job.id)) == 1


def test_a_loser_that_does_not_let_go_keeps_no_result_waiting(track: Track) -> None:
    track.parts.timings = replace(track.parts.timings, loser=0.1)
    let_go = threading.Event()
    track.script((Started(), lambda _: let_go.wait(SECONDS)), (Started(), done()))
    runner = track.start()
    eventually(lambda: track.parts.job(runner.job_id).status == "succeeded", "the result is told", within=SECONDS)
    assert track.thread.is_alive()
    let_go.set()
    job = track.finish(runner)
    assert ledger(job) == [("first", False, "canceled"), ("second", True, "succeeded")]


# -- failures ----------------------------------------------------------------------


def test_where_the_first_fails_the_hedge_goes_on(track: Track) -> None:
    end = threading.Event()
    track.script((Started(), after(track.begun), Crashed("boom")), (Started(), after(end), done()))
    runner = track.start()
    eventually(lambda: track.busy() == {"first": 0, "second": 1}, "the first one's slot is free", within=SECONDS)
    job = track.parts.job(runner.job_id)
    assert (job.status, job.provider, runner.attempts) == (Status.RUNNING, "second", 1)
    end.set()
    job = track.finish(runner)
    assert ledger(job) == [("first", False, "failed"), ("second", True, "succeeded")]
    assert job.attempts[0].error.detail == "boom"  # type: ignore[union-attr]
    assert (job.status, job.error, job.route) == (Status.SUCCEEDED, None, ("second",))


def test_where_the_hedge_fails_the_first_goes_on_and_no_other_is_asked(track: Track) -> None:
    end, third = threading.Event(), track.parts.script(done(), name="third")
    track.script((Started(), after(end), done()), (Busy("full", retry_after=60.0),))
    runner = track.start(route=(*ROUTE, "third"))
    assert track.begun.wait(SECONDS)
    eventually(lambda: track.busy() == {"first": 1, "second": 0}, "the hedge's slot is free", within=SECONDS)
    assert third.calls == []
    end.set()
    job = track.finish(runner)
    assert ledger(job) == [("first", False, "succeeded"), ("second", True, "failed")]
    assert third.calls == []


def test_where_both_fail_the_job_has_one_attempt_left_and_no_hedge(track: Track) -> None:
    track.script((Started(), after(track.begun), Busy("full", retry_after=60.0)), (Crashed("boom"),))
    job = track.finish(track.start())
    assert (job.status, job.route) == (Status.QUEUED, ("first",)), "where it crashed it would crash again"
    assert [attempt.outcome for attempt in job.attempts] == ["failed", "failed"]
    assert track.busy() == {"first": 0, "second": 0}
    track.parts.connection.client.zadd(keys.DUE, {job.id: 0})
    track.parts.connection.client.hdel(keys.provider("first"), "until")
    track.script((done(),))
    last = track.claim(job.id)
    assert not isinstance(last.execution, Race)
    last.run()
    assert track.parts.job(job.id).status is Status.SUCCEEDED


def test_a_hedge_that_is_the_third_attempt_is_the_last(track: Track) -> None:
    failed = Entry(n=1, provider="first", worker="w", started_at=1.0, ended_at=2.0, outcome="failed")
    track.script((Started(), after(track.begun), Busy("full")), (Busy("full too"),))
    job = track.finish(track.start(attempts=(failed,)))
    assert (job.status, len(job.attempts), track.busy()) == (Status.FAILED, 3, {"first": 0, "second": 0})


def test_what_the_first_refused_is_not_tried_a_third_time(track: Track) -> None:
    end = threading.Event()
    track.script((Started(), after(track.begun), Rejected("not safe", content=True)), (after(end), Crashed("boom")))
    runner = track.start(route=(*ROUTE, "third"))
    eventually(lambda: track.parts.job(runner.job_id).provider == "second", "the hedge goes on", within=SECONDS)
    end.set()
    job = track.finish(runner)
    assert (job.status, job.error.code if job.error else None) == (Status.FAILED, "provider_error")
    assert [attempt.error.code for attempt in job.attempts if attempt.error] == ["content_rejected", "provider_error"]


# -- whether and when ----------------------------------------------------------------


def test_no_hedge_where_the_worker_has_no_slot_to_spare(track: Track) -> None:
    end = threading.Event()
    track.room = False
    track.script((Started(), after(end), done()), (done(),))
    runner = track.start()
    assert not track.begun.wait(0.5)
    track.room = True
    assert track.begun.wait(SECONDS), "but as soon as there is one"
    end.set()
    assert len(track.finish(runner).attempts) == 2


def test_the_first_that_has_room_is_asked(track: Track) -> None:
    track.absent.add("gone")
    Pauses(track.parts.connection).limit("full", 0, by="test")
    for name in ("gone", "full"):
        track.parts.script(Crashed("it must not be asked"), name=name)
    track.script((Started(), never), (done(),))
    job = track.finish(track.start(route=("first", "gone", "full", "second")))
    assert ledger(job) == [("first", False, "canceled"), ("second", True, "succeeded")]


def test_a_result_that_is_being_fetched_needs_no_hedge(track: Track) -> None:
    reading, end = threading.Event(), threading.Event()

    class Slow:
        name = "a.png"

        def read(self, limit: int) -> bytes:
            assert limit
            reading.set()
            assert end.wait(SECONDS)
            return picture()

    track.script((Started(), Completed((Slow(),), 7)))
    track.room = False
    runner = track.start()
    assert reading.wait(SECONDS)
    track.room = True
    assert not track.begun.wait(0.3)
    end.set()
    assert len(track.finish(runner).attempts) == 1


def test_a_result_that_comes_while_a_slot_is_taken_needs_no_hedge(track: Track) -> None:
    asked = threading.Event()
    runner: Any = None

    def late() -> None:
        asked.set()
        eventually(lambda: runner.execution._runs.has_news, "the first one is done", within=SECONDS)

    track.parts.leases.before["take_hedge"] = late
    track.script((Started(), after(asked), done()))
    runner = track.line_up()
    runner.run()
    assert ledger(track.parts.job(runner.job_id)) == [("first", False, "succeeded")]
    assert track.busy() == {"first": 0, "second": 0}
    assert not track.begun.is_set()


# -- ended from outside ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "status", "outcome"),
    [
        (CANCELED, Status.CANCELED, "canceled"),
        (HANDED_BACK, Status.QUEUED, "handed_back"),
        (LEASE_LOST, Status.RUNNING, None),
    ],
)
def test_the_outside_ends_both(track: Track, reason: str, status: Status, outcome: str | None) -> None:
    ended: list[str] = []

    def sit(control: Control) -> None:
        track.begun.set()
        try:
            never(control)
        finally:
            ended.append(control.reason)

    track.script((Started(), sit), (Started(), sit))
    runner = track.start()
    eventually(lambda: runner.attempts == 2, "both run", within=SECONDS)
    runner.cancel(reason)
    job = track.finish(runner)
    assert (job.status, [entry.outcome for entry in job.attempts]) == (status, [outcome, outcome])
    assert set(ended) == {reason}, "of both that had begun"
    if reason != LEASE_LOST:
        assert track.busy() == {"first": 0, "second": 0}


def test_a_lease_that_another_took_ends_both(track: Track) -> None:
    speak = threading.Event()
    track.script((Started(), after(speak), StatusText("hello"), never), (Started(), never))
    runner = track.start()
    assert track.begun.wait(SECONDS)
    track.parts.store.change(runner.job_id, lambda _: events.Requeued(at=1.0, outcome="lost"))
    track.parts.claim(runner.job_id)
    speak.set()
    job = track.finish(runner)
    assert (job.status, [entry.outcome for entry in job.attempts]) == (Status.RUNNING, ["lost", "lost", None])


def test_a_job_that_is_canceled_before_its_hedge_was_asked_asks_no_provider(
    track: Track,
) -> None:
    runner: Any = None

    def late() -> None:
        runner.cancel(CANCELED)

    track.parts.leases.before["take_hedge"] = late
    track.script((Started(), never), (done(),))
    runner = track.line_up()
    runner.run()
    job = track.parts.job(runner.job_id)
    assert (job.status, track.busy()) == (Status.CANCELED, {"first": 0, "second": 0})
    assert not track.begun.is_set()


def test_the_jobs_deadline_ends_both(track: Track) -> None:
    track.script((Started(), never), (Started(), never))
    runner = track.line_up(deadline_at=track.parts.store.now() + 1.0)
    track.thread = threading.Thread(target=runner.run, daemon=True)
    track.thread.start()

    def over() -> bool:
        runner.tick()
        return track.parts.job(runner.job_id).status == "failed"

    eventually(over, "it is over", within=SECONDS)
    job = track.finish(runner)
    assert job.error is not None
    assert (job.error.code, job.running, track.busy()) == ("deadline_exceeded", (), {"first": 0, "second": 0})


def test_a_store_that_stays_away_ends_both(track: Track) -> None:
    def cut(_: Control) -> None:
        track.parts.store.before["change"] = away

    track.script((Started(), never), (Started(), cut, StatusText("hello"), done()))
    runner = track.start()
    track.thread.join(SECONDS)
    track.parts.store.before.clear()
    assert track.finish(runner).status is Status.RUNNING


# -- what the record shows ----------------------------------------------------------------


def test_the_one_that_is_further_is_shown(track: Track) -> None:
    track.parts.timings = replace(track.parts.timings, progress=0.0)
    seen: list[float | None] = []

    def look(_: Control) -> None:
        progress = track.parts.job(runner.job_id).progress
        seen.append(None if progress is None else progress.fraction)

    half, over = threading.Event(), threading.Event()
    first: tuple[Any, ...] = (
        Queued(3, 9), Progress(0.5, 1, 2), Preview(InlineFile("a.png", picture("blue"))), then(half), after(over), look,
        done(),
    )  # fmt: skip
    second: tuple[Any, ...] = (
        after(half), Progress(0.2, 1, 5), Preview(InlineFile("b.png", picture("red"))), look,
        Progress(0.8, 4, 5), look, then(over), never,
    )  # fmt: skip
    track.script(first, second)
    runner = track.line_up()
    runner.run()
    assert seen == [0.5, 0.8, 0.8], "it never goes back"
    assert track.parts.job(runner.job_id).preview.index == 0, "of the other one none was kept"  # type: ignore[union-attr]


def test_where_the_further_one_fails_the_other_is_shown(track: Track) -> None:
    half, end = threading.Event(), threading.Event()
    first = (Progress(0.9, 9, 10), after(half), Crashed("boom"))
    track.script(first, (Progress(0.2, 1, 5), then(half), after(end), done()))
    runner = track.start()

    def shown() -> float | None:
        runner.tick()
        progress = track.parts.job(runner.job_id).progress
        return None if progress is None else progress.fraction

    eventually(lambda: shown() == 0.2, "the hedge is shown", within=SECONDS)
    end.set()
    track.finish(runner)


def test_each_attempt_has_its_checkpoint_and_the_next_attempt_sees_to_both(track: Track) -> None:
    track.script((Checkpoint({"session": "s1"}), never), (Checkpoint({"session": "s2"}), never))
    runner = track.start()

    def saved() -> bool:
        text = track.parts.connection.client.hget(keys.job(runner.job_id), "ckpt")
        return text is not None and b"s1" in text and b"s2" in text

    eventually(saved, "both have told where they are", within=SECONDS)
    # The worker is gone.
    job = track.parts.store.change(runner.job_id, lambda _: events.Requeued(at=1.0, outcome="lost")).job
    assert lane_of(job) == "local|first,second"
    runner.cancel(LEASE_LOST)
    track.finish(runner)
    first, second = (
        track.parts.script(Checkpoint({"session": "s3"}), done(), name="first"),
        track.parts.drivers["second"],
    )
    track.claim(runner.job_id).run()
    assert first.calls[0][1] == {"session": "s1"}
    assert second.abandoned == [{"session": "s2"}]  # type: ignore[attr-defined]
    job = track.parts.job(runner.job_id)
    assert (job.status, [entry.outcome for entry in job.attempts]) == (Status.SUCCEEDED, ["lost", "lost", "succeeded"])


def test_the_loser_is_measured_as_slow_and_not_as_failed(track: Track) -> None:
    def usual(record: health.Health, at: float) -> health.Health:
        for _ in range(20):
            record = health.succeeded(record, 0.0, 0.01, at)
        return record

    track.parts.measures.update("first", usual)
    track.script((Started(), never), (Started(), done()))
    track.finish(track.start())
    first, second = track.parts.measures.get(ROUTE).values()
    assert (len(first.runs), first.failures_in_row, first.success_rate) == (21, 0, 1.0)
    assert health.totals(first)[-1] >= 0.05
    assert len(second.runs) == 1


def test_both_get_the_credentials_and_neither_can_print_them(track: Track, caplog: pytest.LogCaptureFixture) -> None:
    secret = {"hf_token": "hf_mine", "api_key": "k-9f2c77aa01"}
    track.script(
        (Started(), after(track.begun), Crashed("you sent k-9f2c77aa01")), (StatusText("k-9f2c77aa01?"), done())
    )
    job = track.finish(track.start(secret=secret))
    assert job.status is Status.SUCCEEDED
    assert track.parts.drivers["second"].calls[0][0].credentials.hf_token == "hf_mine"  # type: ignore[attr-defined]
    record = repr([track.parts.connection.client.hgetall(keys.job(job.id)), track.parts.log(job.id)])
    assert "9f2c77aa01" not in record + caplog.text


# -- the worker's slots --------------------------------------------------------------------


def test_a_second_attempt_takes_a_slot_of_its_worker(track: Track) -> None:
    heartbeat = Heartbeat(track.parts.leases, "w", 3, 60, track.parts.counters)
    end = threading.Event()
    track.script((Started(), after(end), done()), (Started(), never))
    runner = track.start()
    with heartbeat.keeping(runner):
        assert track.begun.wait(SECONDS)
        heartbeat.beat()
        assert dict(track.parts.queue.overview().workers) == {"w": 2}
        assert heartbeat.has_room()
        other = track.line_up(route=("first",))
        with heartbeat.keeping(other):
            assert not heartbeat.has_room()
        end.set()
        track.finish(runner)
    with heartbeat.keeping(other):
        heartbeat.beat()
        assert dict(track.parts.queue.overview().workers) == {"w": 3}
        assert heartbeat.has_room()
        heartbeat.drain(patiently=True)
        assert not heartbeat.has_room()
