"""What a job's strategy does, over HTTP, with two real apps behind one model; each app's own log says what it was asked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final

import pytest

from jobs.record import keys
from jobs.scheduling import health
from jobs.scheduling.health_store import HealthStore
from tests.spaces.launcher import Space, Spaces, free_port
from tests.support.api_client import Client
from tests.support.processes import Process, Stack, wait_until

pytestmark = [pytest.mark.live, pytest.mark.acceptance]

#: What is promised, and how often a machine that is busy otherwise may try to show it.
PROMPT_SECONDS: Final = 2.0
TRIES: Final = 3
SLOW, FAST = "slow", "fast"
#: A call takes half a minute at one and two seconds at the other, unless a job says otherwise.
STEPS: Final = {SLOW: 300, FAST: 20}
#: Who is asked first for each model.
MODELS: Final = {"draw": (SLOW, FAST), "turned": (FAST, SLOW)}
_NUMBERS = count()

_PROVIDER: Final = """
[providers.{name}]
driver = "space"
url = "{url}"
space = ""
api_name = "/draw"
models = ["draw", "turned"]
concurrency = 8
parameters = {{ prompt = "", steps = {steps}, seconds = 0.1 }}
"""


@dataclass
class House:
    """A stack, and two apps that write down what reaches them."""

    stack: Stack
    client: Client
    spaces: Spaces
    apps: dict[str, Space]
    ports: dict[str, int]
    folder: Path
    worker: Process

    def submit(self, strategy: str, model: str = "draw", **given: Any) -> tuple[str, str]:
        """The id of a job, and the key by which the apps know it."""
        key = f"key{next(_NUMBERS)}"
        job = self.client.submit(model, input={"prompt": key, **given}, strategy=strategy)
        assert job["strategy"] == strategy
        return job["id"], key

    def seen(self, app: str, what: str, key: str) -> list[float]:
        """When an app noted this about a job."""
        notes: list[dict[str, Any]] = self.apps[app].notes()
        return [note["at"] for note in notes if (note["what"], note["key"]) == (what, key)]

    def start(self, app: str) -> None:
        """Start an app, always on the same port."""
        refusal = str(self.folder / f"{app}.refusal")
        self.apps[app] = self.spaces.start("6", "ledger.py", port=self.ports[app], SPACE_REFUSAL=refusal).wait()

    def until_both_run(self, key: str) -> None:
        wait_until(lambda: all(self.seen(app, "started", key) for app in self.apps), 30, "both apps work on it")

    def busy(self) -> list[int]:
        return [int(self.stack.client.scard(keys.busy(app))) for app in (SLOW, FAST)]


@pytest.fixture(scope="module")
def built(spaces: Spaces, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("strategies")
    ports = {SLOW: free_port(), FAST: free_port()}
    config = folder / "providers.toml"
    tables = [
        _PROVIDER.format(name=name, url=f"http://127.0.0.1:{port}", steps=STEPS[name]) for name, port in ports.items()
    ]
    tables += [f"[models.{model}]\nproviders = {list(order)}\n" for model, order in MODELS.items()]
    config.write_text("".join(tables))
    environ = {"DARKROOM_CONFIG": str(config), "DARKROOM_TEST_MODE": "on"}
    with Stack(folder / "house", lease_seconds=2, environ=environ) as stack:
        stack.scheduler()
        worker = stack.worker()
        stack.web()
        house = House(stack, Client(stack.url), spaces, {}, ports, folder, worker)
        for app in ports:
            house.start(app)
        yield house
        for space in house.apps.values():
            space.stop()


@pytest.fixture
def house(built: House) -> House:
    """The house, where no provider has ever taken longer than a moment: a hedge starts after a second."""

    def quick(record: health.Health, at: float) -> health.Health:
        for _ in range(health.SAMPLES):
            record = health.succeeded(record, 0.0, 0.3, at)
        return record

    for app in (SLOW, FAST):
        built.stack.client.delete(keys.provider(app))
        HealthStore(built.stack.store).update(app, quick)
    built.stack.store.serve({SLOW: 8, FAST: 8})
    return built


def ledger(job: dict[str, Any]) -> list[tuple[str, bool, str | None]]:
    return [(entry["provider"], entry.get("hedge", False), entry.get("outcome")) for entry in job["attempts"]]


def test_the_hedge_wins_and_the_slow_app_is_ended(house: House) -> None:
    asked = house.client.http.post(
        f"{house.client.url}/v1/jobs?dry_run=1", json={"model": "draw", "input": {"prompt": "x"}, "strategy": "hedge"}
    ).json()
    assert (asked["provider"], asked["fallbacks"], asked["hedge_after_seconds"]) == (SLOW, [FAST], 1.0)
    job_id, key = house.submit("hedge")
    (job,) = house.client.ended([job_id])
    assert ledger(job) == [(SLOW, False, "canceled"), (FAST, True, "succeeded")]
    assert job["attempts"][0]["notes"] == ["hedge lost: attempt 2 had its result first"]
    assert (job["provider"], job["input"]["steps"], len(job["outputs"])) == (FAST, STEPS[FAST], 1)
    wait_until(lambda: house.seen(SLOW, "stopped", key), 20, "the slow app stops")
    assert [len(house.seen(app, "posted", key)) for app in (SLOW, FAST)] == [1, 1]
    assert (house.seen(SLOW, "ended", key), house.busy()) == ([], [0, 0])
    # Late, nothing comes.
    version = house.stack.store.get(job_id).version
    time.sleep(1)
    assert house.stack.store.get(job_id).version == version
    shown = house.client.provider(SLOW)
    assert shown["state"] == "healthy", "it did not fail"


def test_the_first_wins_where_it_is_done_before_the_hedge(house: House) -> None:
    job_id, key = house.submit("hedge", "turned")
    (job,) = house.client.ended([job_id])
    assert ledger(job) == [(FAST, False, "succeeded"), (SLOW, True, "canceled")]
    wait_until(lambda: house.seen(SLOW, "stopped", key), 20, "the hedge stops")
    assert house.seen(SLOW, "ended", key) == []


def test_failover_and_single_ask_nobody_else_because_it_takes_long(house: House) -> None:
    jobs = [house.submit(strategy, steps=25) for strategy in ("failover", "single")]
    for job, (_, key) in zip(house.client.ended(job_id for job_id, _ in jobs), jobs, strict=True):
        assert ledger(job) == [(SLOW, False, "succeeded")]
        assert house.seen(FAST, "posted", key) == []


def test_where_the_first_app_dies_the_hedge_goes_on(house: House) -> None:
    job_id, key = house.submit("hedge", steps=40)
    house.until_both_run(key)
    house.apps[SLOW].stop()
    (job,) = house.client.ended([job_id])
    house.start(SLOW)
    assert ledger(job) == [(SLOW, False, "failed"), (FAST, True, "succeeded")]
    assert (job["provider"], job["attempts"][0]["error"]["code"]) == (FAST, "provider_unreachable")
    assert len(house.seen(FAST, "posted", key)) == 1


def test_a_cancel_ends_both_within_two_seconds(house: House) -> None:
    def once() -> float:
        job_id, key = house.submit("hedge", steps=300)
        house.until_both_run(key)
        house.client.cancel(job_id)
        (job,) = house.client.ended([job_id])
        record = house.stack.job(job_id)
        assert {entry["outcome"] for entry in job["attempts"]} == {"canceled"}
        for app in (SLOW, FAST):
            wait_until(lambda app=app: house.seen(app, "stopped", key), 20, f"{app} stops")  # type: ignore[misc]
            assert house.seen(app, "ended", key) == []
        assert house.busy() == [0, 0]
        assert record.finished_at is not None
        assert record.cancel_requested_at is not None
        stops = [house.seen(app, "stopped", key)[0] for app in (SLOW, FAST)]
        return max(record.finished_at, *stops) - record.cancel_requested_at

    took = [once()]
    while took[-1] > PROMPT_SECONDS:
        assert len(took) < TRIES, f"took {took} s"
        took.append(once())


def test_after_a_crash_with_both_open_the_next_attempt_ends_both(house: House) -> None:
    """The hedge's stream was never opened: its app sees nobody go, and would work on for nobody."""
    house.worker.kill()
    # The second time is after its POST was answered.
    doomed = house.stack.worker("doomed", DARKROOM_TEST_FAILPOINTS=f"after_checkpoint/{FAST}:kill@2")
    job_id, key = house.submit("hedge", steps=150)
    wait_until(lambda: not doomed.alive, 60, "the worker dies")
    house.worker = house.stack.worker("next")
    (job,) = house.client.ended([job_id], 90)
    assert ledger(job) == [(SLOW, False, "lost"), (FAST, True, "lost"), (SLOW, False, "succeeded")]
    assert [len(house.seen(app, "posted", key)) for app in (SLOW, FAST)] == [2, 1]
    assert len(house.seen(FAST, "stopped", key)) == 1, "taken back"
    assert [len(house.seen(SLOW, what, key)) for what in ("stopped", "ended")] == [1, 1]
    assert house.seen(FAST, "ended", key) == []
    assert house.busy() == [0, 0]


