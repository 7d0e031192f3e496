"""A provider whose quota is used up, or whose app has changed: others do the work, it is left alone, what waits says why."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import pytest

from cli.stack.redis_server import free_port
from jobs.record import keys
from tests.spaces.launcher import Space, Spaces
from tests.support.api_client import ApiClient
from tests.support.eventually import eventually
from tests.support.processes import Stack

pytestmark = [pytest.mark.live, pytest.mark.acceptance]

QUOTA = "You have exceeded your GPU quota (60s requested vs. 0s left). Try again in 0:09:48"
REST_SECONDS = 588.0
SLOTS = 8
SPENT, SOUND = "blackforestlabs-flux1-schnell", "voodoohop-flux1-schnell"


def submit(client: ApiClient, count: int, provider: str | None = None, **body: Any) -> list[str]:
    """Submit so many small jobs, and give their ids."""
    given = {"width": 64, "height": 64, "num_inference_steps": 4}
    return [
        client.submit("flux-schnell", provider, input={"prompt": f"fox {n}", **given}, **body)["id"]
        for n in range(count)
    ]


@dataclass
class Scenario:
    """A stack with 8 slots and two apps behind ``flux-schnell``, of which the first can be told to refuse."""

    stack: Stack
    client: ApiClient
    spent: Space
    sound: Space
    refusal: Path
    before: int

    @property
    def asked(self) -> int:
        """Calls that have reached the first app in this test, by its own log."""
        return len(self.spent.notes()) - self.before

    def submit(self, count: int, provider: str | None = None, **body: Any) -> list[str]:
        return submit(self.client, count, provider, **body)

    def until(self) -> float:
        """When the rest of the first provider ends, as the API tells."""
        eventually(lambda: "cooldown" in self.client.provider(SPENT), "it rests")
        shown = self.client.provider(SPENT)
        assert shown["state"] == "resting"
        # Not the app's text: it may hold what another key's job said.
        assert shown["cooldown"]["reason"] == "The provider's quota is used up"
        return datetime.fromisoformat(shown["cooldown"]["until"]).timestamp()

    def time_passes(self, seconds: float) -> None:
        """Move what is stored about the future nearer: the same as a clock that goes ahead."""
        redis = self.stack.client
        redis.hincrby(keys.provider(SPENT), "until", -round(seconds * 1000))
        for job_id in cast("list[bytes]", redis.zrange(keys.DUE, 0, -1)):
            redis.zincrby(keys.DUE, -seconds * 1000, job_id)


@pytest.fixture(scope="module")
def apps(spaces: Spaces, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Space, Space, Path]]:
    """The two apps, and the file that makes the first one refuse."""
    refusal = tmp_path_factory.mktemp("apps") / "refusal"
    spent = spaces.start("6", "flux_schnell.py", SPACE_REFUSAL=str(refusal), SPACE_STEP_SECONDS="0.01")
    sound = spaces.start("6", "flux_schnell.py", SPACE_STEP_SECONDS="0.01")
    yield spent.wait(), sound.wait(), refusal
    spent.stop()
    sound.stop()


@contextmanager
def service(folder: Path, spent: str, sound: str) -> Iterator[Stack]:
    """A stack with these apps behind the first two providers of ``flux-schnell``, and no third."""
    config = folder / "providers.toml"
    config.write_text(
        f'[providers.{SPENT}]\nurl = "{spent}"\nspace = "somebody/schnell"\n'
        f'[providers.{SOUND}]\nurl = "{sound}"\nspace = ""\n[providers.g4f]\nenabled = false\n'
    )
    environ = {"DARKROOM_CONFIG": str(config), "DARKROOM_WORKER_CONCURRENCY": str(SLOTS)}
    with Stack(folder / "stack", environ=environ) as stack:
        stack.whole()
        yield stack


@pytest.fixture(scope="module")
def served(apps: tuple[Space, Space, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with these apps, for all tests but one."""
    spent, sound, _ = apps
    with service(tmp_path_factory.mktemp("failover"), spent.url, sound.url) as stack:
        yield stack


