"""A second dialect on the parts of the first: its own body, its own answer, its own places of faults."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from flask import Blueprint, Flask, Response, jsonify, request
from flask.testing import FlaskClient
from msgspec import Meta

from tests.support.fake_worker import FakeWorker
from web.app import assemble
from web.http.json_body import SMALL_BODY, read_json
from web.http.operation import Answer, Operation
from web.http.problems import Problem
from web.http.validation import BodyReader, RequestBody
from web.services import Services, asker, links
from web.v1 import idempotency
from web.v1.accept import accept, awaited, replayed
from web.v1.permit import permit
from web.v1.schemas.jobs import JobRequest


class PaintRequest(RequestBody, frozen=True, kw_only=True):
    """What the dialect takes."""

    text: Annotated[str, Meta(min_length=1)]
    pixels: int = 64
    engine: str = "echo"


READER = BodyReader(PaintRequest)
#: Where the parts of a job's body come from.
PLACES = {"/input/prompt": "/text", "/input/width": "/pixels", "/input/height": "/pixels", "/model": "/engine"}

blueprint = Blueprint("paint", __name__)


@blueprint.post("/paint")
@Operation("paint", "Jobs", "submit", submits=True, answers=(Answer(status=200, description="The image."),))
def paint() -> Response:
    """Paint, and answer when it is done."""
    asked = READER.read(read_json(request, SMALL_BODY))
    marks = idempotency.marks({"paint": asked.text, "pixels": asked.pixels})
    accepted = replayed(marks)
    if accepted is None:
        side = {"width": asked.pixels, "height": asked.pixels}
        try:
            submission = permit(asker(), JobRequest(model=asked.engine, input={"prompt": asked.text, **side}))
        except Problem as problem:
            raise problem.relocated(PLACES) from None
        accepted = accept(submission, marks)
    job = awaited(accepted, 0)[0].record.job
    made = [links().job(job.id, "outputs", str(output.index)) for output in job.outputs]
    return jsonify(painted=made, state=job.status, again=accepted.replayed, number=job.id)


@pytest.fixture
def client(services: Services) -> FlaskClient:
    app: Flask = assemble(services)
    app.register_blueprint(blueprint)
    return app.test_client()


def post(client: FlaskClient, body: Any, **headers: str) -> Any:
    return client.post("/paint", json=body, headers={name.replace("_", "-"): text for name, text in headers.items()})


def test_a_request_is_a_job_like_any_other(client: FlaskClient, services: Services, fake_worker: FakeWorker) -> None:
    first = post(client, {"text": "a lighthouse"}, Idempotency_Key="k").get_json()
    assert (first["state"], first["painted"], first["again"]) == ("queued", [], False)
    job = services.store.get(first["number"]).job
    assert job.input == {"prompt": "a lighthouse", "seed": job.input["seed"], "width": 64, "height": 64}
    fake_worker.succeed(fake_worker.claim(job))
    again = post(client, {"text": "a lighthouse"}, Idempotency_Key="k").get_json()
    assert (again["state"], again["again"], again["number"]) == ("succeeded", True, job.id)
    assert again["painted"] == [f"http://localhost/v1/jobs/{job.id}/outputs/0"]
    assert client.get(f"/v1/jobs/{job.id}").get_json()["status"] == "succeeded"


@pytest.mark.parametrize(
    ("body", "status", "place"),
    [
        ({}, 422, "/text"),
        ({"text": "x", "pixel": 1}, 422, "/pixel"),
        ({"text": "x", "pixels": 99_999}, 422, "/pixels"),
        ({"text": "\x01"}, 422, "/text"),
        ({"text": "x", "engine": "steam"}, 404, "/engine"),
    ],
)
def test_a_fault_is_told_where_this_dialect_has_it(
    client: FlaskClient, services: Services, body: Any, status: int, place: str
) -> None:
    answer = post(client, body)
    assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (status, place)
    assert "/input" not in answer.text
    assert services.queue.overview().queued == 0


def test_another_request_with_the_same_key_is_refused(client: FlaskClient) -> None:
    assert post(client, {"text": "x"}, Idempotency_Key="k").status_code == 200
    assert post(client, {"text": "y"}, Idempotency_Key="k").get_json()["code"] == "idempotency_key_reused"


def test_its_jobs_count_against_the_limits_of_the_key(client: FlaskClient) -> None:
    post(client, {"text": "x"})
    assert client.get("/v1/usage").get_json()["used"]["queued"] == 1
