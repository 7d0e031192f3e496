"""Predictions: what is understood, what is ignored and said, what the clients read, and what is refused."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobs import events
from jobs.model import Failure, Output
from jobs.record import keys
from providers.echo.painting import paint
from tests.support.fake_worker import FakeWorker
from tests.unit.web.dialects.conftest import Writer
from web.services import Services

RUN = "/v1/models/darkroom/echo/predictions"


def ask(client: FlaskClient, path: str = RUN, headers: dict[str, str] | None = None, **body: Any) -> Any:
    return client.post(path, json={"input": {"prompt": "a lighthouse"}, **body}, headers=headers)


WAIT = {"Prefer": "wait"}


@pytest.mark.usefixtures("working")
def test_a_prediction_is_a_job_with_its_file(client: FlaskClient, services: Services) -> None:
    answer = ask(client, headers=WAIT)
    found = answer.get_json()
    job = services.store.get(found["id"]).job
    own = f"http://localhost/v1/predictions/{job.id}"
    assert (answer.status_code, answer.headers["Location"], answer.headers["X-Request-Id"]) == (201, own, job.id)
    assert answer.headers["Preference-Applied"] == "wait=60"
    assert (found["status"], found["error"], found["version"]) == ("succeeded", None, "hidden")
    assert (found["model"], job.metadata) == ("darkroom/echo", {"dialect": "replicate"})
    (uri,) = found["output"]
    kind, _, data = uri.partition(",")
    assert (kind, base64.b64decode(data)) == ("data:image/png;base64", paint("a lighthouse", 1, 64, 64))
    assert found["logs"] == "Using seed: 7\n"
    assert set(found["metrics"]) == {"predict_time", "total_time"}
    assert found["urls"]["get"] == own
    assert found["urls"]["stream"].startswith(f"{own}/stream?sig=")
    assert client.get(f"/v1/predictions/{job.id}").get_json() == found


@pytest.mark.parametrize("environ", [{"DARKROOM_PUBLIC_URL": "https://pictures.example.com"}])
@pytest.mark.usefixtures("working")
def test_behind_tls_a_file_is_a_link_that_needs_no_key(client: FlaskClient) -> None:
    (uri,) = ask(client, headers=WAIT).get_json()["output"]
    base = "https://pictures.example.com"
    assert uri.startswith(f"{base}/v1/jobs/")
    assert client.get(uri.removeprefix(base)).data == paint("a lighthouse", 1, 64, 64)


def test_a_list_has_links(client: FlaskClient, fake_worker: FakeWorker) -> None:
    job = fake_worker.submit()
    fake_worker.succeed(fake_worker.claim(job))
    found = client.get("/v1/predictions").get_json()
    (one,) = found["results"]
    assert (one["id"], found["next"], found["previous"]) == (job.id, None, None)
    assert client.get(one["output"][0]).data == paint("a lighthouse", 1, 64, 64)


def test_a_list_goes_on_where_its_address_says(client: FlaskClient, fake_worker: FakeWorker) -> None:
    jobs = [fake_worker.submit().id for _ in range(102)]
    first = client.get("/v1/predictions?created_after=2020-01-01T00:00:00Z&page=1").get_json()
    second = client.get(first["next"]).get_json()
    assert "created_after" in first["next"]
    assert [one["id"] for one in (*first["results"], *second["results"])] == jobs[::-1]
    assert second["next"] is None
    assert client.get("/v1/predictions?created_before=2020-01-01T00:00:00Z").get_json()["results"] == []
    assert client.get("/v1/predictions?cursor=x").status_code == 422


def test_at_the_end_of_a_wait_it_is_starting_even_if_it_runs(
    client: FlaskClient, services: Services, fake_worker: FakeWorker
) -> None:
    """The clients take any other status for the end."""
    found = ask(client, headers={"Prefer": "wait=1"}).get_json()
    assert (found["status"], found["output"]) == ("starting", None)
    lease = fake_worker.claim(services.store.get(found["id"]).job)
    again = ask(client, headers={"Prefer": "wait=1", "X-Stainless-Retry-Count": "1"}).get_json()
    assert (again["id"], again["status"]) == (found["id"], "starting")
    assert client.get(f"/v1/predictions/{found['id']}").get_json()["status"] == "processing"
    fake_worker.succeed(lease)


def test_progress_is_a_line_that_the_clients_parse(client: FlaskClient, fake_worker: FakeWorker) -> None:
    job = fake_worker.submit()
    lease = fake_worker.claim(job)
    fake_worker.write(lease, events.Progressed, stage="generating", step=8, total=20)
    assert client.get(f"/v1/predictions/{job.id}").get_json()["logs"] == " 40%|####      | 8/20 [00:00<?, ?it/s]\n"
    fake_worker.write(lease, events.Progressed, stage="generating", fraction=0.995)
    assert client.get(f"/v1/predictions/{job.id}").get_json()["logs"].startswith("100%|##########| 100/100 [")


def test_why_it_failed_is_a_text(client: FlaskClient, fake_worker: FakeWorker) -> None:
    job = fake_worker.submit()
    lease = fake_worker.claim(job)
    fake_worker.write(lease, events.Failed, error=Failure(code="provider_error", detail="out of memory"))
    found = client.get(f"/v1/predictions/{job.id}").get_json()
    assert (found["status"], found["error"], found["output"]) == ("failed", "out of memory", None)


def test_it_can_be_canceled(client: FlaskClient) -> None:
    job_id = ask(client).get_json()["id"]
    assert client.post(f"/v1/predictions/{job_id}/cancel").get_json()["status"] == "canceled"
    assert client.post(f"/v1/predictions/{job_id}/cancel").get_json()["status"] == "canceled"


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("1m", 60), ("1h30m45s", 5445), ("90", 90)])
def test_a_deadline(client: FlaskClient, services: Services, text: str, seconds: int) -> None:
    found = ask(client, headers={"Cancel-After": text}).get_json()
    job = services.store.get(found["id"]).job
    assert job.deadline_at is not None
    assert round(job.deadline_at - job.created_at) == seconds
    assert found["deadline"] is not None


@pytest.mark.parametrize("text", ["soon", "0s", "-5s", "1d", "99999h", "1.5s"])
def test_no_deadline(client: FlaskClient, text: str) -> None:
    answer = ask(client, headers={"Cancel-After": text})
    assert (answer.status_code, "Cancel-After" in answer.get_json()["detail"]) == (422, True)


def test_what_has_no_effect_is_named(client: FlaskClient, services: Services) -> None:
    body = {"prompt": "a lighthouse", "seed": None, "steps": 3, "output_quality": 80, "num_outputs": 1}
    answer = ask(client, input=body, stream=True, api_token="r8_secret")
    names = answer.headers["X-Ignored-Params"]
    assert set(names.split(", ")) == {"input.steps", "input.output_quality", "input.num_outputs", "api_token"}
    job = services.store.get(answer.get_json()["id"]).job
    assert job.warnings == (f"Ignored: {names}.",)
    assert "r8_secret" not in repr(job)
    assert ask(client, version="39ed52f2").headers["X-Ignored-Params"] == "version"


@pytest.mark.parametrize(
    ("path", "body", "status", "place"),
    [
        (RUN, {"input": {"prompt": 5}}, 422, "/input/prompt"),
        (RUN, {"input": {"prompt": "x", "seed": "seven"}}, 422, "/input/seed"),
        (RUN, {"input": []}, 422, "/input"),
        (RUN, {}, 422, "/input"),
        (RUN, {"input": {"prompt": "x"}, "webhook_events_filter": ["done"]}, 422, "/webhook_events_filter/0"),
        (RUN, {"input": {"prompt": "x"}, "webhook": "http://127.0.0.1/x"}, 422, "/webhook"),
        (RUN, {"input": {"prompt": "x"}, "webhook_completed": "ftp://x"}, 422, "/webhook_completed"),
        ("/v1/predictions", {"input": {"prompt": "x"}}, 422, "/version"),
        ("/v1/predictions", {"input": {"prompt": "x"}, "version": "39ed52f2a78e"}, 404, "/version"),
        ("/v1/predictions", {"input": {"prompt": "x"}, "version": "darkroom/echo:39ed52f2a78e"}, 404, "/version"),
        ("/v1/predictions", {"input": {"prompt": "x"}, "version": "stability-ai/sdxl"}, 404, "/version"),
        ("/v1/predictions", {"input": {"prompt": "x"}, "version": "/"}, 404, "/version"),
    ],
)  # fmt: skip
def test_a_fault_is_a_problem_that_says_where(
    client: FlaskClient, path: str, body: Any, status: int, place: str
) -> None:
    answer = client.post(path, json=body)
    found = answer.get_json()
    assert (answer.status_code, found["status"], answer.content_type) == (status, status, "application/problem+json")
    assert {"type", "title", "detail", "instance"} <= set(found)
    assert [fault["pointer"] for fault in found["errors"]][:1] == [place]


@pytest.mark.parametrize(
    ("version", "model", "provider"),
    [
        ("echo", "echo", None),
        ("echo:echo", "echo", None),
        ("anybody/echo", "echo", None),
        ("anybody/echo:echo", "echo", None),
        ("black-forest-labs/flux-schnell", "flux-schnell", None),
        ("black-forest-labs/FLUX.1-schnell", "black-forest-labs-flux-1-schnell", "blackforestlabs-flux1-schnell"),
    ],
)
def test_which_model_is_meant(
    client: FlaskClient, services: Services, version: str, model: str, provider: str | None
) -> None:
    found = ask(client, "/v1/predictions", version=version).get_json()
    job = services.store.get(found["id"]).job
    assert (job.model, job.requested_provider) == (model, provider)
    owner, slash, name = version.partition(":")[0].partition("/")
    if slash:
        assert (
            services.store.get(ask(client, f"/v1/models/{owner}/{name}/predictions").get_json()["id"]).job.model
            == model
        )


def test_a_repeated_request_makes_one_prediction(client: FlaskClient) -> None:
    first = ask(client, headers={"Idempotency-Key": "one"})
    second = ask(client, headers={"Idempotency-Key": "one"})
    assert first.get_json()["id"] == second.get_json()["id"]
    assert second.headers["Idempotency-Replayed"] == "true"
    assert ask(client).get_json()["id"] != ask(client).get_json()["id"]


@pytest.mark.usefixtures("writing")
def test_a_text_is_a_list(client: FlaskClient) -> None:
    assert ask(client, headers=WAIT).get_json()["output"] == ["It is a red square."]


def told(answer: Any) -> list[tuple[str, str, str]]:
    """The id, name and data of each event."""
    found = []
    for block in answer.get_data(as_text=True).split("\n\n"):
        lines = [line.split(": ", 1) for line in block.split("\n") if line and not line.startswith(":")]
        if lines:
            fields = dict(lines)
            found.append((fields["id"], fields["event"], "\n".join(value for name, value in lines if name == "data")))
    return found


@pytest.mark.usefixtures("writing")
def test_a_text_comes_bit_by_bit(client: FlaskClient) -> None:
    made = ask(client).get_json()
    # As the client for JavaScript opens it: without anything but the address.
    answer = client.get(made["urls"]["stream"], buffered=True)
    assert (answer.status_code, answer.mimetype) == (200, "text/event-stream")
    found = told(answer)
    assert "".join(data for _, name, data in found if name == "output") == "It is a red square."
    assert found[-1][1:] == ("done", "{}")
    assert len({mark for mark, _, _ in found}) == len(found) > 2


@pytest.mark.usefixtures("writing")
def test_a_stream_goes_on_after_any_event(client: FlaskClient) -> None:
    made = ask(client, headers=WAIT).get_json()
    path = f"/v1/predictions/{made['id']}/stream"
    whole = told(client.get(path, buffered=True))
    for number, (mark, _, _) in enumerate(whole[:-1]):
        assert told(client.get(path, headers={"Last-Event-ID": mark}, buffered=True)) == whole[number + 1 :]
    assert client.get(path, headers={"Last-Event-ID": whole[-1][0]}).status_code == 204
    assert told(client.get(path, headers={"Last-Event-ID": "nonsense"}, buffered=True)) == whole


def test_a_stream_of_a_picture(client: FlaskClient, fake_worker: FakeWorker) -> None:
    job = fake_worker.submit()
    lease = fake_worker.claim(job)
    fake_worker.preview(lease, 0)
    fake_worker.write(lease, events.Logged, text="two\nlines")
    fake_worker.write(lease, events.Progressed, stage="generating", fraction=0.5)
    picture = fake_worker.succeed(lease)
    found = told(client.get(f"/v1/predictions/{job.id}/stream", buffered=True))
    assert [name for _, name, _ in found] == ["logs", "logs", "output", "done"]
    assert found[0][2] == "two\nlines\n"
    assert base64.b64decode(found[2][2].partition(",")[2]) == picture


def test_a_stream_of_a_failure(client: FlaskClient, fake_worker: FakeWorker) -> None:
    job = fake_worker.submit()
    fake_worker.write(
        fake_worker.claim(job), events.Failed, error=Failure(code="provider_error", detail="out of memory")
    )
    found = told(client.get(f"/v1/predictions/{job.id}/stream", buffered=True))
    assert [(name, json.loads(data)) for _, name, data in found] == [
        ("error", {"detail": "out of memory"}), ("done", {"reason": "error"}),
    ]  # fmt: skip


def test_a_stream_of_what_was_canceled(client: FlaskClient) -> None:
    made = ask(client).get_json()
    client.post(f"/v1/predictions/{made['id']}/cancel")
    ((_, name, data),) = told(client.get(f"/v1/predictions/{made['id']}/stream", buffered=True))
    assert (name, json.loads(data)) == ("done", {"reason": "canceled"})


def test_a_text_that_was_written_anew_is_an_error(client: FlaskClient, writing: Writer) -> None:
    writing.text = "Something else."
    made = ask(client, headers=WAIT).get_json()
    found = told(client.get(f"/v1/predictions/{made['id']}/stream", buffered=True))
    assert [name for _, name, _ in found][-2:] == ["error", "done"]


def test_lines_end_where_any_client_sees_an_end(client: FlaskClient, fake_worker: FakeWorker) -> None:
    job = fake_worker.submit()
    lease = fake_worker.claim(job)
    fake_worker.write(lease, events.Succeeded, outputs=(Output(index=0, kind="text", text="a\r\nevent: x\u2028b\n"),))
    (_, name, data), _ = told(client.get(f"/v1/predictions/{job.id}/stream", buffered=True))
    assert (name, data) == ("output", "a\nevent: x\nb\n")


def test_data_is_as_it_is(client: FlaskClient, fake_worker: FakeWorker) -> None:
    job = fake_worker.submit()
    fake_worker.write(
        fake_worker.claim(job), events.Succeeded, outputs=(Output(index=0, kind="json", data={"a": [1]}),)
    )
    assert client.get(f"/v1/predictions/{job.id}").get_json()["output"] == [{"a": [1]}]


def test_unknown_ids_are_not_found(client: FlaskClient) -> None:
    for path in ("job_01ARZ3NDEKTSV4RRFFQ69G5FAV", "gm3qorzdhgbfurvjtvhg6dckhu"):
        answer = client.get(f"/v1/predictions/{path}")
        assert (answer.status_code, answer.content_type) == (404, "application/problem+json")
    for path in ("/v1/trainings", "/v1/deployments/acme/x"):
        assert client.get(path).status_code == 404


def test_a_stream_whose_log_has_lost_its_begin(
    client: FlaskClient, services: Services, fake_worker: FakeWorker
) -> None:
    job = fake_worker.submit()
    lease = fake_worker.claim(job)
    fake_worker.write(lease, events.Wrote, text="It is a red square", kept=0)
    path = f"/v1/predictions/{job.id}/stream"
    fake_worker.write(lease, events.Succeeded, outputs=(Output(index=0, kind="text", text="It is a red square."),))
    whole = told(client.get(path, buffered=True))
    services.connection.client.xtrim(keys.events(job.id), maxlen=1, approximate=False)
    assert [data for _, name, data in told(client.get(path, buffered=True)) if name == "output"] == [
        "It is a red square."
    ]
    # What this client has of the text nobody knows any more: it gets no part of it twice.
    again = told(client.get(path, headers={"Last-Event-ID": whole[0][0]}, buffered=True))
    assert [name for _, name, _ in again] == ["error", "done"]


def test_a_file_can_have_metadata_as_version_2_sends_them(client: FlaskClient) -> None:
    picture = (io.BytesIO(paint("x", 1, 64, 64)), "a.png", "image/png")
    form = {"content": picture, "metadata[album]": "sea", "metadata": '{"year": "2026"}'}
    assert client.post("/v1/files", data=form).get_json()["metadata"] == {"year": "2026", "album": "sea"}
    many = {f"metadata[{number}]": "x" for number in range(17)}
    picture = (io.BytesIO(paint("x", 1, 64, 64)), "a.png", "image/png")
    assert client.post("/v1/files", data={"content": picture, **many}).status_code == 422
