"""No secret is anywhere but where it belongs: one service, everything that can go wrong, and then a look at every place.

Each secret is unique. The upstreams are as bad as can be: they say in every
way, and in every form, what they were told. What is looked through is all
that anybody could read: logs at debug level, Redis (its values, its file,
every command and Celery event), every answer over HTTP, Flower's pages,
webhooks, files, and the processes' command lines.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
import redis
import requests

from cli.stack.redis_server import free_port
from jobs.record.messages import RUN_JOB
from providers.echo.painting import paint
from tests.spaces.hub import HubStandIn, serve_hub
from tests.support.canaries import Canaries, forms
from tests.support.celery_client import client_app
from tests.support.echo_app import MODES, EchoApp
from tests.support.eventually import eventually
from tests.support.installation import Installation
from tests.support.redis_monitor import RedisMonitor
from tests.support.webhook_receiver import WebhookReceiver, status

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(600)]

TERMINAL = {"succeeded", "failed", "canceled", "expired"}
#: Files that hold a secret because that is what they are for; nobody but their owner may read them.
SECRET_FILES: Final = {
    "secret.key", "flower.password", "runtime.json", "run/flower.conf.py", "redis/server.conf",
}  # fmt: skip


@dataclass
class Scenario:
    """The service under test, and all that was seen of it from outside."""

    up: Installation
    canaries: Canaries
    app: EchoApp
    key: str
    admin: str
    flower_password: str
    monitor: RedisMonitor
    receivers: list[WebhookReceiver]
    answers: dict[str, bytes] = field(default_factory=dict)
    jobs: dict[str, str] = field(default_factory=dict)

    def ask(
        self, method: str, path: str, *, key: str | None = None, keep: bool = True, **more: Any
    ) -> requests.Response:
        """One request; its whole answer is evidence."""
        headers = {"Authorization": f"Bearer {key or self.key}", **more.pop("headers", {})}
        answer = requests.request(method, f"{self.up.url}{path}", headers=headers, timeout=60, **more)
        if keep:
            self.answers[f"http {len(self.answers)} {method} {path.partition('?')[0]}"] = raw(answer)
        return answer

    def submit(self, name: str, model: str, prompt: str, **body: Any) -> str:
        headers = {"Idempotency-Key": self.canaries.make(f"idempotency key of {name}")}
        given = {"model": model, "input": {"prompt": prompt}, "deadline_seconds": 60, **body}
        answer = self.ask("POST", "/v1/jobs", json=given, headers=headers)
        assert answer.status_code == 202, answer.text
        self.jobs[name] = answer.json()["id"]
        return self.jobs[name]

    def job(self, name: str) -> dict[str, Any]:
        return dict(self.ask("GET", f"/v1/jobs/{self.jobs[name]}").json())

    def wait(self, name: str, *states: str) -> dict[str, Any]:
        eventually(lambda: self.job(name)["status"] in (states or TERMINAL), within=90)
        return self.job(name)


def raw(answer: requests.Response) -> bytes:
    head = "".join(f"{name}: {value}\n" for name, value in answer.headers.items())
    return f"{answer.status_code} {answer.reason}\n{head}\n".encode() + answer.content


def install(site: Path) -> None:
    """Make the leaky driver an installed package."""
    info = site / "leaky-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: leaky\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[darkroom.drivers]\nleaky = tests.support.leaky_driver:driver\n")


@pytest.fixture(scope="module")
def hub() -> Iterator[HubStandIn]:
    with serve_hub() as stand_in:
        yield stand_in


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory, hub: HubStandIn) -> Iterator[Scenario]:
    folder, canaries, app = tmp_path_factory.mktemp("sweep"), Canaries(), EchoApp()
    install(folder / "site")
    app.session = canaries.make("session at the app")
    hub.token, hub.uuid = canaries.make("the Hub's token"), canaries.make("the Hub's uuid")
    hub.user_token = canaries.make("the Hub's token for cookies")
    password = canaries.make("login of an app", "pw-{}")
    operators = {name: canaries.make(f"operator's {name}", form) for name, form in OPERATORS.items()}
    (folder / "op.token").write_text(operators["token"])
    opens = (
        f'token = {{ file = "{folder}/op.token" }}\nheaders = {{ X-Op-Key = {{ env = "OP_KEY" }} }}\n'
        f'basic = ["op", "{operators["basic"]}"]\n'
    )
    # A provider for each way to fail: one that fails again and again would get no more jobs.
    tables = [
        f'[providers.echo-{mode}]\ndriver = "space"\nurl = "{app.url}"\napi_name = "/infer"\n'
        f'models = ["echo-{mode}"]\nkind = "{"image" if mode == "file" else "text"}"\nlogin = ["op", "{password}"]\n{opens}'
        'zerogpu = true\nspace = "me/echo"\ntimeout_seconds = 20\nparameters = { prompt = "" }\n'
        for mode in MODES
    ]
    config = folder / "providers.toml"
    config.write_text("\n".join([*tables, '[egress]\nallow = ["127.0.0.0/8"]\nproxies = true\n']))
    up = Installation(
        folder / "data",
        DARKROOM_CONFIG=str(config),
        DARKROOM_HUB_URL=hub.url,
        DARKROOM_LEASE_SECONDS="3",
        DARKROOM_LOG_FORMAT="json",
        DARKROOM_LOG_LEVEL="debug",
        OP_KEY=operators["key"],
        PYTHONPATH=str(folder / "site"),
    )
    keys = {name: up.cli("keys", "create", name, *scopes).stdout.strip() for name, scopes in KEYS.items()}
    for name, key in keys.items():
        canaries.add(f"API key {name}", key.removeprefix("dk_live_"))
    with contextlib.closing(up.ready()):
        private = {name: (up.data_dir / name).read_text() for name in SECRET_FILES}
        canaries.add("secret key", private["secret.key"].strip())
        canaries.add("Flower's password", private["flower.password"].strip())
        canaries.add("Redis' password", re.search(r"requirepass (\S+)", private["redis/server.conf"])[1])  # type: ignore[index]
        url = json.loads(private["runtime.json"])["redis_url"]
        with contextlib.closing(redis.Redis.from_url(url)) as client, RedisMonitor(client) as monitor:
            receivers = [WebhookReceiver(), WebhookReceiver(status(500))]
            found = Scenario(
                up,
                canaries,
                app,
                keys["user"],
                keys["admin"],
                private["flower.password"].strip(),
                monitor,
                receivers,
            )
            yield found
            for receiver in receivers:
                receiver.close()
            monitor.end(client)
    app.server.shutdown()
    app.server.server_close()


#: What an operator opens an app with.
OPERATORS: Final = {"token": "hf_{}", "key": "{}", "basic": "pw-{}"}
KEYS: Final = {
    "user": ("--scope", "submit", "--scope", "read", "--scope", "proxy"),
    "admin": ("--scope", "admin"),
    "other": ("--scope", "read"),
}


def credentials(canaries: Canaries, name: str) -> dict[str, Any]:
    """Everything that somebody can pay with."""
    return {
        "api_key": canaries.make(f"api_key of {name}"),
        "hf_token": canaries.make(f"hf_token of {name}", "hf_{}"),
        "zerogpu_uuid": canaries.make(f"zerogpu_uuid of {name}"),
        "cookies": {"sid": canaries.make(f"cookie of {name}"), "theme": "dark"},
    }


def webhook(canaries: Canaries, name: str, base: str) -> dict[str, Any]:
    return {
        "url": f"{base}/hook/{canaries.make(f'path of the webhook of {name}')}?t={canaries.make(f'query of {name}')}",
        "events": ["job.started", "job.progress", "job.succeeded", "job.failed", "job.canceled"],
    }


def live_through_everything(scenario: Scenario, hub: HubStandIn) -> None:
    """All that may happen to jobs with secrets."""
    canaries = scenario.canaries
    good, bad = (f"http://127.0.0.1:{receiver.port}" for receiver in scenario.receivers)

    def submit(name: str, model: str, prompt: str, base: str = good) -> None:
        own = credentials(canaries, name)
        if model.startswith("leaky"):
            # The echo app is not reached by https, and so through no proxy.
            own["proxy"] = canaries.make(f"proxy of {name}", "http://me:{}@127.0.0.1:9")
        scenario.submit(name, model, prompt, credentials=own, webhook=webhook(canaries, name, base))

    submit("success", "leaky", "text")
    submit("picture", "leaky-picture", "picture", bad)
    submit("failure", "leaky", "fail", f"http://127.0.0.1:{free_port()}")
    submit("exception", "leaky", "crash")
    submit("cancel", "leaky", "hang")
    for mode in MODES:
        submit(f"echo {mode}", f"echo-{mode}", mode)
    # With cookies alone, the Hub gives a token in exchange.
    sid = canaries.make("cookie for the Hub")
    hub.cookie = f"token={sid}"
    scenario.submit("cookies", "echo-text", "text", credentials={"cookies": {"token": sid}})
    scenario.wait("cancel", "running")
    scenario.ask("POST", f"/v1/jobs/{scenario.jobs['cancel']}/cancel")
    ended = {name: scenario.wait(name)["status"] for name in scenario.jobs}
    submit("crash", "leaky", "die")
    ended["crash"] = scenario.wait("crash")["status"]
    submit("deleted", "leaky", "hang")
    scenario.wait("deleted", "running")
    scenario.ask("DELETE", f"/v1/jobs/{scenario.jobs['deleted']}")
    assert ended == {
        "success": "succeeded",
        "picture": "succeeded",
        "failure": "failed",
        "exception": "failed",
        "cancel": "canceled",
        "cookies": "succeeded",
        "crash": "succeeded",
        "echo text": "succeeded",
        **{f"echo {mode}": "failed" for mode in MODES[1:]},
    }


def send_nonsense(scenario: Scenario) -> None:
    """Bad input with secrets in it, wherever they can stand."""
    canaries = scenario.canaries
    text = "{}\r\nX: 1"
    bad: list[dict[str, Any]] = [
        {"credentials": {"api_key": canaries.make("api_key with a line end", text)}},
        {"credentials": {"api_key": canaries.make("api_key too long", "{}" * 40)}},
        {"credentials": {"api_key": [canaries.make("api_key in a list")]}},
        {"credentials": {"hf_token": canaries.make("hf_token without hf_")}},
        {"credentials": {"zerogpu_uuid": canaries.make("uuid with a NUL", "{}\x00")}},
        {"credentials": {"cookies": canaries.make("cookies as a text")}},
        {"credentials": {"cookies": {"sid": canaries.make("cookie with a line end", text)}}},
        {"credentials": {"proxy": canaries.make("proxy", "http://me:{}@10.0.0.1:8080")}},
        {"credentials": canaries.make("credentials as a text")},
        {"webhook": {"url": canaries.make("webhook with a user", "https://me:{}@example.com/")}},
        {"webhook": {"url": canaries.make("webhook nowhere", "https://10.0.0.1/{}")}},
        {"webhook": canaries.make("webhook as a text")},
        {"priority": canaries.make("secret in another place")},
    ]
    for fault in bad:
        body = {"model": "leaky", "input": {"prompt": "x"}, **fault}
        assert scenario.ask("POST", "/v1/jobs", json=body).status_code in {400, 422}, fault
        assert scenario.ask("POST", "/v1/batches", json={"jobs": [body]}).status_code in {400, 422}, fault
    cut = json.dumps({"credentials": {"api_key": canaries.make("api_key in JSON that is cut")}})[:-1].encode()
    json_type = {"Content-Type": "application/json"}
    for data in (cut, cut + b',"a":1,"a":2}', b"\xff" + cut):
        assert scenario.ask("POST", "/v1/jobs", data=data, headers=json_type).status_code == 400
    for key in (canaries.make("a wrong key", "dk_live_{}"), canaries.make("no key at all")):
        assert scenario.ask("GET", "/v1/jobs", key=key).status_code == 401
    scenario.ask("GET", "/v1/jobs", params={"api_key": canaries.make("key in a query")})
    scenario.ask("GET", "/v1/jobs", params={"cursor": canaries.make("secret cursor")})
    both = {"X-API-Key": canaries.make("a second key")}
    assert scenario.ask("GET", "/v1/jobs", headers=both).status_code == 400
    wrong = requests.get(scenario.up.flower_url, auth=("darkroom", canaries.make("wrong Flower password")), timeout=30)
    scenario.answers["flower with a wrong password"] = raw(wrong)


def speak_as_others(scenario: Scenario) -> None:
    """Secrets that programs for other services send along, in fields and headers that mean nothing here."""
    canaries = scenario.canaries
    path, body = "/v1/images/generations", {"model": "echo", "prompt": "a lighthouse", "response_format": "url"}
    given = {
        "api_key": canaries.make("api_key of another service"),
        "auth": f"me:{canaries.make('login in a body')}",
        "extra": {"token": canaries.make("token deep in a body")},
    }
    headers = {"X-HF-Authorization": f"Bearer {canaries.make('a saved token of the Hub', 'hf_{}')}"}
    for more in ({}, {"stream": True}):
        answer = scenario.ask("POST", path, json={**body, **given, **more}, headers=headers)
        assert answer.status_code == 200, answer.text
        scenario.jobs[f"image {more}"] = answer.headers["X-Request-Id"]
    speak_as_the_hub(scenario, headers)
    speak_as_a_space(scenario, headers)
    speak_as_the_web_ui(scenario, given)
    speak_as_a_host(scenario, headers)
    speak_as_replicate(scenario)
    for fault in ({"n": canaries.make("secret as a number")}, {"size": canaries.make("secret as a size")}):
        assert scenario.ask("POST", path, json={**body, **given, **fault}).status_code == 422


def speak_as_the_web_ui(scenario: Scenario, given: dict[str, Any]) -> None:
    """SillyTavern puts its own settings into the body, with the password; and a login may be in the header."""
    canaries = scenario.canaries
    login = f"me:{canaries.make('password that is no key')}"
    basic = {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"}
    settings = {"sd_model_checkpoint": "echo", "token": canaries.make("token in settings")}
    body = {"prompt": "a boat", **given, "url": f"http://me:{canaries.make('password in an address')}@127.0.0.1/"}
    for path, more in (
        ("txt2img", {}),
        ("img2img", {"init_images": [base64.b64encode(paint("x", 1, 64, 64)).decode()]}),
    ):
        whole = {**body, **more, "override_settings": settings}
        answer = scenario.ask("POST", f"/sdapi/v1/{path}", json=whole)
        assert answer.status_code == 200, answer.text
        scenario.jobs[path] = answer.headers["X-Request-Id"]
        assert scenario.ask("POST", f"/sdapi/v1/{path}", json=whole, headers=basic).status_code == 401
        wrong = {**whole, "width": canaries.make(f"secret as a width of {path}")}
        assert scenario.ask("POST", f"/sdapi/v1/{path}", json=wrong).status_code == 422
    for settings in (
        {**given, "samples_format": canaries.make("a secret setting")},
        {"sd_model_checkpoint": 7, **given},
    ):
        scenario.ask("POST", "/sdapi/v1/options", json=settings)
    scenario.ask("GET", "/sdapi/v1/options")
    scenario.ask("POST", "/sdapi/v1/png-info", json={"image": canaries.make("a secret picture"), **given})


def speak_as_the_hub(scenario: Scenario, headers: dict[str, str]) -> None:
    """Secrets in a request to Hugging Face's inference, where it knows them and where it does not."""
    canaries = scenario.canaries
    path, options = "/hf/models/echo", {"token": canaries.make("token in options", "hf_{}")}
    parameters = {"api_key": canaries.make("api_key in parameters"), "target_size": {"width": 64, "height": 64}}
    answer = scenario.ask(
        "POST", path, json={"inputs": "a boat", "parameters": parameters, "options": options}, headers=headers
    )
    assert (answer.status_code, answer.headers["X-Ignored-Params"]) == (200, "api_key, options")
    scenario.jobs["hugging face"] = answer.headers["X-Request-Id"]
    for name, body in {
        "a size": {"inputs": "a boat", "parameters": {"target_size": canaries.make("secret as a target_size")}},
        "inputs": {"inputs": [canaries.make("secret in a list")]},
    }.items():
        assert scenario.ask("POST", path, json=body).status_code == 422, name
    assert scenario.ask("POST", path, data=canaries.make("secret as a picture").encode()).status_code == 415
    asked = {"messages": [{"role": "user", "content": "hello"}], "model": canaries.make("secret as a model")}
    answer = scenario.ask("POST", f"{path}/v1/chat/completions", json={**asked, **options}, headers=headers)
    assert answer.status_code == 200, answer.text
    scenario.jobs["hugging face chat"] = answer.headers["X-Request-Id"]


