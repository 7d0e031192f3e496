"""A dry run, and the plan behind it."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from flask.testing import FlaskClient
from msgspec.structs import replace

from jobs.model import Job, Strategy
from jobs.record.leases import Leases
from jobs.record.types import Overview
from jobs.scheduling.health import UNMEASURED_HEDGE_SECONDS, Health, succeeded
from jobs.scheduling.health_store import HealthStore
from jobs.scheduling.plan import plan
from jobs.scheduling.waiting import ProviderView, Situation
from providers.echo.painting import paint
from web.services import Services

AT = 1000.0
IDLE = Overview(workers={"w": 2})
JOB = Job(id="job_", owner="o", user="o", model="m", route=("a", "b"), given={}, input={}, created_at=AT)


def made(
    *, overview: Overview = IDLE, paused: bool = False, **providers: ProviderView
) -> tuple[str | None, str | None]:
    found = plan(JOB, Situation(providers=providers, slots=2, paused=paused), overview, AT)
    return found.provider, None if found.waiting is None else found.waiting.reason


def test_the_first_with_room_takes_it_at_once() -> None:
    assert made(a=ProviderView(), b=ProviderView()) == ("a", None)
    assert made(a=ProviderView(busy=1, limit=1), b=ProviderView()) == ("b", None)
    assert made(a=ProviderView(paused=True), b=ProviderView()) == ("b", None)
    assert made(a=ProviderView(blocked_until=AT + 9), b=ProviderView()) == ("b", None)


def test_a_much_faster_one_is_taken_before_it() -> None:
    assert made(a=ProviderView(run_seconds=30), b=ProviderView(run_seconds=10)) == ("b", None)
    assert made(a=ProviderView(run_seconds=12), b=ProviderView(run_seconds=10)) == ("a", None)


def test_the_reason_to_wait_is_said() -> None:
    assert made(overview=Overview(workers={})) == (None, "no_provider")
    assert made(overview=Overview(workers={"w": 2}, running=2), a=ProviderView()) == ("a", "workers_busy")
    assert made(a=ProviderView(busy=1, limit=1)) == ("a", "workers_busy")
    assert made(paused=True, a=ProviderView()) == ("a", "paused")
    assert made(a=ProviderView(blocked_until=AT + 90), b=ProviderView(blocked_until=AT + 9)) == (
        "b",
        "provider_cooldown",
    )


def test_the_estimate_is_that_of_the_provider() -> None:
    quick = plan(JOB, Situation(providers={"a": ProviderView(run_seconds=3.14)}, slots=2), IDLE, AT)
    assert quick.eta_seconds == 3.1
    later = plan(JOB, Situation(providers={"a": ProviderView(blocked_until=AT + 60, run_seconds=3)}, slots=2), IDLE, AT)
    assert later.eta_seconds == 63


def test_the_plan_says_what_the_strategy_means() -> None:
    situation = Situation(providers={"a": ProviderView(hedge_after=12.34), "b": ProviderView()}, slots=2)

    def found(strategy: Strategy, route: tuple[str, ...] = ("a", "b")) -> tuple[tuple[str, ...], float | None]:
        made = plan(replace(JOB, strategy=strategy, route=route), situation, IDLE, AT)
        return made.fallbacks, made.hedge_after

    assert found("failover") == (("b",), None)
    assert found("single") == ((), None)
    assert found("hedge") == (("b",), 12.3)
    assert found("hedge", ("b", "a")) == (("a",), UNMEASURED_HEDGE_SECONDS)
    assert found("hedge", ("a",)) == ((), None), "nobody could be the hedge"
    assert found("hedge", ("gone",)) == ((), None)


def ask(client: FlaskClient, body: Any, query: str = "dry_run=1") -> Any:
    return client.post(f"/v1/jobs?{query}", json=body, headers={"Idempotency-Key": "k"})


def test_a_dry_run_answers_what_would_be_and_writes_nothing(client: FlaskClient, services: Services) -> None:
    Leases(services.connection).beat("w", 2, 60, [])
    before = {key: services.connection.client.dump(key) for key in services.connection.client.scan_iter()}
    answer = ask(client, {"model": "echo", "input": {"prompt": "x", "seed": 7}, "credentials": {"api_key": "canary"}})
    assert answer.status_code == 200
    assert answer.get_json() == {
        "object": "plan",
        "model": "echo",
        "strategy": "failover",
        "provider": "echo",
        "fallbacks": [],
        "route": ["echo"],
        "input": {"prompt": "x", "seed": 7, "width": 512, "height": 512},
        "eta_seconds": 10.0,
    }
    counted = {b"dr:rate:submit:local", b"dr:rate:input:local"}
    assert {
        key: services.connection.client.dump(key)
        for key in services.connection.client.scan_iter()
        if key not in counted
    } == before


def test_a_dry_run_shows_the_input_of_the_provider_that_would_take_it(client: FlaskClient, services: Services) -> None:
    Leases(services.connection).beat("w", 2, 60, [])
    HealthStore(services.connection).rest(
        "blackforestlabs-flux1-schnell", services.store.now() + 600, "provider_cooldown"
    )
    plan = ask(client, {"model": "flux-schnell", "input": {"prompt": "x"}}).get_json()
    assert (plan["route"][0], plan["provider"]) == ("blackforestlabs-flux1-schnell", "voodoohop-flux1-schnell")


def test_a_dry_run_of_a_hedge_says_whom_and_when(client: FlaskClient, services: Services) -> None:
    Leases(services.connection).beat("w", 2, 60, [])

    def measured(health: Health, at: float) -> Health:
        for seconds in range(1, 21):
            health = succeeded(health, 0.5, seconds, at)
        return health

    HealthStore(services.connection).update("blackforestlabs-flux1-schnell", measured)
    plan = ask(client, {"model": "flux-schnell", "input": {"prompt": "x"}, "strategy": "hedge"}).get_json()
    assert plan["strategy"] == "hedge"
    assert (plan["provider"], plan["fallbacks"]) == (plan["route"][0], plan["route"][1:])
    assert plan["hedge_after_seconds"] == 19.5


def test_a_dry_run_says_what_the_job_would_wait_for(client: FlaskClient) -> None:
    plan = ask(client, {"model": "echo", "input": {}}).get_json()
    assert plan["reason"] == "workers_busy"
    assert "eta_seconds" not in plan


def test_a_picture_comes_back_as_its_hash(client: FlaskClient, services: Services) -> None:
    uri = f"data:image/png;base64,{base64.b64encode(paint('x', 1, 64, 64)).decode()}"
    plan = ask(client, {"model": "janus-pro-7b", "input": {"prompt": "what?", "image": uri}}).get_json()
    assert plan["input"]["image"].startswith("sha256:")
    assert not list(services.settings.artifacts_dir.rglob("*"))


@pytest.mark.parametrize(
    ("query", "status"),
    [("dry_run=0", 202), ("dry_run=2", 422), ("dry_run=", 422), ("dry_run=1&dry_run=1", 422), ("dryrun=1", 422)],
)
def test_other_values_are_no_dry_run(client: FlaskClient, query: str, status: int) -> None:
    assert ask(client, {"model": "echo", "input": {}}, query).status_code == status


def test_a_dry_run_refuses_what_a_submission_would(client: FlaskClient) -> None:
    assert ask(client, {"model": "echo", "input": {"width": 9999}}).status_code == 422
    assert ask(client, {"model": "nothing", "input": {}}).status_code == 404
