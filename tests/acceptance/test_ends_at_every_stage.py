"""Cancel, delete and deadline wherever a job is: it ends at once, and nothing runs on at the upstream that can be stopped."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final

import pytest

from jobs.record import keys
from jobs.scheduling.pauses import Pauses
from tests.spaces.launcher import Space, Spaces
from tests.support.api_client import TERMINAL, ApiClient
from tests.support.eventually import eventually
from tests.support.processes import Stack

pytestmark = [pytest.mark.live, pytest.mark.acceptance]

#: What is promised, and how often a machine that is busy otherwise may try to show it.
PROMPT_SECONDS: Final = 2.0
TRIES: Final = 3
#: Long enough to get anywhere, short enough to wait for.
DEADLINE_SECONDS: Final = 8
QUOTA: Final = "You have exceeded your GPU quota (60s requested vs. 0s left). Try again in 0:09:48"
_NUMBERS = count()

_PROVIDER: Final = """
[providers.{name}]
driver = "space"
url = "{url}"
api_name = "{api_name}"
models = ["{name}"]
concurrency = 8
parameters = {{ prompt = "", steps = 1, seconds = 0.1 }}
"""


@dataclass
class Placed:
    """A job at some stage; the app knows it by its key, the first word of its prompt."""

    id: str
    key: str


@dataclass
class Scenario:
    """A stack, and an app that runs one call at a time and writes down what reaches it."""

    stack: Stack
    client: ApiClient
    app: Space
    folder: Path

    def submit(self, steps: int, model: str = "draw", **body: Any) -> Placed:
        """A job of so many steps, ten a second."""
        key = f"key{next(_NUMBERS)}"
        job = self.client.submit(model, input={"prompt": key, "steps": steps, "seconds": 0.1}, **body)
        return Placed(job["id"], key)

    def times(self, what: str, job: Placed | None = None) -> list[float]:
        """When the app noted this (about the job)."""
        notes: list[dict[str, Any]] = self.app.notes()
        return [note["at"] for note in notes if note["what"] == what and note["key"] == (job.key if job else "")]

    def goes_on(self) -> None:
        """Another job runs: so whatever could have been sent before it was sent, and the app is free."""
        (job,) = self.client.wait_for_end([self.submit(1).id])
        assert job["status"] == "succeeded"

    @contextmanager
    def hanging(self, at: str) -> Iterator[None]:
        """No answer of the app to requests whose path holds this, and one that waits for it."""
        mood, before = self.folder / "mood.json", len(self.times("hanging"))
        mood.with_suffix(".new").write_text(json.dumps({"at": at, "hang": 60}))
        mood.with_suffix(".new").rename(mood)
        yield
        mood.unlink()
        assert len(self.times("hanging")) > before

    def until_hung_up(self, before: int) -> None:
        eventually(lambda: len(self.times("left")) > before, "the app sees that nobody waits any more", within=20)


# -- the stages: each brings a job there, and afterwards looks at the upstream's log ---------


@contextmanager
def queued(scenario: Scenario, **body: Any) -> Iterator[Placed]:
    pauses = Pauses(scenario.stack.connection)
    pauses.pause()
    job = scenario.submit(1, **body)
    scenario.client.wait_for_reason(job.id, "paused")
    yield job
    pauses.resume()
    scenario.goes_on()
    assert not scenario.times("posted", job), "never submitted"


@contextmanager
def parked(scenario: Scenario, **body: Any) -> Iterator[Placed]:
    refusal, provider = scenario.folder / "refusal", keys.provider("draw")
    refusal.write_text(QUOTA)
    job = scenario.submit(1, **body)
    eventually(lambda: scenario.times("started", job), "it was refused", within=20)
    if "deadline_seconds" not in body:
        scenario.client.wait_for_reason(job.id, "provider_cooldown")
    yield job
    refusal.unlink()
    scenario.stack.client.hdel(provider, "until", "reason")
    if scenario.stack.client.zscore(keys.DUE, job.id) is not None:
        scenario.stack.client.zadd(keys.DUE, {job.id: 0})
    scenario.goes_on()
    assert len(scenario.times("posted", job)) == 1, "not submitted again"


@contextmanager
def claimed(scenario: Scenario, **body: Any) -> Iterator[Placed]:
    """Before the POST: the worker asks the app what it can do, and gets no answer."""
    left = len(scenario.times("left"))
    with scenario.hanging("/config"):
        job = scenario.submit(1, "cold", **body)
        eventually(lambda: scenario.client.get(job.id)["status"] != "queued", "it is claimed", within=20)
        eventually(lambda: len(scenario.times("hanging")) > left, "it asks", within=20)
        yield job
        scenario.until_hung_up(left)
    scenario.goes_on()
    assert not scenario.times("posted", job), "never submitted"


@contextmanager
def waiting_upstream(scenario: Scenario, **body: Any) -> Iterator[Placed]:
    first = scenario.submit(40 if "deadline_seconds" not in body else 10 * DEADLINE_SECONDS + 40)
    scenario.client.wait(first.id, lambda job: "preview" in job)
    job = scenario.submit(1, **body)
    scenario.client.wait_for_reason(job.id, "upstream_queue")
    yield job
    assert scenario.client.wait_for_end([first.id])[0]["status"] == "succeeded", "nobody else is hurt"
    scenario.goes_on()
    assert len(scenario.times("posted", job)) == 1
    assert not scenario.times("started", job), "its turn never came"


@contextmanager
def generating(scenario: Scenario, **body: Any) -> Iterator[Placed]:
    job = scenario.submit(300, **body)
    scenario.client.wait(job.id, lambda seen: "preview" in seen)
    yield job
    eventually(lambda: scenario.times("stopped", job), "the app stops", within=20)
    scenario.goes_on()
    assert not scenario.times("ended", job)
    assert len(scenario.times("posted", job)) == 1


@contextmanager
def fetching_a_preview(scenario: Scenario, **body: Any) -> Iterator[Placed]:
    left = len(scenario.times("left"))
    with scenario.hanging("/file="):
        job = scenario.submit(1, **body)
        eventually(lambda: len(scenario.times("hanging")) > left, "it is asked for", within=20)
        yield job
        scenario.until_hung_up(left)
    scenario.goes_on()


@contextmanager
def downloading(scenario: Scenario, **body: Any) -> Iterator[Placed]:
    left = len(scenario.times("left"))
    with scenario.hanging("/file="):
        job = scenario.submit(1, "paint", **body)
        scenario.client.wait(job.id, lambda seen: seen.get("progress", {}).get("stage") == "downloading")
        yield job
        scenario.until_hung_up(left)
    scenario.goes_on()
    assert len(scenario.times("posted", job)) == 1
    assert not scenario.stack.artifacts._folder(job.id).exists(), "no files are left"


Stage = Callable[..., AbstractContextManager[Placed]]
STAGES: Final[tuple[Stage, ...]] = (
    queued,
    parked,
    claimed,
    waiting_upstream,
    generating,
    fetching_a_preview,
    downloading,
)
#: Where the job ends by itself, and how: a parked one fails at once, since its time cannot come.
#: Each takes its whole deadline, so the middle ones are left to the long run.
OVERDUE: Final = [
    pytest.param(
        stage,
        "expired" if stage is queued else "failed",
        marks=() if stage in {queued, downloading} else pytest.mark.soak,
    )
    for stage in STAGES
    if stage is not parked
]


@pytest.fixture(scope="module", params=["6", *(pytest.param(old, marks=pytest.mark.soak) for old in ("5.50", "4.44"))])
def scenario(
    request: pytest.FixtureRequest, spaces: Spaces, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scenario]:
    folder = tmp_path_factory.mktemp("stages")
    mood, refusal = str(folder / "mood.json"), str(folder / "refusal")
    app = spaces.start(request.param, "ledger.py", SPACE_AT_ONCE="1", SPACE_MOOD=mood, SPACE_REFUSAL=refusal)
    config = folder / "providers.toml"
    # What is known of an app is kept for a while, by its address: the second one's is never asked for with success.
    cold = app.url.replace("127.0.0.1", "localhost")
    apps = (("draw", app.url, "/draw"), ("paint", app.url, "/paint"), ("cold", cold, "/draw"))
    config.write_text("".join(_PROVIDER.format(name=name, url=url, api_name=api) for name, url, api in apps))
    with Stack(folder / "stack", environ={"DARKROOM_CONFIG": str(config)}) as stack:
        stack.whole()
        app.wait()
        yield Scenario(stack, ApiClient(stack.url), app, folder)
    app.stop()


def promptly(once: Callable[[], float]) -> None:
    """Do it again where the machine was too busy to show it."""
    took = [once()]
    while took[-1] > PROMPT_SECONDS:
        assert len(took) < TRIES, f"took {took} s"
        took.append(once())


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.__name__)
def test_a_cancel_is_effective_within_two_seconds(scenario: Scenario, stage: Stage) -> None:
    def once() -> float:
        with stage(scenario) as job:
            asked = scenario.stack.store.now()
            scenario.client.cancel(job.id)
            (shown,) = scenario.client.wait_for_end([job.id])
            record = scenario.stack.job(job.id)
            assert (shown["status"], record.status) == ("canceled", "canceled")
            assert record.finished_at is not None
            if record.cancel_requested_at is not None:
                asked = record.cancel_requested_at
        assert scenario.client.get(job.id)["status"] == "canceled", "and stays so"
        assert not record.outputs
        return record.finished_at - asked

    promptly(once)


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.__name__)
def test_a_deleted_job_ends_within_two_seconds_at_the_upstream_too(scenario: Scenario, stage: Stage) -> None:
    def once() -> float:
        before = len(scenario.times("left"))
        with stage(scenario) as job:
            answer = scenario.client.http.delete(f"{scenario.client.url}/v1/jobs/{job.id}")
            asked = time.time()
            assert answer.status_code == 204
            assert scenario.client.http.get(f"{scenario.client.url}/v1/jobs/{job.id}").status_code == 410
        assert not list(scenario.stack.client.scan_iter(f"*{job.id}*"))
        ends = [*scenario.times("left")[before:], *scenario.times("stopped", job)]
        return max(ends, default=asked) - asked

    promptly(once)


@pytest.mark.parametrize(("stage", "end"), OVERDUE, ids=lambda value: getattr(value, "__name__", value))
def test_a_deadline_ends_a_job_within_two_seconds(scenario: Scenario, stage: Stage, end: str) -> None:
    def once() -> float:
        with stage(scenario, deadline_seconds=DEADLINE_SECONDS) as job:
            (shown,) = scenario.client.wait_for_end([job.id])
            record = scenario.stack.job(job.id)
            assert shown["status"] == end
            if end == "failed":
                assert shown["error"]["code"] == "deadline_exceeded"
            assert record.finished_at is not None
            assert record.deadline_at is not None
        return record.finished_at - record.deadline_at

    promptly(once)


def test_a_job_whose_deadline_is_before_the_end_of_its_rest_fails_at_once(scenario: Scenario) -> None:
    with parked(scenario, deadline_seconds=300) as job:
        seen = scenario.client.wait(job.id, lambda seen: seen["status"] in TERMINAL)
        assert (seen["status"], seen["error"]["code"]) == ("failed", "provider_quota")
