"""Plays the clients: submits, polls, cancels and deletes by a seeded plan, and writes down each call and what came back.

Jobs are driven over the HTTP API, with a real HTTP client.
"""

from __future__ import annotations

import itertools
import random
import re
import threading
import time
from bisect import insort
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal

import requests
from msgspec import structs

from tests.chaos.checker import TERMINAL
from tests.chaos.deployment import PAINTER, PAIR
from tests.chaos.history import Call, History

#: Seconds between two looks at one job.
POLL_SECONDS: Final = 0.7
#: Seconds until a submit without an answer is tried again.
RETRY_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """One job that a client wants, and what it will do about it. Times are seconds after the start of the run."""

    key: str
    at: float
    steps: int = 3
    seconds: float = 0.2
    user: str = "one"
    model: str = PAINTER
    strategy: str = "failover"
    cancel_after: float | None = None
    delete_after: float | None = None
    deadline_seconds: float | None = None
    webhook: str | None = None


def plan(seed: int, jobs: int, seconds: float, webhook: str) -> tuple[Errand, ...]:
    """Draw the errands of a run: the same ones for the same seed.

    Args:
        seed: Of the dice.
        jobs: How many.
        seconds: Over which they are spread.
        webhook: Where some of them want to be told of their end.
    """
    rng = random.Random(seed)
    return _hedged(
        seed,
        sorted(
            (
                Errand(
                    key=f"k{number:04}",
                    at=rng.uniform(0, seconds),
                    steps=rng.randint(1, 5),
                    seconds=rng.uniform(0.1, 0.6),
                    user=rng.choice(["one", "two", "three"]),
                    cancel_after=rng.uniform(0, 5) if rng.random() < 0.08 else None,
                    delete_after=rng.uniform(0, 6) if rng.random() < 0.05 else None,
                    deadline_seconds=rng.uniform(20, 60) if rng.random() < 0.05 else None,
                    webhook=webhook if rng.random() < 0.3 else None,
                )
                for number in range(jobs)
            ),
            key=lambda errand: errand.at,
        ),
    )


