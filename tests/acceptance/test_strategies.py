"""What a job's strategy does, over HTTP, with two real apps behind one model; each app's own log says what it was asked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final

import pytest

from cli.stack.redis_server import free_port
from jobs.record import keys
from jobs.scheduling import health
from jobs.scheduling.health_store import HealthStore
from jobs.scheduling.provider_states import ProviderStates
from tests.spaces.launcher import Space, Spaces
from tests.support.api_client import ApiClient
from tests.support.eventually import eventually
from tests.support.processes import Process, Stack

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
class Scenario:
    """A stack, and two apps that write down what reaches them."""

    stack: Stack
    client: ApiClient
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

    def start(self, *apps: str) -> None:
        """Start apps, always on the same ports."""
        for app in apps:
            refusal = str(self.folder / f"{app}.refusal")
            self.apps[app] = self.spaces.start("6", "ledger.py", port=self.ports[app], SPACE_REFUSAL=refusal)
        for app in apps:
            self.apps[app].wait()

    def until_both_run(self, key: str) -> None:
        eventually(lambda: all(self.seen(app, "started", key) for app in self.apps), "both apps work on it")

    def has_stopped(self, app: str, key: str) -> bool:
        """Whether an app stops its work on a job within a moment."""
        try:
            eventually(lambda: self.seen(app, "stopped", key), within=8)
        except AssertionError:
            return False
        return True

    def busy(self) -> list[int]:
        return [int(self.stack.client.scard(keys.busy(app))) for app in (SLOW, FAST)]


@pytest.fixture(scope="module")
def built(spaces: Spaces, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    folder = tmp_path_factory.mktemp("strategies")
    ports = {SLOW: free_port(), FAST: free_port()}
    config = folder / "providers.toml"
    tables = [
        _PROVIDER.format(name=name, url=f"http://127.0.0.1:{port}", steps=STEPS[name]) for name, port in ports.items()
    ]
    tables += [f"[models.{model}]\nproviders = {list(order)}\n" for model, order in MODELS.items()]
    config.write_text("".join(tables))
    environ = {"DARKROOM_CONFIG": str(config), "DARKROOM_TEST_MODE": "on"}
    with Stack(folder / "stack", lease_seconds=2, environ=environ) as stack:
        worker = stack.whole()
        scenario = Scenario(stack, ApiClient(stack.url), spaces, {}, ports, folder, worker)
        scenario.start(*ports)
        yield scenario
        for space in scenario.apps.values():
            space.stop()


@pytest.fixture
def scenario(built: Scenario) -> Scenario:
    """The service, where no provider has ever taken longer than a moment: a hedge starts after a second."""

    def quick(record: health.Health, at: float) -> health.Health:
        for _ in range(health.SAMPLES):
            record = health.succeeded(record, 0.0, 0.3, at)
        return record

    for app in (SLOW, FAST):
        built.stack.client.delete(keys.provider(app))
        HealthStore(built.stack.connection).update(app, quick)
    ProviderStates(built.stack.connection).announce({SLOW: 8, FAST: 8})
    return built


def ledger(job: dict[str, Any]) -> list[tuple[str, bool, str | None]]:
    return [(entry["provider"], entry.get("hedge", False), entry.get("outcome")) for entry in job["attempts"]]


def test_the_hedge_wins_and_the_slow_app_is_ended(scenario: Scenario) -> None:
    asked = scenario.client.http.post(
        f"{scenario.client.url}/v1/jobs?dry_run=1",
        json={"model": "draw", "input": {"prompt": "x"}, "strategy": "hedge"},
    ).json()
    assert (asked["provider"], asked["fallbacks"], asked["hedge_after_seconds"]) == (SLOW, [FAST], 1.0)
    job_id, key = scenario.submit("hedge")
    (job,) = scenario.client.wait_for_end([job_id])
    assert ledger(job) == [(SLOW, False, "canceled"), (FAST, True, "succeeded")]
    assert job["attempts"][0]["notes"] == ["hedge lost: attempt 2 had its result first"]
    assert (job["provider"], job["input"]["steps"], len(job["outputs"])) == (FAST, STEPS[FAST], 1)
    eventually(lambda: scenario.seen(SLOW, "stopped", key), "the slow app stops", within=20)
    assert [len(scenario.seen(app, "posted", key)) for app in (SLOW, FAST)] == [1, 1]
    assert (scenario.seen(SLOW, "ended", key), scenario.busy()) == ([], [0, 0])
    # Late, nothing comes.
    version = scenario.stack.store.get(job_id).version
    time.sleep(1)
    assert scenario.stack.store.get(job_id).version == version
    shown = scenario.client.provider(SLOW)
    assert shown["state"] == "healthy", "it did not fail"


def test_the_first_wins_where_it_is_done_before_the_hedge(scenario: Scenario) -> None:
    job_id, key = scenario.submit("hedge", "turned")
    (job,) = scenario.client.wait_for_end([job_id])
    assert ledger(job) == [(FAST, False, "succeeded"), (SLOW, True, "canceled")]
    eventually(lambda: scenario.seen(SLOW, "stopped", key), "the hedge stops", within=20)
    assert scenario.seen(SLOW, "ended", key) == []


def test_failover_and_single_ask_nobody_else_because_it_takes_long(scenario: Scenario) -> None:
    jobs = [scenario.submit(strategy, steps=25) for strategy in ("failover", "single")]
    for job, (_, key) in zip(scenario.client.wait_for_end(job_id for job_id, _ in jobs), jobs, strict=True):
        assert ledger(job) == [(SLOW, False, "succeeded")]
        assert scenario.seen(FAST, "posted", key) == []


def test_where_the_first_app_dies_the_hedge_goes_on(scenario: Scenario) -> None:
    job_id, key = scenario.submit("hedge", steps=40)
    scenario.until_both_run(key)
    scenario.apps[SLOW].stop()
    (job,) = scenario.client.wait_for_end([job_id])
    scenario.start(SLOW)
    assert ledger(job) == [(SLOW, False, "failed"), (FAST, True, "succeeded")]
    assert (job["provider"], job["attempts"][0]["error"]["code"]) == (FAST, "provider_unreachable")
    assert len(scenario.seen(FAST, "posted", key)) == 1


def test_a_cancel_ends_both_within_two_seconds(scenario: Scenario) -> None:
    def once() -> float:
        job_id, key = scenario.submit("hedge", steps=300)
        scenario.until_both_run(key)
        scenario.client.cancel(job_id)
        (job,) = scenario.client.wait_for_end([job_id])
        record = scenario.stack.job(job_id)
        assert {entry["outcome"] for entry in job["attempts"]} == {"canceled"}
        for app in (SLOW, FAST):
            eventually(lambda app=app: scenario.seen(app, "stopped", key), f"{app} stops", within=20)  # type: ignore[misc]
            assert scenario.seen(app, "ended", key) == []
        assert scenario.busy() == [0, 0]
        assert record.finished_at is not None
        assert record.cancel_requested_at is not None
        stops = [scenario.seen(app, "stopped", key)[0] for app in (SLOW, FAST)]
        return max(record.finished_at, *stops) - record.cancel_requested_at

    took = [once()]
    while took[-1] > PROMPT_SECONDS:
        assert len(took) < TRIES, f"took {took} s"
        took.append(once())


def test_after_a_crash_with_both_open_the_next_attempt_ends_both(scenario: Scenario) -> None:
    """The hedge's stream was never opened: its app sees nobody go, and would work on for nobody."""
    scenario.worker.kill()
    # The second time is after its POST was answered.
    doomed = scenario.stack.worker("doomed", DARKROOM_TEST_FAILPOINTS=f"after_checkpoint/{FAST}:kill@2")
    job_id, key = scenario.submit("hedge", steps=150)
    eventually(lambda: not doomed.alive, "the worker dies", within=60)
    scenario.worker = scenario.stack.worker("next")
    (job,) = scenario.client.wait_for_end([job_id], 90)
    assert ledger(job) == [(SLOW, False, "lost"), (FAST, True, "lost"), (SLOW, False, "succeeded")]
    assert [len(scenario.seen(app, "posted", key)) for app in (SLOW, FAST)] == [2, 1]
    assert len(scenario.seen(FAST, "stopped", key)) == 1, "taken back"
    assert [len(scenario.seen(SLOW, what, key)) for what in ("stopped", "ended")] == [1, 1]
    assert scenario.seen(FAST, "ended", key) == []
    assert scenario.busy() == [0, 0]