def speak_as_a_host(scenario: Scenario, headers: dict[str, str]) -> None:
    """Secrets in messages of the Model Context Protocol: beside the arguments, among them, and in headers."""
    canaries = scenario.canaries
    arguments = {"prompt": "a boat", "model": "echo", "width": 64, "height": 64}
    meta = {
        "io.modelcontextprotocol/clientInfo": {"name": canaries.make("name of a host")},
        "key": canaries.make("meta"),
    }
    sent = {**headers, "Mcp-Session-Id": canaries.make("session of a host")}
    made = _tool(scenario, sent, arguments, _meta=meta, task={"key": canaries.make("a task")})
    assert made.status_code == 200, made.text
    scenario.jobs["mcp"] = made.headers["X-Request-Id"]
    for more in (
        {"api_key": canaries.make("api_key among arguments")},
        {"width": canaries.make("secret as a width")},
        {"model": canaries.make("secret as a tool's model")},
    ):
        assert '"isError":true' in _tool(scenario, {}, {**arguments, **more}).text
    assert '"error"' in _tool(scenario, {}, {}, name=canaries.make("secret as a tool")).text
    notice = {
        "jsonrpc": "2.0",
        "method": "notifications/cancelled",
        "params": {"requestId": canaries.make("a request")},
    }
    assert scenario.ask("POST", "/mcp", json=notice, headers=sent).status_code == 202


