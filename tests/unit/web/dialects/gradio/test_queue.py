"""A call through the queue: what is submitted, what is told, what is refused, and to whom."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobs import events
from jobs.model import Failure
from jobs.model import Output as MadeOutput
from jobs.record import keys
from providers.discovery.signature import Input, Output
from providers.echo.painting import paint
from tests.support import gradio_apps
from tests.support.fake_worker import FakeWorker
from web.services import Services, Timings

pytestmark = pytest.mark.usefixtures("known")

APP = f"/gradio/{gradio_apps.MODEL}"
API = f"{APP}/gradio_api"
VALUES = ["a lighthouse", 7, False, 64, 64, 1]


def join(client: FlaskClient, data: list[Any] | None = None, session: str = "s1", app: str = APP, **more: Any) -> Any:
    body = {"data": VALUES if data is None else data, "fn_index": 2, "session_hash": session, **more}
    return client.post(f"{app}/gradio_api/queue/join", json=body)


def told(client: FlaskClient, session: str = "s1", app: str = APP) -> list[Any]:
    """The messages of a stream that ends."""
    answer = client.get(f"{app}/gradio_api/queue/data?session_hash={session}")
    assert answer.mimetype == "text/event-stream"
    return messages(answer.data)


def messages(stream: bytes) -> list[Any]:
    """A part of a stream. Each message is one line of data: a client ends at anything else."""
    parts = stream.decode().split("\n\n")
    assert parts.pop() == ""
    assert all(part.startswith("data: ") and "\n" not in part for part in parts)
    return [json.loads(part.removeprefix("data: ")) for part in parts]


@pytest.mark.usefixtures("working")
@pytest.mark.parametrize("prefix", [API, APP])
def test_a_call_is_a_native_job(client: FlaskClient, services: Services, prefix: str) -> None:
    body = {"data": VALUES, "fn_index": 2, "session_hash": "s1", "event_data": None, "trigger_id": 3}
    answer = client.post(f"{prefix}/queue/join", json=body)
    job = services.store.get(answer.get_json()["event_id"]).job
    assert answer.headers["X-Request-Id"] == job.id
    assert (job.model, job.metadata) == (gradio_apps.MODEL, {"dialect": "gradio"})
    names = ("prompt", "seed", "randomize_seed", "width", "height", "num_inference_steps")
    assert {name: job.input[name] for name in names} == dict(zip(names, VALUES, strict=True))


@pytest.mark.usefixtures("working")
def test_the_stream_ends_with_the_answer_of_the_app(client: FlaskClient) -> None:
    job_id = join(client).get_json()["event_id"]
    *_, completed, close = told(client)
    assert close == {"msg": "close_stream", "event_id": None}
    assert (completed["msg"], completed["event_id"], completed["success"]) == ("process_completed", job_id, True)
    picture, seed = completed["output"]["data"]
    assert seed == 7
    assert client.get(f"{API}/file={picture['path']}").data == paint("a lighthouse", 1, 64, 64)
    assert client.get(picture["url"]).data == paint("a lighthouse", 1, 64, 64)
    assert picture["meta"] == {"_type": "gradio.FileData"}
    # It was told, and is not told again.
    assert told(client) == [close]


@pytest.mark.usefixtures("working")
def test_a_stream_tells_of_all_jobs_of_its_session_and_of_no_other(client: FlaskClient) -> None:
    ids = {join(client, ["one"]).get_json()["event_id"], join(client, ["two"]).get_json()["event_id"]}
    join(client, ["three"], session="s2")
    ends = [message["event_id"] for message in told(client) if message["msg"] == "process_completed"]
    assert len(ends) == len(ids)
    assert set(ends) == ids


def test_what_happens_is_told_as_it_happens(client: FlaskClient, services: Services, fake_worker: FakeWorker) -> None:
    job_id = join(client).get_json()["event_id"]
    parts: Any = iter(client.get(f"{API}/queue/data?session_hash=s1").response)
    (first,) = messages(next(parts))
    assert first == {"msg": "estimation", "event_id": job_id, "rank": 0, "queue_size": 1, "rank_eta": first["rank_eta"]}
    lease = fake_worker.claim(services.store.get(job_id).job)
    fake_worker.write(lease, events.Progressed, stage="generating", fraction=0.5, step=1, total=2, message="Denoising")
    fake_worker.write(lease, events.Logged, text="a word of the app", level="info")
    started, progress, log = messages(next(parts))
    assert (started["msg"], progress["msg"], log["msg"]) == ("process_starts", "progress", "log")
    unit = {"index": 1, "length": 2, "unit": "steps", "progress": 0.5, "desc": "Denoising"}
    assert progress["progress_data"] == [unit]
    assert (log["log"], log["level"]) == ("a word of the app", "info")
    fake_worker.succeed(lease)
    *_, completed, close = (message for part in parts for message in messages(part))
    assert (completed["msg"], close["msg"]) == ("process_completed", "close_stream")


def test_a_failed_job_has_its_code_in_the_text_and_no_other_field(
    client: FlaskClient, services: Services, fake_worker: FakeWorker
) -> None:
    job_id = join(client).get_json()["event_id"]
    lease = fake_worker.claim(services.store.get(job_id).job)
    fake_worker.write(lease, events.Failed, error=Failure(code="provider_quota", detail="nothing is left"))
    *_, completed, _ = told(client)
    assert (completed["success"], completed["output"]) == (False, {"error": "provider_quota: nothing is left"})


@pytest.mark.parametrize("route", ["cancel", "reset"])
def test_a_canceled_job_ends_in_the_stream(client: FlaskClient, services: Services, route: str) -> None:
    job_id = join(client).get_json()["event_id"]
    body = {"event_id": job_id, "session_hash": "s1", "fn_index": 2}
    assert client.post(f"{API}/{route}", json=body).get_json() == {"success": True}
    assert services.store.get(job_id).job.status == "canceled"
    *_, completed, close = told(client)
    assert (completed["success"], close["msg"]) == (False, "close_stream")
    assert completed["output"]["error"].startswith("canceled: ")


def test_a_call_whose_id_is_not_known_yet_cancels_nothing(client: FlaskClient) -> None:
    assert client.post(f"{API}/cancel", json={"event_id": None, "session_hash": "s1"}).get_json() == {"success": False}


def test_a_deleted_job_ends_too(client: FlaskClient) -> None:
    job_id = join(client).get_json()["event_id"]
    assert client.delete(f"/v1/jobs/{job_id}").status_code == 204
    completed, close = told(client)
    assert (completed["event_id"], completed["output"]["error"]) == (job_id, "gone: The job was deleted.")
    assert close["msg"] == "close_stream"


@pytest.mark.parametrize(
    ("data", "parameter", "words"),
    [
        (["a", 7, False, 100_000], "width", "must be from 1 to 2048"),
        (["a", "seven"], "seed", "must be"),
        ([], "data", "needs a value for prompt"),
        ([None], "prompt", "is missing"),
        (VALUES * 2, "data", "takes 6 values, and 12 were sent"),
        ([{"path": "/etc/passwd"}], "prompt", "must be"),
    ],
)
def test_a_wrong_value_is_named_as_gradios_own_validation_names_it(
    client: FlaskClient, data: list[Any], parameter: str, words: str
) -> None:
    answer = join(client, data)
    (fault,) = answer.get_json()["detail"]
    assert (answer.status_code, fault["__type__"], fault["is_valid"]) == (422, "validate", False)
    assert fault["parameter_name"] == parameter
    assert words in fault["message"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"data": ["a"], "fn_index": 99, "session_hash": "s1"}, 404),
        ({"data": ["a"], "fn_index": 2, "session_hash": ""}, 422),
        ({"data": ["a"], "fn_index": 2, "session_hash": "x" * 129}, 422),
        ({"data": ["a"], "fn_index": 2, "session_hash": "a\nb"}, 422),
        ({"data": "a", "fn_index": 2, "session_hash": "s1"}, 422),
        ({"fn_index": 2, "session_hash": "s1"}, 422),
    ],
)
def test_what_is_no_call_is_refused(client: FlaskClient, body: Any, status: int) -> None:
    answer = client.post(f"{API}/queue/join", json=body)
    assert answer.status_code == status
    assert answer.get_json()["detail"]


def test_a_path_that_names_a_provider_means_that_one(client: FlaskClient, services: Services) -> None:
    app = f"/gradio/{gradio_apps.PROVIDER}"
    pinned = services.store.get(join(client, app=app).get_json()["event_id"]).job
    free = services.store.get(join(client, app="/gradio/flux-schnell").get_json()["event_id"]).job
    assert (pinned.model, pinned.route) == (gradio_apps.MODEL, (gradio_apps.PROVIDER,))
    assert free.model == "flux-schnell"
    assert len(free.route) > 1


def test_nothing_of_a_token_in_a_body_is_kept(client: FlaskClient, services: Services) -> None:
    job_id = join(client, oauth_token="hf_canary_1", request={"cookies": "hf_canary_2"}).get_json()["event_id"]
    assert services.store.get(job_id).job.status == "queued"
    server: Any = services.connection.redis
    for key in server.scan_iter("*"):
        kind = server.type(key)
        if kind == b"hash":
            value = server.hgetall(key)
        elif kind == b"stream":
            value = server.xrange(key)
        else:
            value = server.get(key) if kind == b"string" else b""
        assert "hf_canary" not in repr(value), key


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd", "../../etc/passwd", "..%2f..%2fetc%2fpasswd", "file:///etc/passwd", "http://127.0.0.1:6379/",
        "job_01ARZ3NDEKTSV4RRFFQ69G5FAV/0/../../x", "file_01ARZ3NDEKTSV4RRFFQ69G5FAV/../x", "%00", "job_01/0/x",
    ],
)  # fmt: skip
def test_a_path_leads_nowhere_else(client: FlaskClient, path: str) -> None:
    assert client.get(f"{API}/file={path}").status_code == 404


def test_a_saved_token_is_no_reason_to_refuse_where_no_key_is_needed(client: FlaskClient) -> None:
    assert client.get(f"{APP}/config", headers={"X-HF-Authorization": "Bearer hf_saved"}).status_code == 200


def test_the_record_of_a_session_ends_by_itself(client: FlaskClient, services: Services) -> None:
    join(client)
    server: Any = services.connection.redis
    (key,) = server.scan_iter(keys.gradio_session("*", "*"))
    assert 0 < server.ttl(key) <= 86_400


def test_a_text_that_comes_bit_by_bit_is_told_as_changes(
    client: FlaskClient, services: Services, fake_worker: FakeWorker
) -> None:
    """The first is whole; each that follows says what to put in its place."""
    said = Output(component="textbox", label="Response", kind="text")
    chat = replace(
        gradio_apps.INFER, api_name="chat", model="janus-pro-7b", inputs=gradio_apps.INFER.inputs[:1], outputs=(said,),
        is_stepwise=True,
    )  # fmt: skip
    gradio_apps.know(services, "deepseekai-janus-pro-7b", chat)
    app = "/gradio/janus-pro-7b"
    job_id = join(client, ["what is it?"], app=app).get_json()["event_id"]
    parts: Any = iter(client.get(f"{app}/gradio_api/queue/data?session_hash=s1").response)
    next(parts)
    lease = fake_worker.claim(services.store.get(job_id).job)
    seen: list[Any] = []
    for kept, text in ((0, "It is"), (5, " red")):
        fake_worker.write(lease, events.Wrote, kept=kept, text=text)
        seen += [message for message in messages(next(parts)) if message["msg"] == "process_generating"]
    fake_worker.write(lease, events.Succeeded, outputs=(MadeOutput(index=0, kind="text", text="It is red."),))
    seen += [message for part in parts for message in messages(part)]
    first, second, completed, _ = seen
    assert first["output"] == {"data": ["It is"], "is_generating": True}
    assert second["output"] == {"data": [[["replace", [], "It is red"]]], "is_generating": True}
    assert completed["output"]["data"] == ["It is red."]


@pytest.mark.parametrize("timings", [Timings(heartbeat=0.05)])
def test_a_sign_of_life_is_a_message(client: FlaskClient) -> None:
    join(client)
    parts: Any = iter(client.get(f"{API}/queue/data?session_hash=s1").response)
    next(parts)
    assert messages(next(parts)) == [{"msg": "heartbeat"}]


def test_the_answer_to_a_clients_own_heartbeat_breaks_off(client: FlaskClient) -> None:
    """Else older clients ask again at once, for ever."""
    answer = client.get(f"{API}/heartbeat/s1")
    assert (answer.status_code, answer.headers["Content-Length"], answer.headers["Connection"]) == (200, "1", "close")


@pytest.mark.usefixtures("working")
def test_a_value_without_effect_is_named(client: FlaskClient, services: Services) -> None:
    """In the answer, in the job, and in the log that a client shows."""
    style = Input(name="style", label="Style", component="dropdown", takes="string", default="none")
    gradio_apps.know(
        services, gradio_apps.PROVIDER, replace(gradio_apps.INFER, inputs=(*gradio_apps.INFER.inputs, style))
    )
    answer = join(client, [*VALUES, "oil"])
    job = services.store.get(answer.get_json()["event_id"]).job
    assert (answer.headers["X-Ignored-Params"], job.warnings) == ("style", ("Ignored: style.",))
    (log,) = (message for message in told(client) if message["msg"] == "log")
    assert (log["log"], log["level"]) == ("Ignored: style.", "warning")
