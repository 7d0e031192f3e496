"""The checker finds every kind of planted violation, and none in a clean history."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.chaos import history as h
from tests.chaos.checker import KINDS, Kind, check, details, table

STOPPED_AT = 1000.0


class Recorder:
    """Writes the lines of a run in which all goes well, job by job, with a clock of its own."""

    def __init__(self, seed: int = 0) -> None:
        self.random = random.Random(seed)
        self.now = STOPPED_AT - self.random.uniform(200, 500)
        self.number = self.run = self.count = 0
        self.lines: list[h.AnyLine] = [h.Mark(at=STOPPED_AT, name="faults_stopped")]

    def at(self) -> float:
        self.now += self.random.uniform(0.01, 0.3)
        return self.now

    def call(self, op: str, key: str, job: str, status: str, version: int) -> None:
        self.number += 1
        line = h.Call(at=self.at(), number=self.number, op=op, outcome="invoke", key=key, job=job)  # type: ignore[arg-type]
        line = replace(line, has_webhook=op == "submit")
        told = replace(line, at=self.at(), outcome="ok", status=status, version=version)
        self.lines += [replace(line, job=None) if op == "submit" else line, told]

    def change(self, log: list[h.Change], job: str, what: str, **fields: object) -> None:
        at = self.at()
        log.append(h.Change(at=at, job=job, event=f"{round(at * 1000)}-0", what=what, **fields))  # type: ignore[arg-type]
        self.lines.append(log[-1])

    def job(self, end: str, tries: int = 1, *, hedged: bool = False) -> str:
        """One job that ends so, after so many claims, the last with a hedge where it is said. Answers its id."""
        self.count += 1
        key, job = f"k{self.count}", f"job_{self.count}"
        log: list[h.Change] = []
        attempts: list[h.Try] = []
        self.change(log, job, "submitted")
        self.call("submit", key, job, "queued", 1)
        if hedged:
            self.lines[-2:] = [replace(line, wants_hedge=True) for line in self.lines[-2:]]
        for number in range(1, tries + 1):
            self.change(log, job, "started", provider="painter")
            self.run += 1
            self.lines.append(h.Upstream(at=self.at(), what="posted", key=key))
            self.lines.append(h.Upstream(at=self.at(), what="started", key=key, run=self.run))
            self.call("get", key, job, "running", len(log))
            self.change(log, job, "progressed")
            if hedged and number == tries:
                attempts += self.hedge(log, job, key, number, end)
            if number < tries:
                self.change(log, job, "requeued", outcome="lost", code="worker_lost")
                attempts.append(h.Try(provider="painter", outcome="lost", code="worker_lost"))
        if end == "canceled":
            self.call("cancel", key, job, "running", len(log))
        if end == "succeeded":
            self.lines.append(h.Upstream(at=self.at(), what="ended", key=key, run=self.run))
            self.lines.append(h.File(at=self.at(), job=job, state="good"))
        code = "provider_error" if end == "failed" else None
        self.change(log, job, end, code=code)
        if not attempts or not attempts[-1].hedge:
            attempts.append(h.Try(provider="painter", outcome=end, code=code))
        self.call("get", key, job, end, len(log))
        told = {"job": job, "delivery": f"msg_{self.count}", "type": f"job.{end}"}
        if self.random.random() < 0.5:
            self.lines.append(h.Delivery(at=self.at(), **told, status=end, signed=True, answer=503))
        self.lines.append(h.Delivery(at=self.at(), **told, status=end, signed=True, answer=204))
        self.lines.append(h.Posted(at=self.at(), **told, state="delivered", calls=1))
        self.lines.append(
            h.Final(
                at=self.at(),
                job=job,
                key=key,
                status=end,
                version=len(log),
                finished_at=log[-1].at,
                code=code,
                attempts=tuple(attempts),
                runs=(self.run,) if end == "succeeded" else (),
                log=tuple(change.event for change in log),
            )
        )
        return job

    def hedge(self, log: list[h.Change], job: str, key: str, number: int, end: str) -> list[h.Try]:
        """A second attempt beside the last one; one of the two loses, or fails, before the job's end comes."""
        first_wins, fails = self.random.random() < 0.5, self.random.random() < 0.5
        first = self.run
        self.change(log, job, "hedged", provider="second")
        self.run += 1
        self.lines.append(h.Upstream(at=self.at(), what="posted", key=key))
        self.lines.append(h.Upstream(at=self.at(), what="started", key=key, run=self.run))
        lost = h.Try(provider="painter", outcome=end if end != "succeeded" else "canceled", code=None)
        if fails or end == "failed":
            self.change(log, job, "attempt_failed", code="provider_busy", attempt=number + int(first_wins))
            lost = replace(lost, outcome="failed", code="provider_busy")
        won = replace(lost, outcome=end, code="provider_error" if end == "failed" else None)
        if first_wins:
            self.run = first
        ordered = (won, lost) if first_wins else (lost, won)
        return [ordered[0], replace(ordered[1], provider="second", hedge=True)]