def _tool(scenario: Scenario, headers: dict[str, str], arguments: dict[str, Any], **params: Any) -> requests.Response:
    call = {"name": "generate_image", "arguments": arguments, **params}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    return scenario.ask("POST", "/mcp", json=body, headers=headers)


def speak_as_replicate(scenario: Scenario) -> None:
    """Secrets in a request for a prediction: in its input, as many models there take them, and in its webhook."""
    canaries, path = scenario.canaries, "/v1/models/darkroom/echo/predictions"
    hook = webhook(canaries, "a prediction", f"http://127.0.0.1:{scenario.receivers[0].port}")["url"]
    given = {"prompt": "a lighthouse", "hf_token": canaries.make("hf_token in an input", "hf_{}")}
    body = {"input": given, "webhook": hook, "api_token": canaries.make("token of Replicate", "r8_{}")}
    answer = scenario.ask("POST", path, json=body, headers={"Prefer": "wait"})
    assert (answer.status_code, answer.headers["X-Ignored-Params"]) == (201, "input.hf_token, api_token")
    made = scenario.jobs["prediction"] = answer.json()["id"]
    for address in (f"/v1/predictions/{made}", f"/v1/predictions/{made}/stream", "/v1/predictions"):
        assert scenario.ask("GET", address).status_code == 200, address
    for fault in (
        {"input": {"prompt": "x", "seed": canaries.make("secret as a seed")}},
        {"input": canaries.make("secret as an input")},
        {"webhook": canaries.make("webhook of a prediction", "https://me:{}@example.com/")},
    ):
        assert scenario.ask("POST", path, json={**body, **fault}).status_code == 422, fault