def test_a_worker_that_stops_hands_back_both(scenario: Scenario) -> None:
    def once() -> bool:
        job_id, key = scenario.submit("hedge", steps=100)
        scenario.until_both_run(key)
        scenario.worker.popen.terminate()
        eventually(lambda: "Warm shutdown" in scenario.worker.output, "the worker stops")
        # A second signal ends its patience.
        scenario.worker.popen.terminate()
        assert scenario.worker.popen.wait(timeout=30) == 0
        record = scenario.stack.job(job_id)
        assert [entry.outcome for entry in record.attempts] == ["handed_back", "handed_back"]
        # Before the next worker starts: what is handed back was ended at its app.
        seen = [scenario.has_stopped(app, key) for app in (SLOW, FAST)]
        scenario.worker = scenario.stack.worker("after")
        (job,) = scenario.client.wait_for_end([job_id])
        assert job["status"] == "succeeded"
        return all(seen)

    # An app that does not answer a cancel in time is left to the next attempt.
    assert any(once() for _ in range(TRIES))


def test_a_single_job_is_tried_again_only_where_it_began(scenario: Scenario) -> None:
    refusal = scenario.folder / f"{SLOW}.refusal"
    refusal.write_text("You have exceeded your GPU quota (60s requested vs. 0s left). Try again in 0:00:02")
    job_id, key = scenario.submit("single", steps=2)
    other_id, other = scenario.submit("failover", steps=2)
    scenario.client.wait(job_id, lambda job: len(job["attempts"]) == 1 and job["status"] == "queued")
    scenario.client.wait(other_id, lambda job: (FAST, False) in [entry[:2] for entry in ledger(job)])
    refusal.unlink()
    job, moved = scenario.client.wait_for_end([job_id, other_id])
    assert ledger(job) == [(SLOW, False, "failed"), (SLOW, False, "succeeded")]
    assert ledger(moved)[-1] == (FAST, False, "succeeded")
    assert scenario.seen(FAST, "posted", key) == []
    assert len(scenario.seen(FAST, "posted", other)) == 1
