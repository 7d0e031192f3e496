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
from tests.support.api_client import TERMINAL, Client
from tests.support.processes import Stack, wait_until

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
class House:
    """A stack, and an app that runs one call at a time and writes down what reaches it."""

    stack: Stack
    client: Client
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
        (job,) = self.client.ended([self.submit(1).id])
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
        wait_until(lambda: len(self.times("left")) > before, 20, "the app sees that nobody waits any more")


# -- the stages: each brings a job there, and afterwards looks at the upstream's log ---------


@contextmanager
def queued(house: House, **body: Any) -> Iterator[Placed]:
    pauses = Pauses(house.stack.client)
    pauses.pause()
    job = house.submit(1, **body)
    house.client.waits(job.id, "paused")
    yield job
    pauses.resume()
    house.goes_on()
    assert not house.times("posted", job), "never submitted"


@contextmanager
def parked(house: House, **body: Any) -> Iterator[Placed]:
    refusal, provider = house.folder / "refusal", keys.provider("draw")
    refusal.write_text(QUOTA)
    job = house.submit(1, **body)
    wait_until(lambda: house.times("started", job), 20, "it was refused")
    if "deadline_seconds" not in body:
        house.client.waits(job.id, "provider_cooldown")
    yield job
    refusal.unlink()
    house.stack.client.hdel(provider, "until", "reason")
    if house.stack.client.zscore(keys.DUE, job.id) is not None:
        house.stack.client.zadd(keys.DUE, {job.id: 0})
    house.goes_on()
    assert len(house.times("posted", job)) == 1, "not submitted again"


@contextmanager
def claimed(house: House, **body: Any) -> Iterator[Placed]:
    """Before the POST: the worker asks the app what it can do, and gets no answer."""
    left = len(house.times("left"))
    with house.hanging("/config"):
        job = house.submit(1, "cold", **body)
        wait_until(lambda: house.client.get(job.id)["status"] != "queued", 20, "it is claimed")
        wait_until(lambda: len(house.times("hanging")) > left, 20, "it asks")
        yield job
        house.until_hung_up(left)
    house.goes_on()
    assert not house.times("posted", job), "never submitted"


@contextmanager
def waiting_upstream(house: House, **body: Any) -> Iterator[Placed]:
    first = house.submit(40 if "deadline_seconds" not in body else 10 * DEADLINE_SECONDS + 40)
    house.client.wait(first.id, lambda job: "preview" in job)
    job = house.submit(1, **body)
    house.client.waits(job.id, "upstream_queue")
    yield job
    assert house.client.ended([first.id])[0]["status"] == "succeeded", "nobody else is hurt"
    house.goes_on()
    assert len(house.times("posted", job)) == 1
    assert not house.times("started", job), "its turn never came"


@contextmanager
def generating(house: House, **body: Any) -> Iterator[Placed]:
    job = house.submit(300, **body)
    house.client.wait(job.id, lambda seen: "preview" in seen)
    yield job
    wait_until(lambda: house.times("stopped", job), 20, "the app stops")
    house.goes_on()
    assert not house.times("ended", job)
    assert len(house.times("posted", job)) == 1


@contextmanager
def fetching_a_preview(house: House, **body: Any) -> Iterator[Placed]:
    left = len(house.times("left"))
    with house.hanging("/file="):
        job = house.submit(1, **body)
        wait_until(lambda: len(house.times("hanging")) > left, 20, "it is asked for")
        yield job
        house.until_hung_up(left)
    house.goes_on()


@contextmanager
def downloading(house: House, **body: Any) -> Iterator[Placed]:
    left = len(house.times("left"))
    with house.hanging("/file="):
        job = house.submit(1, "paint", **body)
        house.client.wait(job.id, lambda seen: seen.get("progress", {}).get("stage") == "downloading")
        yield job
        house.until_hung_up(left)
    house.goes_on()
    assert len(house.times("posted", job)) == 1
    assert not house.stack.artifacts._folder(job.id).exists(), "no files are left"


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
OVERDUE: Final = [(stage, "expired" if stage is queued else "failed") for stage in STAGES if stage is not parked]


