"""Judges a run from its history alone: an offline, pure function. Nothing of the product is imported.

Every job gets one verdict:

* ``lost``: accepted, and not in exactly one final state at the end;
* ``doubled``: two ends, two results, or more submissions at the upstream than attempts, or than three;
  or a second attempt beside the first that nobody asked for, or a third;
* ``resurrected``: changed after its end, or an answer that a client had seen was taken back;
* ``unexplained``: failed without a typed error, or ended or waited without a reason;
* ``broken``: a step that the state machine lacks, a file that is not there, another job's result;
* ``untold``: a webhook that was asked for was not sent, or told something else than what happened;
* ``late``: all well, but only after the time in which everything must settle;
* ``ok``.

The moves and error codes are written out here once more on purpose: a mistake
in the product's own table must not excuse itself.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, Literal

from tests.chaos import history as h

Kind = Literal["ok", "lost", "doubled", "resurrected", "unexplained", "broken", "untold", "late"]

#: The verdicts, the worst first.
KINDS: Final[tuple[Kind, ...]] = ("lost", "doubled", "resurrected", "unexplained", "broken", "untold", "late", "ok")
#: What an attempt may end with: the codes that clients switch on. ``internal`` explains nothing and is left out.
CODES: Final = frozenset(
    {
        "provider_quota", "provider_busy", "provider_unreachable", "provider_timeout", "content_rejected",
        "invalid_input", "provider_error", "provider_protocol", "provider_changed", "bad_output", "storage_error",
        "deadline_exceeded", "worker_lost",
    }
)  # fmt: skip
#: state → event → next state.
MOVES: Final[Mapping[str, Mapping[str, str]]] = {
    "": {"submitted": "queued", "recalled": "succeeded"},
    "queued": {
        "parked": "queued", "logged": "queued", "started": "running",
        "canceled": "canceled", "failed": "failed", "expired": "expired",
    },
    "running": {
        "upstream_queued": "running", "progressed": "running", "previewed": "running", "logged": "running",
        "noted": "running", "cancel_requested": "running", "requeued": "queued",
        "hedged": "running", "attempt_failed": "running",
        "succeeded": "succeeded", "failed": "failed", "canceled": "canceled",
    },
}  # fmt: skip
TERMINAL: Final = frozenset({"succeeded", "failed", "canceled", "expired"})
#: Logs longer than this may have been trimmed.
_LOG_LIMIT: Final = 400
#: Attempts that a job may have, handed-back ones apart.
MOST_ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that must not be: the verdict it leads to, the invariant it breaks, and what was seen."""

    kind: Kind
    invariant: str
    text: str


@dataclass(slots=True, kw_only=True)
class Story:
    """All that the history says about one job."""

    key: str
    job: str = ""
    calls: list[h.Call] = field(default_factory=list)
    posts: list[h.Upstream] = field(default_factory=list)
    starts: list[h.Upstream] = field(default_factory=list)
    ends: list[h.Upstream] = field(default_factory=list)
    changes: list[h.Change] = field(default_factory=list)
    files: list[h.File] = field(default_factory=list)
    finals: list[h.Final] = field(default_factory=list)
    received: list[h.Delivery] = field(default_factory=list)
    posted: list[h.Posted] = field(default_factory=list)
    stopped_at: float | None = None

    @property
    def final(self) -> h.Final | None:
        """The job as it stood in the end."""
        return self.finals[0] if self.finals else None

    @property
    def gone(self) -> bool:
        """Whether only a tombstone was left; its log went with it, so that what was read before may be a part."""
        return self.final is not None and self.final.status == "gone"

    def asked(self, *ops: str) -> bool:
        """Whether a client called one of these, whatever became of it."""
        return any(call.op in ops and call.outcome == "invoke" for call in self.calls)

    def told(self, op: str) -> list[h.Call]:
        """What clients were told by this call, in order."""
        return [call for call in self.calls if call.op == op and call.outcome == "ok"]

    @property
    def accepted(self) -> bool:
        """Whether a client was told that the job is taken."""
        return bool(self.told("submit"))

    @property
    def attempts(self) -> int:
        """Attempts, by the log: claims and hedges."""
        return sum(change.what in {"started", "hedged"} for change in self.changes)

    @property
    def handed_back(self) -> int:
        """Attempts that a stopping worker gave back, by the log."""
        return sum(len(before) for before, change in self.running() if change.outcome == "handed_back")

    def running(self) -> Iterator[tuple[Mapping[int, str], h.Change]]:
        """Each change with the attempts that ran just before it: number → provider."""
        running: dict[int, str] = {}
        made = 0
        for change in self.changes:
            yield dict(running), change
            if change.what == "attempt_failed":
                running.pop(change.attempt or 0, None)
            elif change.what in {"started", "hedged"}:
                made += 1
                running[made] = str(change.provider)
            elif change.what == "requeued" or change.what in TERMINAL:
                running.clear()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One job's: the worst of its problems decides."""

    key: str
    job: str
    problems: tuple[Problem, ...]

    @property
    def kind(self) -> Kind:
        """The verdict."""
        kinds = {problem.kind for problem in self.problems}
        return next((kind for kind in KINDS if kind in kinds), "ok")


