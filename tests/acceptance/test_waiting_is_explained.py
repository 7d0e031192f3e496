"""Whatever a job waits for, it says so over HTTP, with what is known of when; and what can never run does not wait."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest

from cli.stack.redis_server import free_port
from jobs.record import keys
from jobs.scheduling.health_store import HealthStore
from jobs.scheduling.pauses import Pauses
from tests.spaces.launcher import Space, Spaces
from tests.support.api_client import ApiClient
from tests.support.processes import Stack

pytestmark = [pytest.mark.live, pytest.mark.acceptance]

SLOTS: Final = 2
QUOTA: Final = "You have exceeded your GPU quota (60s requested vs. 0s left). Try again in 0:09:48"

_PROVIDER: Final = """
[providers.{name}]
driver = "space"
url = "{url}"
api_name = "{api_name}"
models = ["{name}"]
concurrency = 8
enabled = {enabled}
parameters = {{ prompt = "", steps = 1, seconds = 0.1 }}
"""


@dataclass
class Scenario:
    """A stack with two slots, and an app that runs one call at a time."""

    stack: Stack
    client: ApiClient
    pauses: Pauses
    refusal: Path

    def echo(self, *script: str) -> str:
        return str(self.client.submit("echo", input={"prompt": "x", "script": list(script)})["id"])

    def draw(self, steps: int = 1, model: str = "draw", **body: Any) -> str:
        return str(self.client.submit(model, input={"prompt": "x", "steps": steps}, **body)["id"])


@pytest.fixture(scope="module")
def app(spaces: Spaces, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Space, Path]]:
    refusal = tmp_path_factory.mktemp("app") / "refusal"
    app = spaces.start("6", "ledger.py", SPACE_AT_ONCE="1", SPACE_REFUSAL=str(refusal)).wait()
    yield app, refusal
    app.stop()


@pytest.fixture(scope="module")
def running(app: tuple[Space, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    folder = tmp_path_factory.mktemp("waiting")
    space, refusal = app
    config = folder / "providers.toml"
    providers = (
        {"name": "draw", "url": space.url, "api_name": "/draw", "enabled": "true"},
        {"name": "away", "url": f"http://127.0.0.1:{free_port()}", "api_name": "/draw", "enabled": "true"},
        {"name": "other", "url": space.url, "api_name": "/nowhere", "enabled": "true"},
        {"name": "off", "url": space.url, "api_name": "/draw", "enabled": "false"},
    )
    config.write_text("".join(_PROVIDER.format(**provider) for provider in providers))
    environ = {"DARKROOM_CONFIG": str(config), "DARKROOM_WORKER_CONCURRENCY": str(SLOTS)}
    with Stack(folder / "stack", environ=environ) as stack:
        stack.whole()
        yield Scenario(stack, ApiClient(stack.url), Pauses(stack.connection), refusal)


@pytest.fixture
def scenario(running: Scenario) -> Iterator[Scenario]:
    """The stack, with nothing left over from one test to the next."""
    yield running
    running.refusal.unlink(missing_ok=True)
    ids = [job["id"] for job in running.client.http.get(f"{running.client.url}/v1/jobs?limit=100").json()["data"]]
    for job_id in ids:
        running.client.cancel(job_id)
    running.client.wait_for_end(ids)
    running.stack.client.hdel(keys.provider("draw"), "until", "reason")


def test_for_a_free_worker(scenario: Scenario) -> None:
    for _ in range(SLOTS):
        scenario.client.wait(scenario.echo("wait 60s"), lambda job: job["status"] == "running")
    ids = [scenario.echo("wait 1s", "image") for _ in range(3)]
    waits = [scenario.client.wait_for_reason(job_id, "workers_busy") for job_id in ids]
    assert [queue["position"] for queue in waits] == [1, 2, 3]
    assert all(queue["eta_seconds"] > 0 and "until" not in queue for queue in waits)
    assert waits[0]["eta_seconds"] < waits[2]["eta_seconds"]


def test_in_the_upstreams_own_queue(scenario: Scenario) -> None:
    scenario.client.wait(scenario.draw(200), lambda job: "preview" in job)
    queue = scenario.client.wait_for_reason(scenario.draw(), "upstream_queue")
    assert queue["upstream"]["rank"] == 0
    assert queue["upstream"]["size"] == 1
    assert queue["eta_seconds"] > 0


def test_for_the_end_of_a_cooldown(scenario: Scenario) -> None:
    scenario.refusal.write_text(QUOTA)
    first = scenario.draw()
    queue = scenario.client.wait_for_reason(first, "provider_cooldown")
    until = datetime.fromisoformat(queue["until"]).timestamp()
    assert until - scenario.stack.store.now() == pytest.approx(588, abs=60)
    assert queue["eta_seconds"] == pytest.approx(until - scenario.stack.store.now(), abs=60)
    # A later job is told the same without having asked.
    later = scenario.client.wait_for_reason(scenario.draw(), "provider_cooldown")
    # One is told by the job's own time, the other by its provider's: a worker takes them one after the other.
    assert datetime.fromisoformat(later["until"]).timestamp() == pytest.approx(until, abs=1)
    assert later["position"] == queue["position"] + 1


def test_for_an_app_that_is_not_there(scenario: Scenario) -> None:
    queue = scenario.client.wait_for_reason(scenario.draw(model="away"), "provider_waking")
    assert "until" in queue
    assert queue["eta_seconds"] > 0


def test_for_the_job_that_goes_first_after_a_cooldown(scenario: Scenario) -> None:
    HealthStore(scenario.stack.connection).rest("draw", scenario.stack.store.now() - 1, QUOTA)
    given = {"prompt": "x", "steps": 1, "seconds": 3}
    first = str(scenario.client.submit("draw", input=given)["id"])
    queue = scenario.client.wait_for_reason(scenario.draw(), "provider_waking")
    assert queue["eta_seconds"] > 0
    assert scenario.client.get(first)["status"] == "running"


def test_for_somebody_who_paused(scenario: Scenario) -> None:
    scenario.pauses.pause("draw")
    one = scenario.draw()
    assert scenario.client.wait_for_reason(one, "paused")["position"] == 1
    assert scenario.client.wait_for_end([scenario.echo("image")])[0]["status"] == "succeeded", "others are not"
    scenario.pauses.resume("draw")
    scenario.client.wait_for_end([one])
    scenario.pauses.pause()
    all_of_them = scenario.echo("image")
    scenario.client.wait_for_reason(all_of_them, "paused")
    scenario.pauses.resume()
    assert scenario.client.wait_for_end([all_of_them])[0]["status"] == "succeeded"


def test_for_a_provider_that_is_switched_off_meanwhile(scenario: Scenario) -> None:
    scenario.pauses.hold("draw", "disabled", by="tester")
    job = scenario.draw()
    scenario.client.wait_for_reason(job, "no_provider")
    scenario.pauses.resume("draw")
    assert scenario.client.wait_for_end([job])[0]["status"] == "succeeded"


NEVER: Final[dict[str, dict[str, Any]]] = {
    "an unknown model": {"model": "nothing", "input": {"prompt": "x"}},
    "an unknown provider": {"model": "draw", "provider": "nobody", "input": {"prompt": "x"}},
    "a provider that lacks the model": {"model": "draw", "provider": "echo", "input": {"prompt": "x"}},
    "a model whose one provider is off": {"model": "off", "input": {"prompt": "x"}},
    "an input that nobody takes": {"model": "draw", "input": {"prompt": "x", "steps": "many"}},
}


@pytest.mark.parametrize("what", NEVER)
def test_what_can_never_run_is_not_accepted(scenario: Scenario, what: str) -> None:
    answer = scenario.client.http.post(f"{scenario.client.url}/v1/jobs", json=NEVER[what])
    # What the operator could change is a refusal of the server's, and worth another try.
    assert answer.status_code in ({503} if "is off" in what else {404, 422}), answer.text
    assert answer.json()["detail"]


def test_what_turns_out_never_to_run_fails_at_once(scenario: Scenario) -> None:
    (job,) = scenario.client.wait_for_end([scenario.draw(model="other")])
    assert (job["status"], job["error"]["code"], len(job["attempts"])) == ("failed", "provider_changed", 1)
    scenario.refusal.write_text(QUOTA)
    (job,) = scenario.client.wait_for_end([scenario.draw(deadline_seconds=300)])
    assert (job["status"], job["error"]["code"], len(job["attempts"])) == ("failed", "provider_quota", 1)
