"""A race of two arms, with scripted drivers on fakeredis."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PIL import Image

from jobs import events
from jobs.errors import StoreUnavailable
from jobs.model import Attempt as Entry
from jobs.model import Job, Status
from jobs.record import keys
from jobs.record.store import lane_of
from jobs.scheduling import health
from jobs.scheduling.health_store import HealthStore
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
from tests.support.worker_parts import WorkerParts, done, picture
from worker.attempts import hedge
from worker.attempts.claim import Absent
from worker.attempts.hedge import OUTRUN, Race
from worker.attempts.runner import CANCELED, HANDED_BACK, LEASE_LOST, Attempt
from worker.heartbeat import Heartbeat

#: So long a test waits for what must come.
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
    """Runs one race in a thread, and has what both arms have in common."""

    def __init__(self, parts: WorkerParts) -> None:
        self.parts = parts
        self.measures = HealthStore(parts.connection)
        parts.runner.measures = self.measures
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

    def line_up(self, **changes: Any) -> Attempt:
        """The attempt of a job that asks for a hedge."""
        job_id = self.parts.submit(**{"strategy": "hedge", "route": ROUTE, **changes})
        return self.claim(job_id)

    def claim(self, job_id: str) -> Attempt:
        return hedge.attempt(self.parts.runner, self.parts.claim(job_id), self.inputs, lambda: self.room)

    def start(self, **changes: Any) -> Attempt:
        attempt = self.line_up(**changes)
        self.thread = threading.Thread(target=attempt.run, daemon=True)
        self.thread.start()
        return attempt

    def finish(self, attempt: Attempt) -> Job:
        """The job after the race."""
        self.thread.join(SECONDS)
        assert not self.thread.is_alive()
        assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("arm-")]
        return self.parts.job(attempt.job_id)

    def busy(self) -> dict[str, int]:
        return {name: int(self.parts.connection.client.scard(keys.busy(name))) for name in ROUTE}


@pytest.fixture
def track(parts: WorkerParts, monkeypatch: pytest.MonkeyPatch) -> Iterator[Track]:
    monkeypatch.setattr(hedge, "hedge_after", lambda _: 0.05)
    monkeypatch.setattr(hedge, "AGAIN_SECONDS", 0.02)
    found = Track(parts)
    yield found
    found.thread.join(SECONDS) if found.thread.ident else None


def ledger(job: Job) -> list[tuple[str, bool, str | None]]:
    return [(attempt.provider, attempt.hedge, attempt.outcome) for attempt in job.attempts]


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
    assert isinstance(track.line_up(**{**changes, "attempts": tuple(ended)}), Race) is races


# -- results ---------------------------------------------------------------------


def test_a_provider_that_is_quick_enough_is_alone(track: Track, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hedge, "hedge_after", lambda _: 60.0)
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
    attempt = track.start()
    assert track.begun.wait(SECONDS)
    assert (track.busy(), attempt.arms) == ({"first": 1, "second": 1}, 2)
    assert ledger(track.parts.job(attempt.job_id)) == [("first", False, None), ("second", True, None)]
    end.set()
    track.finish(attempt)


def test_a_late_result_of_the_loser_is_dropped(track: Track) -> None:
    both = threading.Barrier(2, timeout=SECONDS)

    def together(_: Control) -> None:
        both.wait()

    track.script((Started(), together, done("blue")), (Started(), together, done("red")))
    job = track.finish(track.start())
    assert sorted(str(attempt.outcome) for attempt in job.attempts) == ["canceled", "succeeded"]
    assert [type(event).__name__ for event in track.parts.log(job.id)].count("Succeeded") == 1
    assert len(track.parts.files(job.id)) == 1


def test_a_loser_that_does_not_let_go_keeps_no_result_waiting(track: Track, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hedge, "FAREWELL_SECONDS", 0.1)
    let_go = threading.Event()
    track.script((Started(), lambda _: let_go.wait(SECONDS)), (Started(), done()))
    attempt = track.start()
    eventually(lambda: track.parts.job(attempt.job_id).status == "succeeded", "the result is told", within=SECONDS)
    assert track.thread.is_alive()
    let_go.set()
    job = track.finish(attempt)
    assert ledger(job) == [("first", False, "canceled"), ("second", True, "succeeded")]


# -- failures ----------------------------------------------------------------------


def test_where_the_first_fails_the_hedge_goes_on(track: Track) -> None:
    end = threading.Event()
    track.script((Started(), after(track.begun), Crashed("boom")), (Started(), after(end), done()))
    attempt = track.start()
    eventually(lambda: track.busy() == {"first": 0, "second": 1}, "the first one's slot is free", within=SECONDS)
    job = track.parts.job(attempt.job_id)
    assert (job.status, job.provider, attempt.arms) == (Status.RUNNING, "second", 1)
    end.set()
    job = track.finish(attempt)
    assert ledger(job) == [("first", False, "failed"), ("second", True, "succeeded")]
    assert job.attempts[0].error.detail == "boom"  # type: ignore[union-attr]
    assert (job.status, job.error, job.route) == (Status.SUCCEEDED, None, ("second",))


def test_where_the_hedge_fails_the_first_goes_on_and_no_other_is_asked(track: Track) -> None:
    end, third = threading.Event(), track.parts.script(done(), name="third")
    track.script((Started(), after(end), done()), (Busy("full", retry_after=60.0),))
    attempt = track.start(route=(*ROUTE, "third"))
    assert track.begun.wait(SECONDS)
    eventually(lambda: track.busy() == {"first": 1, "second": 0}, "the hedge's slot is free", within=SECONDS)
    assert third.calls == []
    end.set()
    job = track.finish(attempt)
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
    assert not isinstance(last, Race)
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
    attempt = track.start(route=(*ROUTE, "third"))
    eventually(lambda: track.parts.job(attempt.job_id).provider == "second", "the hedge goes on", within=SECONDS)
    end.set()
    job = track.finish(attempt)
    assert (job.status, job.error.code if job.error else None) == (Status.FAILED, "provider_error")
    assert [attempt.error.code for attempt in job.attempts if attempt.error] == ["content_rejected", "provider_error"]


# -- whether and when ----------------------------------------------------------------


def test_no_hedge_where_the_worker_has_no_slot_to_spare(track: Track) -> None:
    end = threading.Event()
    track.room = False
    track.script((Started(), after(end), done()), (done(),))
    attempt = track.start()
    assert not track.begun.wait(0.5)
    track.room = True
    assert track.begun.wait(SECONDS), "but as soon as there is one"
    end.set()
    assert len(track.finish(attempt).attempts) == 2


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
    attempt = track.start()
    assert reading.wait(SECONDS)
    track.room = True
    assert not track.begun.wait(0.3)
    end.set()
    assert len(track.finish(attempt).attempts) == 1


def test_a_result_that_comes_while_a_slot_is_taken_needs_no_hedge(
    track: Track, monkeypatch: pytest.MonkeyPatch
) -> None:
    take, asked = track.parts.store.take_hedge, threading.Event()
    attempt: Any = None

    def late(*given: Any) -> Any:
        asked.set()
        eventually(lambda: not attempt._ends.empty(), "the first one is done", within=SECONDS)
        return take(*given)

    monkeypatch.setattr(track.parts.store, "take_hedge", late)
    track.script((Started(), after(asked), done()))
    attempt = track.line_up()
    attempt.run()
    assert ledger(track.parts.job(attempt.job_id)) == [("first", False, "succeeded")]
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
    attempt = track.start()
    eventually(lambda: attempt.arms == 2, "both run", within=SECONDS)
    attempt.cancel(reason)
    job = track.finish(attempt)
    assert (job.status, [entry.outcome for entry in job.attempts]) == (status, [outcome, outcome])
    assert set(ended) == {reason}, "of both that had begun"
    if reason != LEASE_LOST:
        assert track.busy() == {"first": 0, "second": 0}


def test_a_lease_that_another_took_ends_both(track: Track) -> None:
    speak = threading.Event()
    track.script((Started(), after(speak), StatusText("hello"), never), (Started(), never))
    attempt = track.start()
    assert track.begun.wait(SECONDS)
    track.parts.store.change(attempt.job_id, lambda _: events.Requeued(at=1.0, outcome="lost"))
    track.parts.claim(attempt.job_id)
    speak.set()
    job = track.finish(attempt)
    assert (job.status, [entry.outcome for entry in job.attempts]) == (Status.RUNNING, ["lost", "lost", None])


def test_a_job_that_is_canceled_before_its_hedge_was_asked_asks_nobody(
    track: Track, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = track.parts.store.take_hedge
    attempt: Any = None

    def late(*given: Any) -> Any:
        attempt.cancel(CANCELED)
        return take(*given)

    monkeypatch.setattr(track.parts.store, "take_hedge", late)
    track.script((Started(), never), (done(),))
    attempt = track.line_up()
    attempt.run()
    job = track.parts.job(attempt.job_id)
    assert (job.status, track.busy()) == (Status.CANCELED, {"first": 0, "second": 0})
    assert not track.begun.is_set()


def test_the_jobs_deadline_ends_both(track: Track) -> None:
    track.script((Started(), never), (Started(), never))
    attempt = track.line_up(deadline_at=track.parts.store.now() + 1.0)
    track.thread = threading.Thread(target=attempt.run, daemon=True)
    track.thread.start()

    def over() -> bool:
        attempt.tick()
        return track.parts.job(attempt.job_id).status == "failed"

    eventually(over, "it is over", within=SECONDS)
    job = track.finish(attempt)
    assert job.error is not None
    assert (job.error.code, job.running, track.busy()) == ("deadline_exceeded", (), {"first": 0, "second": 0})


def test_a_store_that_stays_away_ends_both(track: Track, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise StoreUnavailable("gone")

    def cut(_: Control) -> None:
        monkeypatch.setattr(track.parts.store, "change", away)

    track.script((Started(), never), (Started(), cut, StatusText("hello"), done()))
    attempt = track.start()
    track.thread.join(SECONDS)
    monkeypatch.undo()
    assert track.finish(attempt).status is Status.RUNNING


# -- what the record shows ----------------------------------------------------------------


def test_the_one_that_is_further_is_shown(track: Track) -> None:
    seen: list[float | None] = []

    def look(_: Control) -> None:
        attempt._scribe._coalescer._wrote_at -= 10
        attempt.tick()
        progress = track.parts.job(attempt.job_id).progress
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
    attempt = track.line_up()
    attempt.run()
    assert seen == [0.5, 0.8, 0.8], "it never goes back"
    assert track.parts.job(attempt.job_id).preview.index == 0, "of the other one none was kept"  # type: ignore[union-attr]


def test_where_the_further_one_fails_the_other_is_shown(track: Track) -> None:
    half, end = threading.Event(), threading.Event()
    first = (Progress(0.9, 9, 10), after(half), Crashed("boom"))
    track.script(first, (Progress(0.2, 1, 5), then(half), after(end), done()))
    attempt = track.start()

    def shown() -> float | None:
        attempt.tick()
        progress = track.parts.job(attempt.job_id).progress
        return None if progress is None else progress.fraction

    eventually(lambda: shown() == 0.2, "the hedge is shown", within=SECONDS)
    end.set()
    track.finish(attempt)


def test_each_arm_has_its_checkpoint_and_the_next_attempt_sees_to_both(track: Track) -> None:
    track.script((Checkpoint({"session": "s1"}), never), (Checkpoint({"session": "s2"}), never))
    attempt = track.start()

    def saved() -> bool:
        text = track.parts.connection.client.hget(keys.job(attempt.job_id), "ckpt")
        return text is not None and b"s1" in text and b"s2" in text

    eventually(saved, "both have told where they are", within=SECONDS)
    # The worker is gone.
    job = track.parts.store.change(attempt.job_id, lambda _: events.Requeued(at=1.0, outcome="lost")).job
    assert lane_of(job) == "local|first,second"
    attempt.cancel(LEASE_LOST)
    track.finish(attempt)
    first, second = (
        track.parts.script(Checkpoint({"session": "s3"}), done(), name="first"),
        track.parts.drivers["second"],
    )
    track.claim(attempt.job_id).run()
    assert first.calls[0][1] == {"session": "s1"}
    assert second.abandoned == [{"session": "s2"}]  # type: ignore[attr-defined]
    job = track.parts.job(attempt.job_id)
    assert (job.status, [entry.outcome for entry in job.attempts]) == (Status.SUCCEEDED, ["lost", "lost", "succeeded"])


def test_the_loser_is_measured_as_slow_and_not_as_failed(track: Track) -> None:
    def usual(record: health.Health, at: float) -> health.Health:
        for _ in range(20):
            record = health.succeeded(record, 0.0, 0.01, at)
        return record

    track.measures.update("first", usual)
    track.script((Started(), never), (Started(), done()))
    track.finish(track.start())
    first, second = track.measures.get(ROUTE).values()
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


def test_a_second_arm_takes_a_slot_of_its_worker(track: Track) -> None:
    heartbeat = Heartbeat(track.parts.store, "w", 3, 60)
    end = threading.Event()
    track.script((Started(), after(end), done()), (Started(), never))
    attempt = track.start()
    heartbeat.add(attempt)
    assert track.begun.wait(SECONDS)
    heartbeat._beat()
    assert dict(track.parts.store.overview().workers) == {"w": 2}
    assert heartbeat.has_room()
    other = track.line_up(route=("first",))
    heartbeat.add(other)
    assert not heartbeat.has_room()
    end.set()
    track.finish(attempt)
    heartbeat.remove(attempt)
    heartbeat._beat()
    assert dict(track.parts.store.overview().workers) == {"w": 3}
    assert heartbeat.has_room()
    heartbeat.drain(60)
    assert not heartbeat.has_room()