# -- rules: each finds one class of problems in one job's story ---------------


def lost(story: Story) -> Iterator[Problem]:
    """I1: an accepted job is there, and has ended."""
    final = story.final
    if final is None:
        if story.accepted:
            yield Problem("lost", "I1", "accepted, and unknown to the store at the end")
        return
    if any(call.op == "get" and call.outcome == "fail" for call in story.calls) and not story.asked("delete"):
        yield Problem("lost", "I1", "a client was told that there is no such job")
    if story.gone:
        if not story.asked("delete"):
            yield Problem("lost", "I1", "gone, though nobody deleted it")
    elif final.status not in TERMINAL:
        yield Problem("lost", "I1", f"still {final.status} when the run was over")


def doubled(story: Story) -> Iterator[Problem]:
    """I2, I8: one end, one result, no more submissions than attempts."""
    ends = [change.what for change in story.changes if change.what in TERMINAL]
    if len(ends) > 1:
        yield Problem("doubled", "I2", f"ended {len(ends)} times: {', '.join(ends)}")
    if story.final is not None and len(set(story.final.runs)) > 1:
        yield Problem("doubled", "I2", f"its outputs come from {len(set(story.final.runs))} runs")
    if len({final.job for final in story.finals}) > 1:
        yield Problem("doubled", "I7", "one submit made two jobs")
    if len(story.posts) > story.attempts and not story.gone:
        yield Problem("doubled", "I8", f"{len(story.posts)} submissions in {story.attempts} attempts")
    if story.attempts - story.handed_back > MOST_ATTEMPTS:
        yield Problem("doubled", "I8", f"{story.attempts - story.handed_back} attempts")
    if len(story.posts) > MOST_ATTEMPTS + story.handed_back:
        yield Problem("doubled", "I8", f"{len(story.posts)} submissions")
    yield from _hedges(story)


def _hedges(story: Story) -> Iterator[Problem]:
    """Two attempts at once only where that was asked for, on two providers, and so that the ledger tells."""
    hedges = [(before, change) for before, change in story.running() if change.what == "hedged"]
    if hedges and not any(call.wants_hedge for call in story.calls):
        yield Problem("doubled", "I8", "a second provider was asked, and nobody wanted that")
    for before, change in hedges:
        if len(before) > 1:
            yield Problem("doubled", "I8", f"{len(before) + 1} attempts at once")
        if change.provider in before.values():
            yield Problem("doubled", "I8", f"{change.provider} was asked twice at once")
    final = story.final
    if final is None or story.gone:
        return
    shown = sum(entry.hedge for entry in final.attempts)
    if shown != len(hedges):
        yield Problem("unexplained", "I8", f"{len(hedges)} hedges, and {shown} in the ledger")
    if sum(entry.outcome == "succeeded" for entry in final.attempts) > 1:
        yield Problem("doubled", "I2", "two of its attempts succeeded")


def resurrected(story: Story) -> Iterator[Problem]:
    """I2: an end is the end, and what a client saw stays true."""
    last = ""
    for change in story.changes:
        if last in TERMINAL:
            yield Problem("resurrected", "I2", f"{change.what} after {last}")
            break
        last = change.what
    if story.final is not None and not story.gone:
        if last in TERMINAL and story.final.status != last:
            yield Problem("resurrected", "I2", f"{story.final.status} in the end, though it was {last}")
        yield from _rolled_back(story.changes, story.final)
    seen = [call for op in ("submit", "get", "cancel") for call in story.told(op)]
    yield from _taken_back(sorted(seen, key=lambda call: call.at), story)


def _rolled_back(changes: Sequence[h.Change], final: h.Final) -> Iterator[Problem]:
    kept = set(final.log)
    oldest = _order(final.log[0]) if final.log else (0, 0)
    for change in changes:
        if change.event not in kept and _order(change.event) > oldest:
            yield Problem("resurrected", "I2", f"{change.what} ({change.event}) was recorded, and is no longer")
            return