def speak_as_a_space(scenario: Scenario, headers: dict[str, str]) -> None:
    """Secrets that clients of Gradio send along, to an app that sends back what it was sent: in what it says of itself too."""
    canaries = scenario.canaries
    path = "/gradio/echo-text"
    for rest in ("/config", "/gradio_api/info"):
        answer = scenario.ask("GET", f"{path}{rest}", headers=headers)
        assert answer.status_code == 200, answer.text
    call = {
        "data": ["hello"],
        "fn_index": 0,
        "session_hash": "sweep",
        "oauth_token": canaries.make("oauth_token of a call", "hf_{}"),
        "request": {"cookies": canaries.make("cookies of a page")},
    }
    answer = scenario.ask("POST", f"{path}/gradio_api/queue/join", json=call, headers=headers)
    assert answer.status_code == 200, answer.text
    scenario.jobs["space"] = answer.json()["event_id"]
    assert "process_completed" in scenario.ask("GET", f"{path}/gradio_api/queue/data?session_hash=sweep").text
    wrong = {**call, "data": [canaries.make("secret as a value"), {"token": canaries.make("token in a value")}]}
    assert scenario.ask("POST", f"{path}/gradio_api/queue/join", json=wrong, headers=headers).status_code == 422


def use_webhooks(scenario: Scenario) -> None:
    """Secrets that sign: shown in the two answers that are there for it, and in no other place."""
    for method, path in (("GET", "secret"), ("POST", "secret/rotate"), ("GET", "secret")):
        shown = scenario.ask(method, f"/v1/webhooks/default/{path}", keep=False)
        secret = shown.json()["key"].removeprefix("whsec_")
        if secret not in scenario.canaries.known.values():
            scenario.canaries.add(f"signing secret {len(scenario.canaries.known)}", secret)
    for base in (f"http://127.0.0.1:{scenario.receivers[0].port}", f"http://127.0.0.1:{free_port()}"):
        url = f"{base}/?t={scenario.canaries.make(f'query of a test at {base}')}"
        scenario.ask("POST", "/v1/webhooks/test", json={"url": url})