def _hedged(seed: int, errands: Iterable[Errand]) -> tuple[Errand, ...]:
    """Have some of them ask for a hedge, and take long enough to get one."""
    rng = random.Random(f"hedges {seed}")
    return tuple(
        replace(errand, model=PAIR[0], strategy="hedge", steps=errand.steps + 5) if rng.random() < 0.25 else errand
        for errand in errands
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a client is told about a job."""

    job: str
    status: str
    version: int | None = None
    waiting: str | None = None
    until: float | None = None


class Refused(Exception):
    """The call was answered with no."""


class NoAnswer(Exception):
    """The call may have been done or not."""


class Rest:
    """A client of the HTTP API. Every call raises Refused, NoAnswer, or AssertionError for what must not come at all.

    Args:
        url: Where it is.
    """

    def __init__(self, url: str) -> None:
        self._url = f"{url}/v1/jobs"
        # One connection a thread at most: each customer has its own client.
        self._http = requests.Session()
        self._http.trust_env = False

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def submit(self, errand: Errand) -> Answer:
        """Ask for a job; the errand's key makes a repeated request find the same one."""
        body: dict[str, object] = {
            "model": errand.model,
            "input": {"prompt": f"{errand.key} a lighthouse", "steps": errand.steps, "seconds": errand.seconds},
            "metadata": {"user": errand.user},
        }
        if errand.strategy != "failover":
            body["strategy"] = errand.strategy
        if errand.deadline_seconds is not None:
            body["deadline_seconds"] = errand.deadline_seconds
        if errand.webhook is not None:
            body["webhook"] = {"url": errand.webhook}
        return _answer(self._ask("POST", "", body, {"Idempotency-Key": errand.key}))

    def get(self, job: str) -> Answer:
        """Look at it."""
        return _answer(self._ask("GET", f"/{job}"))

    def cancel(self, job: str) -> Answer:
        """End it."""
        return _answer(self._ask("POST", f"/{job}/cancel"))

    def delete(self, job: str) -> None:
        """Delete it."""
        self._ask("DELETE", f"/{job}")

    def _ask(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> requests.Response:
        try:
            answer = self._http.request(method, self._url + path, json=body, headers=headers, timeout=30)
        except requests.RequestException as error:
            raise NoAnswer(type(error).__name__) from error
        code = answer.json().get("code", "") if "problem" in answer.headers.get("Content-Type", "") else ""
        if answer.status_code == 503 and "Retry-After" in answer.headers:
            raise NoAnswer(f"503 {code}")
        if answer.status_code == 409:
            # The same request is being answered just now.
            raise NoAnswer(f"409 {code}")
        if 400 <= answer.status_code < 500:
            raise Refused(f"{answer.status_code} {code}")
        # What is left must not come at all: a 500, or a 503 that does not say when to come again.
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text[:300]}"
        return answer


_VERSION: Final = re.compile(r'W/"(\d+)')


def _answer(response: requests.Response) -> Answer:
    job = response.json()
    queue = job.get("queue") or {}
    version = _VERSION.match(response.headers.get("ETag", ""))
    return Answer(
        job=job["id"],
        status=job["status"],
        version=None if version is None else int(version[1]),
        waiting=queue.get("reason"),
        until=datetime.fromisoformat(queue["until"]).timestamp() if "until" in queue else None,
    )


class Customer:
    """Runs a part of the errands in a thread of its own.

    Args:
        client: How it reaches the service; its own.
        history: Where every call is written down.
        errands: In the order of their times.
        numbers: Gives each call of the whole run a number.
    """

    def __init__(
        self, client: Rest, history: History, errands: Sequence[Errand], numbers: itertools.count[int]
    ) -> None:
        self._client = client
        self._history = history
        self._errands = list(errands)
        self._numbers = numbers
        self._open: dict[str, tuple[Errand, float]] = {}
        self._looked: dict[str, float] = {}
        #: What must not come out of the service at all: anything but its own errors.
        self.surprises: list[BaseException] = []
        self.jobs: dict[str, str] = {}

    def run(self, give_up: threading.Event) -> None:
        """Do all errands and follow each job to its end, or until told to give up."""
        began = time.monotonic()
        while (self._errands or self._open) and not give_up.is_set():
            now = time.monotonic() - began
            while self._errands and self._errands[0].at <= now:
                self._submit(self._errands.pop(0), now)
            for job, (errand, since) in list(self._open.items()):
                self._look_after(job, errand, now - since, now)
            time.sleep(0.02)

    def _submit(self, errand: Errand, now: float) -> None:
        """Ask for the job; where no answer came, ask again, as often as it takes."""
        unanswered: list[bool] = []
        answer = self._call("submit", errand.key, None, lambda: self._client.submit(errand), errand, unanswered)
        if answer is not None:
            self._open[answer.job] = (errand, now)
            self.jobs[answer.job] = errand.key
        elif unanswered:
            insort(self._errands, replace(errand, at=now + RETRY_SECONDS), key=lambda one: one.at)

    def _look_after(self, job: str, errand: Errand, age: float, now: float) -> None:
        if errand.delete_after is not None and age >= errand.delete_after:
            self._delete(job, errand)
            return
        if errand.cancel_after is not None and age >= errand.cancel_after:
            if self._call("cancel", errand.key, job, lambda: self._client.cancel(job)) is not None:
                self._open[job] = (replace(errand, cancel_after=None), now - age)
            return
        if now - self._looked.get(job, 0.0) >= POLL_SECONDS:
            self._looked[job] = now
            answer = self._call("get", errand.key, job, lambda: self._client.get(job))
            if answer is not None and answer.status in TERMINAL and errand.delete_after is None:
                del self._open[job]

    def _delete(self, job: str, errand: Errand) -> None:
        """Delete it; tried again until it is answered."""
        done: list[bool] = []

        def ask() -> None:
            self._client.delete(job)
            done.append(True)

        try:
            self._call("delete", errand.key, job, ask)
        finally:
            if done:
                del self._open[job]

    def _call(
        self,
        op: Literal["submit", "get", "cancel", "delete"],
        key: str,
        job: str | None,
        ask: Callable[[], Answer | None],
        errand: Errand | None = None,
        unanswered: list[bool] | None = None,
    ) -> Answer | None:
        """Make one call, and write down both its sides."""
        deadline = errand is not None and errand.deadline_seconds is not None
        line = Call(
            at=time.time(),
            number=next(self._numbers),
            op=op,
            outcome="invoke",
            key=key,
            job=job,
            has_deadline=deadline,
            wants_hedge=errand is not None and errand.strategy == "hedge",
            has_webhook=errand is not None and errand.webhook is not None,
        )
        self._history.add(line)
        answer: Answer | None = None
        try:
            answer = ask()
            line = _told(line, "ok", answer)
        except Refused as error:
            line = _told(line, "fail", detail=str(error))
            if job is not None:
                self._open.pop(job, None)
        except NoAnswer as error:
            line = _told(line, "unknown", detail=str(error))
            if unanswered is not None:
                unanswered.append(True)
        except Exception as error:  # noqa: BLE001 - a surprise is what this looks for
            self.surprises.append(error)
            line = _told(line, "unknown", detail=f"surprise: {type(error).__name__}")
        self._history.add(line)
        return answer


def _told(
    line: Call, outcome: Literal["ok", "fail", "unknown"], answer: Answer | None = None, detail: str = ""
) -> Call:
    """The other side of a call."""
    line = structs.replace(line, at=time.time(), outcome=outcome, detail=detail)
    if answer is None:
        return line
    fields = {name: getattr(answer, name) for name in ("job", "status", "version", "waiting", "until")}
    return structs.replace(line, **fields)


def share(errands: Sequence[Errand], customers: int) -> Iterable[Sequence[Errand]]:
    """Deal the errands out."""
    return (errands[number::customers] for number in range(customers))