def _taken_back(seen: Sequence[h.Call], story: Story) -> Iterator[Problem]:
    """Answers to calls that did not overlap must go forward."""
    began = {call.number: call.at for call in story.calls if call.outcome == "invoke"}
    for before, after in pairwise(seen):
        if began.get(after.number, after.at) < before.at:
            continue
        if None not in (before.version, after.version) and (after.version or 0) < (before.version or 0):
            yield Problem("resurrected", "I2", f"a client saw version {before.version}, then {after.version}")
            return
        if before.status in TERMINAL and after.status != before.status:
            yield Problem("resurrected", "I2", f"a client saw {before.status}, then {after.status}")
            return


def unexplained(story: Story) -> Iterator[Problem]:
    """Every failure is typed, every end was asked for or earned, every wait has a reason."""
    final = story.final
    if final is not None:
        if final.status == "failed" and final.code not in CODES:
            yield Problem("unexplained", "errors", f"failed with {final.code!r}")
        if final.status == "canceled" and not story.asked("cancel", "delete"):
            yield Problem("unexplained", "errors", "canceled, though nobody asked for it")
        if final.status == "expired" and not any(call.has_deadline for call in story.calls):
            yield Problem("unexplained", "errors", "expired without a deadline")
        for number, attempt in enumerate(final.attempts, 1):
            if attempt.outcome in {"failed", "lost"} and attempt.code not in CODES:
                yield Problem("unexplained", "errors", f"attempt {number} {attempt.outcome} with {attempt.code!r}")
            if attempt.outcome is None and final.status in TERMINAL:
                yield Problem("unexplained", "errors", f"attempt {number} has no outcome")
    waits = [(change.until, change.reason) for change in story.changes if change.what in {"parked", "requeued"}]
    waits += [(call.until, call.waiting) for call in story.told("get") if call.status == "queued"]
    if any(until is not None and not reason for until, reason in waits):
        yield Problem("unexplained", "waiting", "it waited for a time, without a reason")
    if final is not None and any(call.op == "submit" and call.outcome == "fail" for call in story.calls):
        yield Problem("unexplained", "I9", "refused, and there all the same")


def broken(story: Story) -> Iterator[Problem]:
    """I3, I4, I8, I10: legal steps, whole files, and results of the right run."""
    final = story.final
    if final is None or story.gone:
        return
    yield from _path(story.changes, final)
    if final.status == "succeeded":
        if not story.files:
            yield Problem("broken", "I4", "succeeded without a file")
        for file in story.files:
            if file.state != "good":
                yield Problem("broken", "I4", f"a file of the result is {file.state}")
        yield from _runs(story, final)
    if story.posts and not story.attempts:
        yield Problem("broken", "I8", "submitted upstream, though it was never claimed")


def _path(changes: Sequence[h.Change], final: h.Final) -> Iterator[Problem]:
    status = ""
    for before, change in zip([None, *changes], changes, strict=False):
        if before is not None and _order(change.event) <= _order(before.event):
            yield Problem("broken", "I3", f"{change.event} follows {before.event} in the log")
        if change.what not in MOVES.get(status, {}):
            if status not in TERMINAL:
                yield Problem("broken", "I3", f"{change.what} while {status or 'new'}")
            return
        status = MOVES[status][change.what]
    if len(final.log) != final.version and final.version < _LOG_LIMIT:
        yield Problem("broken", "I3", f"version {final.version} after {len(final.log)} events")


def _runs(story: Story, final: h.Final) -> Iterator[Problem]:
    """The result is of a run of this job, and of one that the attempt which ended it made or picked up."""
    posted = {run.run: run.at for run in story.starts}
    for run in set(final.runs):
        if run not in posted:
            yield Problem("broken", "I10", f"its result is of run {run}, which is not its own")
    last_claim = max((change.at for change in story.changes if change.what == "started"), default=0.0)
    in_last = [post for post in story.posts if post.at >= last_claim]
    newest = max((run.at for run in story.starts if run.run in final.runs), default=last_claim)
    # Where the first attempt picked up what an older one had submitted, what is new may be its hedge's.
    hedges = sum(change.what == "hedged" and change.at >= last_claim for change in story.changes)
    hedge_won = any(entry.hedge and entry.outcome == "succeeded" for entry in final.attempts)
    if newest < last_claim and len(in_last) > (0 if hedge_won else hedges):
        yield Problem("broken", "I10", "the last attempt submitted anew, and an older attempt's result was written")