@pytest.mark.parametrize("seed", range(50))
def test_a_clean_history_has_no_violation(seed: int) -> None:
    recorder = Recorder(seed)
    for _ in range(30):
        hedged = recorder.random.random() < 0.3
        tries = recorder.random.randint(1, 2 if hedged else 3)
        recorder.job(recorder.random.choice(["succeeded", "failed", "canceled"]), tries, hedged=hedged)
    report = check(recorder.lines)
    assert details(report) == ""
    assert report.counts["ok"] == 30


Lines = list[h.AnyLine]


@pytest.mark.parametrize("seed", range(20))
def test_beside_a_hedge_the_first_attempt_may_pick_up_an_older_ones_run(seed: int) -> None:
    """The hedge submits anew; the first attempt does not, and its older run may be what is written, if it won."""
    recorder = Recorder(seed)
    recorder.job("succeeded", 2, hedged=True)
    claims = [line.at for line in recorder.lines if isinstance(line, h.Change) and line.what == "started"]
    own = [line for line in recorder.lines if isinstance(line, h.Upstream) and line.at > claims[1]][:2]
    lines = change_final(runs=(1,))([line for line in recorder.lines if line not in own])
    (final,) = (line for line in lines if isinstance(line, h.Final))
    assert ("I10" in details(check(lines))) == (final.attempts[-1].outcome == "succeeded")
    submitted_anew = change_final(runs=(1,))(recorder.lines)
    assert "I10" in details(check(submitted_anew))


def change_final(**fields: object) -> Callable[[Lines], Lines]:
    return each(h.Final, **fields)


def each(kind: type[h.Line], **fields: object) -> Callable[[Lines], Lines]:
    return lambda lines: [replace(line, **fields) if isinstance(line, kind) else line for line in lines]


def without(kind: type[h.Line], **where: object) -> Callable[[Lines], Lines]:
    def matches(line: h.AnyLine) -> bool:
        return isinstance(line, kind) and all(getattr(line, name) == value for name, value in where.items())

    return lambda lines: [line for line in lines if not matches(line)]


def plus(*more: h.AnyLine) -> Callable[[Lines], Lines]:
    return lambda lines: [*lines, *more]


def after_the_end(what: str) -> Callable[[Lines], Lines]:
    return plus(h.Change(at=9e5, job="job_1", event="900000000-0", what=what))


def post(at: float = 999.9) -> h.Upstream:
    return h.Upstream(at=at, what="posted", key="k1")


def poll(**fields: object) -> Callable[[Lines], Lines]:
    base = h.Call(at=2000.0, number=77, op="get", outcome="invoke", key="k1", job="job_1")
    told = replace(base, **{"at": 2001.0, "outcome": "ok", "status": "succeeded", "version": 99, **fields})
    return plus(base, told)


def another_run(lines: Lines) -> Lines:
    """The first attempt's result was written, though the last attempt had submitted anew."""
    first = next(line.run for line in lines if isinstance(line, h.Upstream) and line.what == "started")
    return [replace(line, runs=(first,)) if isinstance(line, h.Final) else line for line in lines]


def rewritten(what: str, instead: str) -> Callable[[Lines], Lines]:
    return lambda lines: [
        replace(line, what=instead) if isinstance(line, h.Change) and line.what == what else line for line in lines
    ]


def reused_id(lines: Lines) -> Lines:
    last = next(line.event for line in lines if isinstance(line, h.Change) and line.what == "started")
    return [
        replace(line, event=last) if isinstance(line, h.Change) and line.what == "progressed" else line
        for line in lines
    ]