def look_at_everything(scenario: Scenario) -> dict[str, Any]:
    """All that can be read, by place."""
    for job_id in scenario.jobs.values():
        for rest in ("", "/events", "/image", "/preview", "/outputs/0", "/deliveries"):
            scenario.ask("GET", f"/v1/jobs/{job_id}{rest}")
        scenario.ask("GET", f"/v1/jobs/{job_id}/events", headers={"Accept": "application/json"})
        scenario.ask("GET", f"/v1/jobs/{job_id}/events", headers={"Last-Event-ID": "0-1"})
    for path in ("/v1/jobs?limit=100", "/v1/models", "/v1/providers", "/openapi.json", "/docs", "/", "/readyz"):
        scenario.ask("GET", path)
    for path in (
        "/metrics", "/v1/admin/jobs?limit=100", "/v1/admin/queue", "/v1/admin/providers/echo-text",
        "/v1/admin/provider-checks",
    ):  # fmt: skip
        assert scenario.ask("GET", path, key=scenario.admin).status_code == 200
    return {
        **scenario.answers,
        **flower(scenario),
        **in_redis(scenario),
        **files(scenario),
        **processes(scenario),
        "monitor": "\n".join(scenario.monitor.commands).encode(),
        "webhooks": [repr(headers).encode() + body for one in scenario.receivers for headers, body in one.messages],
        # The password of Flower is told once, to whoever starts the service.
        "log": [line.encode() for line in scenario.up.output if "user darkroom, password" not in line],
    }