def untold(story: Story) -> Iterator[Problem]:
    """I6: the end is told at least once, truly, signed, under one id; or the log of deliveries says why not."""
    final = story.final
    if final is None or story.gone or final.status not in TERMINAL:
        return
    if not any(call.has_webhook for call in story.calls):
        if story.received or story.posted:
            yield Problem("untold", "I6", "a webhook that nobody asked for")
        return
    ends = [posted.delivery for posted in story.posted if posted.type == f"job.{final.status}"]
    if len(ends) != 1:
        yield Problem("untold", "I6", f"its end is {len(ends)} times among the deliveries")
    for posted in story.posted:
        yield from _told(posted, [one for one in story.received if one.delivery == posted.delivery])
    yield from _heard(story.received, final, ends, {posted.delivery for posted in story.posted})


def _heard(
    messages: Sequence[h.Delivery], final: h.Final, ends: Sequence[str], known: Collection[str]
) -> Iterator[Problem]:
    for received in messages:
        if received.delivery not in known:
            yield Problem("untold", "I6", f"received as {received.delivery}, which no delivery is called")
        if not received.signed:
            yield Problem("untold", "I6", "received with a wrong signature")
        if received.delivery in ends and received.status != final.status:
            yield Problem("untold", "I6", f"told {received.status}, though it was {final.status}")
        if received.delivery in ends and received.at < (final.finished_at or 0.0) - _CLOCKS:
            yield Problem("untold", "I6", "told before it was recorded")


def _told(posted: h.Posted, received: Sequence[h.Delivery]) -> Iterator[Problem]:
    taken = any(200 <= one.answer < 300 for one in received)
    if posted.state == "pending" and not posted.calls:
        yield Problem("untold", "I6", "no call was ever made")
    if posted.state == "delivered" and not taken:
        yield Problem("untold", "I6", "noted as delivered, and nobody took it")
    if posted.state != "delivered" and taken:
        yield Problem("untold", "I6", f"taken by its receiver, and noted as {posted.state}")


def late(story: Story) -> Iterator[Problem]:
    """I13: what faults held up is done soon after they end."""
    if story.stopped_at is None or story.final is None or story.final.finished_at is None:
        return
    seconds = story.final.finished_at - story.stopped_at
    if seconds > SETTLE_SECONDS:
        yield Problem("late", "I13", f"settled {seconds:.0f} s after the faults stopped")


#: Seconds by which the clocks of receivers and of the store may differ.
_CLOCKS: Final = 0.5
#: Everything settles within so many seconds after the last fault.
SETTLE_SECONDS: Final = 60.0
RULES: Final[tuple[Callable[[Story], Iterator[Problem]], ...]] = (
    lost,
    doubled,
    resurrected,
    unexplained,
    broken,
    untold,
    late,
)


# -- putting it together -------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The verdicts, and what the run consisted of."""

    verdicts: tuple[Verdict, ...]
    stories: tuple[Story, ...]
    faults: Mapping[str, int]
    settled_seconds: float | None
    gave_up: bool
    #: Jobs that ended while faults went on: without some, the faults had nothing to hit.
    ended_meanwhile: int
    #: Attempts that were started beside another one.
    hedges: int

    @property
    def problems(self) -> tuple[tuple[Verdict, Problem], ...]:
        """All problems of all jobs."""
        return tuple((verdict, problem) for verdict in self.verdicts for problem in verdict.problems)

    @property
    def counts(self) -> Mapping[Kind, int]:
        """Jobs by verdict, every verdict listed."""
        counted = Counter(verdict.kind for verdict in self.verdicts)
        return {kind: counted[kind] for kind in KINDS}


def check(lines: Iterable[h.AnyLine]) -> Report:
    """Judge a run."""
    lines = sorted(lines, key=lambda line: line.at)
    marks = {line.name: line.at for line in lines if isinstance(line, h.Mark)}
    told = tuple(stories(lines, marks.get("faults_stopped")))
    stopped = marks.get("faults_stopped")
    ends = [story.final.finished_at for story in told if story.final and story.final.finished_at]
    settled = max(0.0, max(ends) - stopped) if ends and stopped is not None else None
    return Report(
        verdicts=tuple(
            Verdict(key=story.key, job=story.job, problems=tuple(p for rule in RULES for p in rule(story)))
            for story in told
            # A submit that was refused, or whose answer was lost, and which left nothing, is no job.
            if story.accepted or story.finals
        ),
        stories=told,
        faults=dict(Counter(line.name for line in lines if isinstance(line, h.Fault))),
        settled_seconds=settled,
        gave_up="gave_up" in marks,
        ended_meanwhile=sum(stopped is not None and at <= stopped for at in ends),
        hedges=sum(change.what == "hedged" for story in told for change in story.changes),
    )