def test_a_worker_that_stops_hands_back_both(house: House) -> None:
    job_id, key = house.submit("hedge", steps=100)
    house.until_both_run(key)
    house.worker.popen.terminate()
    wait_until(lambda: "Warm shutdown" in house.worker.output, 30, "the worker stops")
    # A second signal ends its patience.
    house.worker.popen.terminate()
    assert house.worker.popen.wait(timeout=30) == 0
    record = house.stack.job(job_id)
    assert [entry.outcome for entry in record.attempts] == ["handed_back", "handed_back"]
    for app in (SLOW, FAST):
        wait_until(lambda app=app: house.seen(app, "stopped", key), 20, f"{app} stops")  # type: ignore[misc]
    house.worker = house.stack.worker("after")
    (job,) = house.client.ended([job_id])
    assert job["status"] == "succeeded"


def test_a_single_job_is_tried_again_only_where_it_began(house: House) -> None:
    refusal = house.folder / f"{SLOW}.refusal"
    refusal.write_text("You have exceeded your GPU quota (60s requested vs. 0s left). Try again in 0:00:02")
    job_id, key = house.submit("single", steps=2)
    other_id, other = house.submit("failover", steps=2)
    house.client.wait(job_id, lambda job: len(job["attempts"]) == 1 and job["status"] == "queued")
    refusal.unlink()
    job, moved = house.client.ended([job_id, other_id])
    assert ledger(job) == [(SLOW, False, "failed"), (SLOW, False, "succeeded")]
    assert ledger(moved)[-1] == (FAST, False, "succeeded")
    assert house.seen(FAST, "posted", key) == []
    assert len(house.seen(FAST, "posted", other)) == 1