def flower(scenario: Scenario) -> dict[str, bytes]:
    """Every page of Flower, and what its API answers."""
    with requests.Session() as session:
        session.auth = ("darkroom", scenario.flower_password)
        base = scenario.up.flower_url
        names = session.get(f"{base}/api/workers?refresh=1", timeout=60).json()
        tasks = session.get(f"{base}/api/tasks?limit=100", timeout=60).json()
        assert set(tasks) & set(scenario.jobs.values()), "Flower knows none of the jobs"
        paths = [
            *("/", "/workers", "/tasks", "/broker", "/metrics", "/healthcheck", "/api/workers", "/api/tasks"),
            *("/api/task/types", "/api/queues/length", "/tasks/datatable?draw=1&start=0&length=100"),
            *(f"/worker/{name}" for name in names),
            *(f"/task/{task}" for task in tasks),
            *(f"/api/task/info/{task}" for task in tasks),
        ]
        return {f"flower {path}": raw(session.get(base + path, timeout=60)) for path in paths}


def in_redis(scenario: Scenario) -> dict[str, bytes]:
    """Every key as its type is read, and as DUMP writes it."""
    url = json.loads((scenario.up.data_dir / "runtime.json").read_text())["redis_url"]
    with contextlib.closing(redis.Redis.from_url(url)) as client:
        server: Any = client
        readers: dict[str, Any] = {
            "string": client.get, "hash": client.hgetall, "stream": client.xrange, "list": lambda key: client.lrange(key, 0, -1),
            "set": client.smembers, "zset": lambda key: client.zrange(key, 0, -1, withscores=True),
        }  # fmt: skip
        found = {}
        for key in server.scan_iter(count=1000):
            kind = server.type(key).decode()
            if kind == "none":
                continue  # it has gone meanwhile
            held = repr(readers[kind](key)).encode()
            found[f"redis {key.decode(errors='replace')}"] = key + b" " + held + b" " + (server.dump(key) or b"")
        return found