def hedged(*providers: str, wanted: bool = True) -> Callable[[Lines], Lines]:
    """A job whose only attempt got such hedges, one after the other."""

    def plant(lines: Lines) -> Lines:
        begun = next(line for line in lines if isinstance(line, h.Change) and line.what == "started")
        at, _, number = begun.event.partition("-")
        more = [
            replace(begun, what="hedged", provider=provider, event=f"{at}-{int(number) + 1 + place}")
            for place, provider in enumerate(providers)
        ]
        tries = tuple(h.Try(provider=provider, outcome="canceled", hedge=True) for provider in providers)
        planted: Lines = []
        for line in lines:
            if isinstance(line, h.Call) and line.op == "submit":
                planted.append(replace(line, wants_hedge=wanted))
            elif isinstance(line, h.Final):
                log = (*line.log, *(change.event for change in more))
                planted.append(
                    replace(line, attempts=(*line.attempts, *tries), log=log, version=line.version + len(more))
                )
            else:
                planted.append(line)
        return [*planted, *more]

    return plant


def unseen(lines: Lines) -> Lines:
    """What ran beside the attempt does not stand in the ledger."""
    return change_final(attempts=(h.Try(provider="painter", outcome="succeeded"),))(hedged("second")(lines))


def two_winners(lines: Lines) -> Lines:
    won = h.Try(provider="painter", outcome="succeeded")
    return change_final(attempts=(won, replace(won, hedge=True)))(hedged("second")(lines))


def test_a_hedge_that_was_wanted_is_no_violation() -> None:
    recorder = Recorder(7)
    recorder.job("succeeded")
    assert details(check(hedged("second")(recorder.lines))) == ""


PLANTED: list[tuple[str, Kind, str, int, Callable[[Lines], Lines]]] = [
    ("the store forgot it", "lost", "succeeded", 1, without(h.Final)),
    ("it never ended", "lost", "succeeded", 1, change_final(status="running")),
    ("it stayed in the queue", "lost", "succeeded", 1, change_final(status="queued")),
    ("a tombstone nobody asked for", "lost", "succeeded", 1, change_final(status="gone")),
    ("a client was told it does not exist", "lost", "succeeded", 1, poll(outcome="fail", detail="gone")),
    ("two ends", "doubled", "succeeded", 1, after_the_end("succeeded")),
    ("two different ends", "doubled", "failed", 1, after_the_end("canceled")),
    ("submitted twice in one attempt", "doubled", "succeeded", 1, plus(post())),
    ("submitted a fourth time", "doubled", "succeeded", 3, plus(post())),
    ("four attempts", "doubled", "failed", 4, list),
    ("outputs of two runs", "doubled", "succeeded", 1, change_final(runs=(1, 2))),
    ("one submit, two jobs", "doubled", "succeeded", 1, plus(h.Final(at=5e3, job="job_x", key="k1", status="canceled"))),
    ("a hedge that nobody wanted", "doubled", "succeeded", 1, hedged("second", wanted=False)),
    ("a hedge of a hedge", "doubled", "succeeded", 1, hedged("second", "third")),
    ("a hedge on the same provider", "doubled", "succeeded", 1, hedged("painter")),
    ("three submissions in an attempt and its hedge", "doubled", "succeeded", 1,
     lambda lines: plus(post(), post())(hedged("second")(lines))),
    ("a hedge that is the fourth attempt", "doubled", "succeeded", 3, hedged("second")),
    ("two attempts that succeeded", "doubled", "succeeded", 1, two_winners),
    ("a hedge that is not told", "unexplained", "succeeded", 1, unseen),
    ("progress after the end", "resurrected", "succeeded", 1, after_the_end("progressed")),
    ("claimed after the end", "resurrected", "canceled", 1, after_the_end("started")),
    ("the end changed", "resurrected", "failed", 1, change_final(status="succeeded", code=None)),
    ("an event was taken back", "resurrected", "succeeded", 2, change_final(log=("1-0",), version=1)),
    ("a client saw another end", "resurrected", "succeeded", 1, poll(status="failed")),
    ("a client saw it run after its end", "resurrected", "succeeded", 1, poll(status="running")),
    ("a client saw an older version", "resurrected", "succeeded", 1, poll(version=1)),
    ("failed without a code", "unexplained", "failed", 1, change_final(code=None)),
    ("failed with an unknown code", "unexplained", "failed", 1, change_final(code="internal")),
    ("canceled by nobody", "unexplained", "canceled", 1, without(h.Call, op="cancel")),
    ("an attempt without outcome", "unexplained", "failed", 1, change_final(attempts=(h.Try(provider="painter"),))),
    ("a lost attempt without error", "unexplained", "failed", 1,
     change_final(attempts=(h.Try(provider="painter", outcome="lost"),))),
    ("a wait without reason", "unexplained", "succeeded", 1, poll(status="queued", until=9e9, number=78)),
    ("expired without deadline", "unexplained", "failed", 1,
     lambda lines: rewritten("failed", "expired")(change_final(status="expired")(lines))),
    ("refused, but there", "unexplained", "succeeded", 1,
     plus(h.Call(at=1.0, number=78, op="submit", outcome="fail", key="k1"))),
    ("an impossible step", "broken", "succeeded", 1, rewritten("started", "logged")),
    ("an event id twice", "broken", "succeeded", 1, reused_id),
    ("a version without event", "broken", "succeeded", 1, change_final(version=60)),
    ("no file", "broken", "succeeded", 1, without(h.File)),
    ("a damaged file", "broken", "succeeded", 1, plus(h.File(at=1.0, job="job_1", state="bad"))),
    ("another job's result", "broken", "succeeded", 1, change_final(runs=(4711,))),
    ("a stale worker's result", "broken", "succeeded", 2, another_run),
    ("submitted without a claim", "broken", "canceled", 0, plus(post())),
    ("no webhook in the outbox", "untold", "succeeded", 1, without(h.Posted)),
    ("a webhook that was never tried", "untold", "failed", 1,
     lambda lines: without(h.Delivery)(each(h.Posted, state="pending", calls=0)(lines))),
    ("a webhook noted as delivered that nobody got", "untold", "succeeded", 1, without(h.Delivery)),
    ("a webhook noted as delivered that was refused", "untold", "succeeded", 1, each(h.Delivery, answer=500)),
    ("a webhook that was taken and not noted", "untold", "succeeded", 1, each(h.Posted, state="exhausted")),
    ("a webhook under another id", "untold", "succeeded", 1, each(h.Delivery, delivery="msg_x")),
    ("a webhook with a wrong signature", "untold", "succeeded", 1, each(h.Delivery, signed=False)),
    ("a webhook that tells another end", "untold", "succeeded", 1, each(h.Delivery, status="failed")),
    ("a webhook before the end", "untold", "succeeded", 1, each(h.Delivery, at=1.0)),
    ("a webhook of an end that was not", "untold", "succeeded", 1, each(h.Posted, type="job.failed")),
    ("a webhook that nobody asked for", "untold", "succeeded", 1, each(h.Call, has_webhook=False)),
    ("too late", "late", "succeeded", 1, change_final(finished_at=STOPPED_AT + 61)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "end", "tries", "plant"), [row[1:] for row in PLANTED], ids=[row[0] for row in PLANTED]
)
def test_a_planted_violation_is_found(kind: Kind, end: str, tries: int, plant: Callable[[Lines], Lines]) -> None:
    recorder = Recorder(7)
    job = recorder.job(end, tries)
    report = check(plant(recorder.lines))
    assert kind in {problem.kind for verdict, problem in report.problems if verdict.job in {job, "job_x"}}, details(
        report
    )


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "ok"])
def test_every_verdict_has_a_planted_violation(kind: Kind) -> None:
    assert any(row[1] == kind for row in PLANTED)