@pytest.fixture(scope="module", params=["6", *(pytest.param(old, marks=pytest.mark.soak) for old in ("5.50", "4.44"))])
def house(request: pytest.FixtureRequest, spaces: Spaces, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("stages")
    mood, refusal = str(folder / "mood.json"), str(folder / "refusal")
    app = spaces.start(request.param, "ledger.py", SPACE_AT_ONCE="1", SPACE_MOOD=mood, SPACE_REFUSAL=refusal).wait()
    config = folder / "providers.toml"
    # What is known of an app is kept for a while, by its address: the second one's is never asked for with success.
    cold = app.url.replace("127.0.0.1", "localhost")
    apps = (("draw", app.url, "/draw"), ("paint", app.url, "/paint"), ("cold", cold, "/draw"))
    config.write_text("".join(_PROVIDER.format(name=name, url=url, api_name=api) for name, url, api in apps))
    with Stack(folder / "house", environ={"DARKROOM_CONFIG": str(config)}) as stack:
        stack.scheduler()
        stack.worker()
        stack.web()
        yield House(stack, Client(stack.url), app, folder)
    app.stop()


def promptly(once: Callable[[], float]) -> None:
    """Do it again where the machine was too busy to show it."""
    took = [once()]
    while took[-1] > PROMPT_SECONDS:
        assert len(took) < TRIES, f"took {took} s"
        took.append(once())


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.__name__)
def test_a_cancel_is_effective_within_two_seconds(house: House, stage: Stage) -> None:
    def once() -> float:
        with stage(house) as job:
            asked = house.stack.store.now()
            house.client.cancel(job.id)
            (shown,) = house.client.ended([job.id])
            record = house.stack.job(job.id)
            assert (shown["status"], record.status) == ("canceled", "canceled")
            assert record.finished_at is not None
            if record.cancel_requested_at is not None:
                asked = record.cancel_requested_at
        assert house.client.get(job.id)["status"] == "canceled", "and stays so"
        assert not record.outputs
        return record.finished_at - asked

    promptly(once)


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.__name__)
def test_a_deleted_job_ends_within_two_seconds_at_the_upstream_too(house: House, stage: Stage) -> None:
    def once() -> float:
        before = len(house.times("left"))
        with stage(house) as job:
            answer = house.client.http.delete(f"{house.client.url}/v1/jobs/{job.id}")
            asked = time.time()
            assert answer.status_code == 204
            assert house.client.http.get(f"{house.client.url}/v1/jobs/{job.id}").status_code == 410
        left = [bytes(key).decode() for key in house.stack.client.scan_iter(f"*{job.id}*")]
        assert left == [keys.tombstone(job.id)]
        ends = [*house.times("left")[before:], *house.times("stopped", job)]
        return max(ends, default=asked) - asked

    promptly(once)


@pytest.mark.parametrize(("stage", "end"), OVERDUE, ids=lambda value: getattr(value, "__name__", value))
def test_a_deadline_ends_a_job_within_two_seconds(house: House, stage: Stage, end: str) -> None:
    def once() -> float:
        with stage(house, deadline_seconds=DEADLINE_SECONDS) as job:
            (shown,) = house.client.ended([job.id])
            record = house.stack.job(job.id)
            assert shown["status"] == end
            if end == "failed":
                assert shown["error"]["code"] == "deadline_exceeded"
            assert record.finished_at is not None
            assert record.deadline_at is not None
        return record.finished_at - record.deadline_at

    promptly(once)


def test_a_job_whose_deadline_is_before_the_end_of_its_rest_fails_at_once(house: House) -> None:
    with parked(house, deadline_seconds=300) as job:
        seen = house.client.wait(job.id, lambda seen: seen["status"] in TERMINAL)
        assert (seen["status"], seen["error"]["code"]) == ("failed", "provider_quota")