def files(scenario: Scenario) -> dict[str, bytes]:
    """Every file of the installation, but those whose purpose it is to hold a secret: nobody else reads these."""
    found = {}
    for path in scenario.up.data_dir.rglob("*"):
        name = str(path.relative_to(scenario.up.data_dir))
        if not path.is_file():
            continue
        if name in SECRET_FILES:
            assert path.stat().st_mode & 0o077 == 0, f"others can read {name}"
        else:
            found[f"file {name}"] = path.read_bytes()
    return found


def processes(scenario: Scenario) -> dict[str, bytes]:
    """Command lines, which everybody on the machine can read."""
    return {f"command line {number}": line.encode() for number, line in enumerate(scenario.up.leftovers())}


@pytest.fixture(scope="module")
def evidence(scenario: Scenario, hub: HubStandIn) -> dict[str, Any]:
    send_nonsense(scenario)
    use_webhooks(scenario)
    live_through_everything(scenario, hub)
    speak_as_others(scenario)
    time.sleep(2)  # Flower's events, and the last deliveries
    return look_at_everything(scenario)


def test_no_secret_is_where_it_does_not_belong(scenario: Scenario, evidence: dict[str, Any]) -> None:
    """The path and query of a webhook belong to its receiver, who never gets to read them here: only headers and bodies."""
    found = scenario.canaries.leaks(evidence)
    assert not found, "\n".join(found)


def test_the_upstreams_were_told_and_did_tell(scenario: Scenario, evidence: dict[str, Any]) -> None:
    """Else the sweep would prove nothing."""
    told = scenario.canaries.leaks({"app": "\n".join([*scenario.app.told, scenario.app.password]).encode()})
    for name in ("api_key of echo text", "hf_token of echo text", "zerogpu_uuid of echo text", "login of an app", "session at the app",
                 "the Hub's token for cookies", *(f"operator's {name}" for name in OPERATORS)):  # fmt: skip
        assert f"app: {name} as plain" in told, name
    log = b"\n".join(evidence["log"])
    for word in (b"not foreseen: [hidden]", b"warning [hidden]", b"debug [hidden]"):
        assert word in log, word
    events = b"".join(said for name, said in evidence.items() if name.endswith("/events"))
    for word in (b"you sent [hidden]", b"with [hidden]"):
        assert word in events, word
    assert scenario.receivers[0].messages
    assert b'"level": "debug"' in log
    assert b"webhook job.failed: pending" in log
    for place in ("http", "flower", "redis", "file redis", "file artifacts", "command line"):
        assert any(name.startswith(place) for name in evidence), place


def test_a_planted_leak_is_found_in_every_place(scenario: Scenario, evidence: dict[str, Any]) -> None:
    del evidence
    leak = Canaries()
    secret = leak.make("planted")
    shapes = forms(secret)
    hook = {"url": f"http://127.0.0.1:{scenario.receivers[0].port}/"}
    scenario.submit("planted", "leaky", "text", metadata={"note": secret}, webhook=hook)
    scenario.wait("planted")
    url = json.loads((scenario.up.data_dir / "runtime.json").read_text())["redis_url"]
    with contextlib.closing(redis.Redis.from_url(url)) as client:
        client.hset("dr:provider:leaky", "planted", shapes["base64+1"])
    (scenario.up.data_dir / "artifacts" / "planted.bin").write_bytes(b"\x00" + shapes["percent"].encode())
    scenario.ask("POST", "/v1/jobs/nowhere", headers={"X-Request-Id": shapes["hex"]})
    app = client_app(url)
    app.send_task(RUN_JOB, (secret,), queue="darkroom.jobs", ignore_result=True)
    app.close()
    eventually(lambda: bool(leak.leaks(flower(scenario))))
    found = leak.leaks(look_at_everything(scenario))
    places = {place.partition(":")[0].split()[0] for place in found}
    assert places >= {"http", "flower", "redis", "file", "log", "monitor", "webhooks"}, found


def test_every_form_is_found_and_halves_too() -> None:
    canaries = Canaries()
    secret = canaries.make("it")
    for kind, form in forms(f"{secret}").items():
        assert canaries.leaks({"place": f"..{form}..".encode()}), kind
        assert canaries.leaks({"place": [b"nothing", f"..{form.upper() if kind == 'hex' else form}..".encode()]}), kind
    assert canaries.leaks({"place": secret.partition("+")[0].encode()}) == ["place: it in part"]
    assert canaries.leaks({"place": secret[:8].encode()}) == []
    assert canaries.leaks({"place": b""}) == []