def stories(lines: Iterable[h.AnyLine], stopped_at: float | None = None) -> Iterable[Story]:
    """Sort the lines by the jobs they are about."""
    lines = list(lines)
    found: dict[str, Story] = {}
    key_of: dict[str, str] = {}
    for line in lines:
        if isinstance(line, h.Call | h.Final) and line.job is not None:
            key_of[line.job] = line.key
    for line in lines:
        key = _key(line, key_of)
        if key is None:
            continue
        story = found.setdefault(key, Story(key=key, stopped_at=stopped_at))
        _file(story, line)
    for story in found.values():
        story.changes = sorted({c.event: c for c in story.changes}.values(), key=lambda change: _order(change.event))
    return found.values()


def _key(line: h.AnyLine, key_of: Mapping[str, str]) -> str | None:
    match line:
        case h.Call() | h.Final() | h.Upstream():
            return line.key
        case h.Change() | h.File() | h.Delivery() | h.Posted():
            return key_of.get(line.job, line.job)
        case _:
            return None


def _file(story: Story, line: h.AnyLine) -> None:
    match line:
        case h.Call():
            story.calls.append(line)
            story.job = story.job or line.job or ""
        case h.Upstream():
            {"posted": story.posts, "started": story.starts, "ended": story.ends}[line.what].append(line)
        case h.Change():
            story.changes.append(line)
        case h.File():
            story.files.append(line)
        case h.Delivery():
            story.received.append(line)
        case h.Posted():
            story.posted.append(line)
        case h.Final():
            story.finals.append(line)
            story.job = story.job or line.job


def _order(event: str) -> tuple[int, int]:
    """Stream ids order by two numbers."""
    at, _, number = event.partition("-")
    return int(at), int(number or 0)


# -- printing ------------------------------------------------------------------


def table(report: Report) -> str:
    """The run as Markdown."""
    judged = [story for story in report.stories if story.accepted or story.finals]
    states = Counter(end_of(story) for story in judged)
    attempts, posts = Counter(s.attempts for s in judged if not s.gone), Counter(len(s.posts) for s in judged)
    lost_answers = sum(call.outcome == "unknown" for story in report.stories for call in story.calls)
    rows: list[tuple[str, object]] = [("jobs", len(judged)), *((f"**{kind}**", n) for kind, n in report.counts.items())]
    rows += [(f"ended {state}", count) for state, count in sorted(states.items())]
    rows += [(f"jobs with {n} attempts", count) for n, count in sorted(attempts.items())]
    rows += [(f"jobs with {n} submissions at the upstream", count) for n, count in sorted(posts.items())]
    rows += [
        ("attempts beside another one (hedges)", report.hedges),
        ("runs begun by the upstream", sum(len(story.starts) for story in judged)),
        ("runs that came to their end", sum(len(story.ends) for story in judged)),
        ("webhooks received", sum(len(story.received) for story in judged)),
        ("client calls whose answer was lost", lost_answers),
        ("jobs that ended while faults went on", report.ended_meanwhile),
        ("seconds from the last fault to the last end", _seconds(report.settled_seconds)),
    ]
    rows += [(f"fault: {name}", count) for name, count in sorted(report.faults.items())]
    return "\n".join(["| | |", "|---|---:|", *(f"| {name} | {value} |" for name, value in rows)])


def details(report: Report, most: int = 40) -> str:
    """The problems, one a line."""
    lines = [f"{v.kind}: {v.job or '?'} ({v.key}): {p.invariant}: {p.text}" for v, p in report.problems]
    rest = [f"... and {len(lines) - most} more"] if len(lines) > most else []
    return "\n".join([*lines[:most], *rest])


def end_of(story: Story) -> str:
    """How it ended, with the error code where it failed."""
    final = story.final
    if final is None:
        return "nowhere"
    return f"{final.status} ({final.code})" if final.code else final.status


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def by_outcome(report: Report) -> Mapping[str, int]:
    """How attempts ended."""
    found: dict[str, int] = defaultdict(int)
    for story in report.stories:
        for attempt in story.final.attempts if story.final else ():
            found[f"{attempt.outcome} {attempt.code or ''}".strip()] += 1
    return dict(found)
