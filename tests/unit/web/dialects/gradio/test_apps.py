"""Which app a path is, what a client is told of it, and what is no app."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobs.record import keys
from providers.discovery import signature as signatures
from tests.support import gradio_apps
from tests.support.fake_worker import FakeWorker
from web.dialects.gradio import signatures as kept
from web.services import Services

API = f"/gradio/{gradio_apps.MODEL}/gradio_api"


@pytest.mark.parametrize("name", [gradio_apps.MODEL, "flux-schnell", gradio_apps.PROVIDER])
@pytest.mark.usefixtures("known")
def test_the_configuration_is_what_clients_need(client: FlaskClient, name: str) -> None:
    config = client.get(f"/gradio/{name}/config").get_json()
    assert (config["version"], config["protocol"], config["api_prefix"]) == ("6.0.0+darkroom", "sse_v3", "/gradio_api")
    assert config["connect_heartbeat"] is False
    (function,) = config["dependencies"]
    assert (function["id"], function["api_name"]) == (2, "infer")
    types = {component["id"]: component["type"] for component in config["components"]}
    assert [types[number] for number in function["inputs"]] == [
        "textbox",
        "slider",
        "checkbox",
        "slider",
        "slider",
        "slider",
    ]
    assert [types[number] for number in function["outputs"]] == ["image", "slider"]
    # The address that the client has is the right one.
    assert "root" not in config


@pytest.mark.parametrize("prefix", ["/gradio_api", ""])
@pytest.mark.usefixtures("known")
def test_the_functions_are_told_with_their_defaults(client: FlaskClient, prefix: str) -> None:
    told = client.get(f"/gradio/flux-schnell{prefix}/info?serialize=False").get_json()["named_endpoints"]["/infer"]
    parameters = [
        (one["parameter_name"], one["parameter_has_default"], one["parameter_default"], one["python_type"]["type"])
        for one in told["parameters"]
    ]
    assert parameters == [
        ("prompt", False, None, "str"), ("seed", True, 0, "float"), ("randomize_seed", True, True, "bool"),
        ("width", True, 1024, "float"), ("height", True, 1024, "float"), ("num_inference_steps", True, 4, "float"),
    ]  # fmt: skip
    assert [one["component"] for one in told["returns"]] == ["Image", "Slider"]


@pytest.mark.parametrize(
    ("name", "words"),
    [("steam", "no model and no provider"), ("echo", "use POST /v1/jobs"), ("g4f", "use POST /v1/jobs")],
)
def test_what_is_no_app_says_so(client: FlaskClient, name: str, words: str) -> None:
    answer = client.get(f"/gradio/{name}/config")
    assert (answer.status_code, words in answer.get_json()["detail"]) == (404, True), answer.text


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The provider of each app that was asked; every app answers."""
    found: list[str] = []

    def signature(driver: Any, control: object) -> tuple[signatures.Function, ...]:
        found.append(driver.spec.name)
        return (gradio_apps.INFER,)

    monkeypatch.setattr(kept, "signature", signature)
    monkeypatch.setattr(kept, "_asked", {})
    return found


def test_an_app_is_asked_once(client: FlaskClient, services: Services, asked: list[str]) -> None:
    for _ in range(2):
        assert client.get(f"{API}/info").status_code == 200
    assert asked == [gradio_apps.PROVIDER]
    doc = services.connection.redis.get(keys.signature(gradio_apps.PROVIDER))
    assert doc is not None
    assert json.loads(doc)["functions"][0]["api_name"] == "infer"


def test_what_is_kept_of_another_app_does_not_count(client: FlaskClient, services: Services, asked: list[str]) -> None:
    services.connection.redis.set(keys.signature(gradio_apps.PROVIDER), b'{"mark":"another","at":0,"functions":[]}')
    assert client.get(f"{API}/info").status_code == 200
    services.connection.redis.set(keys.signature(gradio_apps.PROVIDER), b"{}")
    assert client.get(f"{API}/info").status_code == 200
    assert len(asked) == 2


class TestDown:
    """An app that does not answer."""

    @pytest.fixture
    def environ(self, tmp_path: Path) -> dict[str, str]:
        path = tmp_path / "providers.toml"
        path.write_text(f'[providers.{gradio_apps.PROVIDER}]\nurl = "http://127.0.0.1:1"\nspace = ""\n')
        return {"DARKROOM_CONFIG": str(path)}

    def test_it_is_not_made_up(self, client: FlaskClient) -> None:
        # The second time it is left alone.
        for _ in range(2):
            answer = client.get(f"{API}/info")
            detail = answer.get_json()["detail"]
            assert (answer.status_code, detail.startswith(f"The app of {gradio_apps.PROVIDER} has not told yet")) == (
                503,
                True,
            )

    def test_what_it_has_told_before_counts(self, client: FlaskClient, services: Services) -> None:
        gradio_apps.know(services)
        assert client.get(f"{API}/info").status_code == 200


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize(
    ("space", "path"),
    [
        ("black-forest-labs/FLUX.1-schnell", gradio_apps.MODEL),
        ("Black-Forest-Labs/flux.1-SCHNELL", gradio_apps.MODEL),
        # Two models: only the provider has both.
        ("deepseek-ai/Janus-Pro-7B", "deepseekai-janus-pro-7b"),
    ],
)
def test_a_space_is_here(client: FlaskClient, space: str, path: str) -> None:
    told = client.get(f"/api/spaces/{space}").get_json()
    assert told["host"] == f"http://localhost/gradio/{path}/"
    assert client.get(f"/api/spaces/{space}/runtime").get_json()["stage"] == "RUNNING"


def test_another_space_is_not_here(client: FlaskClient) -> None:
    for path in ("/api/spaces/me/mine", "/api/spaces/me/mine/runtime"):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["X-Error-Code"]) == (404, "RepoNotFound")
        assert answer.get_json()["error"]


@pytest.mark.usefixtures("working", "known")
@pytest.mark.parametrize(
    ("route", "body"),
    [("call", {"data": ["a", 7, False]}), ("call/v2", {"prompt": "a", "seed": 7, "randomize_seed": False})],
)
def test_a_call_in_two_requests(client: FlaskClient, route: str, body: Any) -> None:
    job_id = client.post(f"{API}/{route}/infer", json=body).get_json()["event_id"]
    for _ in range(2):
        text = client.get(f"{API}/{route}/infer/{job_id}").text
        kind, data = text.strip().rsplit("event: ", 1)[1].split("\ndata: ")
        picture, seed = json.loads(data)
        assert (kind, seed) == ("complete", 7)
        assert client.get(picture["url"]).status_code == 200


@pytest.mark.usefixtures("known")
def test_a_call_that_fails_in_two_requests(client: FlaskClient) -> None:
    job_id = client.post(f"{API}/call/infer", json={"data": ["a"]}).get_json()["event_id"]
    assert client.post(f"/v1/jobs/{job_id}/cancel").status_code == 200
    text = client.get(f"{API}/call/infer/{job_id}").text
    assert text.startswith('event: error\ndata: {"error":"canceled: ')


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("route", ["call", "call/v2"])
def test_a_call_of_no_function(client: FlaskClient, fake_worker: FakeWorker, route: str) -> None:
    assert client.post(f"{API}/{route}/paint", json={"data": []}).status_code == 404
    assert client.post(f"{API}/{route}/infer", json={"data": ["a"] * 9}).status_code == 400
    other = fake_worker.submit().id
    assert client.get(f"{API}/{route}/infer/{other}").status_code == 404