def test_one_bad_job_among_many_is_the_only_one_named() -> None:
    recorder = Recorder(3)
    for _ in range(20):
        recorder.job("succeeded", recorder.random.randint(1, 3))
    bad = h.Change(at=9e5, job="job_9", event="900000000-0", what="failed")
    report = check([*recorder.lines, bad])
    assert {verdict.job for verdict, _ in report.problems} == {"job_9"}
    assert report.counts["ok"] == 19
    assert "**doubled** | 1 |" in table(report)


def test_a_submit_whose_answer_was_lost_may_have_left_a_job_or_none() -> None:
    lost_answer = [
        h.Call(at=1.0, number=1, op="submit", outcome="invoke", key="k1", has_webhook=True),
        h.Call(at=2.0, number=1, op="submit", outcome="unknown", key="k1"),
    ]
    assert check(lost_answer).verdicts == ()
    recorder = Recorder(1)
    recorder.job("succeeded")
    there = [line for line in recorder.lines if not (isinstance(line, h.Call) and line.op == "submit")]
    assert check([*lost_answer, *there]).counts["ok"] == 1


def test_a_history_survives_the_file(tmp_path: Path) -> None:
    recorder = Recorder(5)
    recorder.job("succeeded", 3)
    recorder.lines += [
        h.Fault(at=1.0, name="kill", detail="worker 2"),
        h.Delivery(at=2.0, job="j", delivery="d", type="t", status="x", signed=True, answer=204),
    ]
    with h.History(tmp_path / "history.jsonl") as history:
        history.add(*recorder.lines)
    assert list(h.read(tmp_path / "history.jsonl")) == recorder.lines