@pytest.fixture(scope="module")
def fresh(served: Stack) -> dict[str, Any]:
    """What Redis holds about the two providers before any job ran on them."""
    names = (SPENT, SOUND)
    eventually(lambda: all(served.client.exists(keys.provider(name)) for name in names), "both are served")
    return {name: served.client.hgetall(keys.provider(name)) for name in names}


@pytest.fixture
def scenario(served: Stack, fresh: dict[str, Any], apps: tuple[Space, Space, Path]) -> Iterator[Scenario]:
    """The first app refuses; no job has ever run on either of them, and no job waits."""
    spent, sound, refusal = apps
    refusal.write_text(QUOTA)
    for name, fields in fresh.items():
        served.client.delete(keys.provider(name))
        served.client.hset(keys.provider(name), mapping=fields)
    client = ApiClient(served.url)
    yield Scenario(served, client, spent, sound, refusal, len(spent.notes()))
    for job in client.http.get(f"{client.url}/v1/jobs", params={"status": "queued"}).json()["data"]:
        client.cancel(job["id"])


def test_every_job_succeeds_elsewhere_and_one_for_each_rest_asks_the_exhausted(scenario: Scenario) -> None:
    jobs = scenario.client.wait_for_end(scenario.submit(30))
    assert [(job["status"], job["provider"]) for job in jobs] == [("succeeded", SOUND)] * 30
    assert scenario.asked == 1, "one submission for this rest"
    tried = [job for job in jobs if len(job["attempts"]) > 1]
    assert [[(a["provider"], a["outcome"]) for a in job["attempts"]] for job in tried] == [
        [(SPENT, "failed"), (SOUND, "succeeded")]
    ]
    assert tried[0]["attempts"][0]["error"]["code"] == "provider_quota"
    assert tried[0]["attempts"][0]["error"]["retry_after"] == REST_SECONDS
    assert scenario.until() - time.time() == pytest.approx(REST_SECONDS, abs=60)

    # The rest is over, the quota is not: again one asks, and the others go on.
    scenario.time_passes(REST_SECONDS)
    jobs = scenario.client.wait_for_end(scenario.submit(16))
    assert {job["status"] for job in jobs} == {"succeeded"}
    assert scenario.asked == 2
    scenario.until()

    # The rest is over, and so is the trouble: it gets jobs again, as many as its speed makes worth while.
    scenario.refusal.unlink()
    scenario.time_passes(REST_SECONDS)
    jobs = scenario.client.wait_for_end(scenario.submit(16))
    assert {job["status"] for job in jobs} == {"succeeded"}
    assert SPENT in {job["provider"] for job in jobs}
    assert "cooldown" not in scenario.client.provider(SPENT)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_many_slots_of_several_workers_ask_once_for_each_rest_too(scenario: Scenario) -> None:
    scenario.stack.worker("second", DARKROOM_WORKER_CONCURRENCY="24")
    scenario.stack.scheduler("second-scheduler")
    clients = [ApiClient(scenario.stack.url) for _ in range(8)]
    for rests in range(1, 6):
        with ThreadPoolExecutor(len(clients)) as pool:
            ids = [job_id for found in pool.map(lambda client: submit(client, 10), clients) for job_id in found]
        jobs = scenario.client.wait_for_end(ids, seconds=300)
        assert [(job["status"], job["provider"]) for job in jobs] == [("succeeded", SOUND)] * 80
        assert scenario.asked == rests
        scenario.until()
        scenario.time_passes(REST_SECONDS)


def test_with_that_provider_alone_jobs_wait_and_say_until_when(scenario: Scenario) -> None:
    ids = scenario.submit(12, SPENT)
    until = scenario.until()
    for job_id in ids:
        queue = scenario.client.wait_for_reason(job_id, "provider_cooldown")
        assert datetime.fromisoformat(queue["until"]).timestamp() == pytest.approx(until, abs=1)
        assert REST_SECONDS - 60 < queue["eta_seconds"] < REST_SECONDS + 60
        assert queue["position"] >= 0
    assert scenario.asked == 1
    assert sorted(len(scenario.client.get(job_id).get("attempts", [])) for job_id in ids) == [0] * 11 + [1]

    scenario.time_passes(REST_SECONDS)
    eventually(lambda: scenario.asked == 2, "one asks whether it is over")
    scenario.until()
    for job_id in ids:
        scenario.client.wait_for_reason(job_id, "provider_cooldown")
    assert scenario.asked == 2, "and no more than one"

    scenario.refusal.unlink()
    scenario.time_passes(REST_SECONDS)
    jobs = scenario.client.wait_for_end(ids)
    assert [(job["status"], job["provider"]) for job in jobs] == [("succeeded", SPENT)] * 12
    assert scenario.asked == 14


def test_a_token_has_a_quota_of_its_own(scenario: Scenario) -> None:
    ours = scenario.submit(2, SPENT)
    until = scenario.until()
    # It does not wait for ours; but with a token whose quota is used up, nobody else asks either.
    mine = scenario.submit(4, SPENT, credentials={"hf_token": "hf_mine"})
    for job_id in mine:
        queue = scenario.client.wait_for_reason(job_id, "provider_cooldown")
        assert datetime.fromisoformat(queue["until"]).timestamp() >= until
    assert scenario.asked == 2
    scenario.refusal.unlink()
    others = scenario.client.wait_for_end(scenario.submit(4, SPENT, credentials={"hf_token": "hf_other"}))
    assert [job["status"] for job in others] == ["succeeded"] * 4
    assert scenario.asked == 6
    for job_id in (*ours, *mine):
        # Each web process may look at the providers a second later than the other.
        scenario.client.wait_for_reason(job_id, "provider_cooldown", 5)


@pytest.mark.soak  # tests/integration/worker/test_prober.py shows the probe in each run
def test_an_app_that_renames_a_parameter_gets_no_job_that_would_fail_on_it(
    spaces: Spaces, apps: tuple[Space, Space, Path], tmp_path: Path
) -> None:
    port = free_port()
    app = spaces.start("6", "flux_schnell.py", port=port)
    with service(tmp_path, app.url, apps[1].url) as stack:
        app.wait()
        client = ApiClient(stack.url)

        def probed() -> None:
            # Once a minute is too seldom for a test.
            stack.client.delete(keys.probed(SPENT))

        def shown(state: str) -> bool:
            return bool(client.provider(SPENT)["state"] == state)

        (job,) = client.wait_for_end(submit(client, 1, SPENT))
        assert job["status"] == "succeeded", "it is in use"
        probed()
        eventually(lambda: "signature" in client.provider(SPENT), "it was looked at")
        assert shown("healthy")

        app.stop()
        app = spaces.start("6", "flux_schnell.py", port=port, SPACE_RENAMED="1").wait()
        probed()
        eventually(lambda: shown("degraded"), "the change is noticed before a job fails on it")
        provider = client.provider(SPENT)
        assert provider["reason"] == "signature_changed"
        assert "prompt" in provider["signature"]["change"]
        assert provider["signature"]["changed_at"]
        jobs = client.wait_for_end(submit(client, 8))
        assert [(job["status"], job["provider"], len(job["attempts"])) for job in jobs] == [("succeeded", SOUND, 1)] * 8
        assert app.notes() == []

        app.stop()
        app = spaces.start("6", "flux_schnell.py", port=port).wait()
        probed()
        eventually(lambda: shown("healthy"), "it is as it was")
        assert "change" not in client.provider(SPENT)["signature"]
        # Which of the two is chosen now is a matter of speed, and so of this machine.
        assert stack.client.hget(keys.provider(SPENT), "shun") == b""
        (job,) = client.wait_for_end(submit(client, 1, SPENT))
        assert job["status"] == "succeeded"
    app.stop()
