"""OpenAI's videos and speech: jobs as videos, what is refused, and a sound as the answer."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobs import events
from jobs.model import Failure, Job, Output
from jobs.record.types import Lease
from providers.echo.painting import paint
from providers.echo.samples import sound
from tests.support.fake_worker import FakeWorker
from tests.unit.web.dialects.conftest import at_work
from web.services import Services

VIDEOS = "/v1/videos"
SPEECH = "/v1/audio/speech"
UNKNOWN = "video_job_01ARZ3NDEKTSV4RRFFQ69G5FAV"


def ask(client: FlaskClient, **body: Any) -> Any:
    return client.post(VIDEOS, json={"prompt": "waves", "model": "echo", **body})


def job_of(services: Services, answer: Any) -> Job:
    return services.store.get(answer.headers["X-Request-Id"]).job


def filmed(services: Services, fake_worker: FakeWorker, lease: Lease) -> None:
    digest = services.artifacts.put(lease.job.id, b"a film")
    film = Output(
        index=0, kind="video", content_type="video/mp4", width=320, height=240, duration=4.5, bytes=6, sha256=digest
    )
    fake_worker.write(lease, events.Succeeded, outputs=(film,))


def test_a_video_is_a_job_that_is_asked_for_until_it_has_ended(
    client: FlaskClient, services: Services, fake_worker: FakeWorker
) -> None:
    made = ask(client, size="640x480", style="noir")
    job = job_of(services, made)
    assert (made.status_code, made.headers["X-Ignored-Params"]) == (200, "style")
    assert made.get_json() == {
        "id": f"video_{job.id}",
        "object": "video",
        "created_at": int(job.created_at),
        "completed_at": None,
        "expires_at": None,
        "status": "queued",
        "progress": 0,
        "model": "echo",
        "prompt": "waves",
        "size": "640x480",
        "error": None,
    }
    assert re.fullmatch("[1-9][0-9]*000", made.headers["openai-poll-after-ms"])
    address = f"{VIDEOS}/video_{job.id}"
    assert client.get(f"{address}/content").status_code == 404
    filmed(services, fake_worker, fake_worker.claim(job))
    found = client.get(address)
    assert (
        found.get_json() | {"status": "completed", "progress": 100, "size": "320x240", "seconds": "4.5"}
        == found.get_json()
    )
    assert "openai-poll-after-ms" not in found.headers
    file = client.get(f"{address}/content")
    assert (file.data, file.content_type) == (b"a film", "video/mp4")
    assert client.get(f"{address}/content", headers={"Range": "bytes=2-"}).data == b"film"
    assert client.delete(address).get_json() == {"id": f"video_{job.id}", "object": "video.deleted", "deleted": True}
    assert client.get(address).status_code == 410


def test_a_form_with_a_picture_and_numbers_as_texts(client: FlaskClient, services: Services) -> None:
    picture = (io.BytesIO(paint("x", 1, 64, 64)), "a.png", "image/png")
    data = {"prompt": "waves", "model": "echo", "seed": "7", "width": "128", "input_reference": picture}
    job = job_of(services, client.post(VIDEOS, data=data))
    assert (job.input["seed"], job.input["width"], job.input["image"][:7]) == (7, 128, "sha256:")


def test_the_list_has_videos_alone_in_parts(client: FlaskClient) -> None:
    ids = [ask(client).get_json()["id"] for _ in range(3)]
    client.post("/v1/jobs", json={"model": "echo", "input": {"prompt": "no video"}})
    page = client.get(VIDEOS, query_string={"limit": "2"}).get_json()
    assert ([video["id"] for video in page["data"]], page["has_more"]) == ([ids[2], ids[1]], True)
    assert (page["first_id"], page["last_id"]) == (ids[2], ids[1])
    rest = client.get(VIDEOS, query_string={"limit": "2", "after": ids[1], "order": "desc"}).get_json()
    assert ([video["id"] for video in rest["data"]], rest["has_more"]) == ([ids[0]], False)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("after=video_x", 422),
        (f"after={UNKNOWN}", 404),
        ("order=asc", 422),
        ("limit=0", 422),
        ("color=red", 422),
    ],
)
def test_a_query_that_is_not_understood_is_refused(client: FlaskClient, query: str, status: int) -> None:
    assert client.get(f"{VIDEOS}?{query}").status_code == status


@pytest.mark.parametrize(
    ("body", "status", "place"),
    [
        ({"model": "flux-schnell"}, 422, "/model"),
        ({"size": "large"}, 422, "/size"),
        ({"input_reference": {"video": "x"}}, 422, "/input_reference"),
        ({"input_reference": {"file_id": "file_01ARZ3NDEKTSV4RRFFQ69G5FAV"}}, 422, "/input_reference"),
        ({"prompt": None}, 422, "/prompt"),
    ],
)
def test_a_fault_is_told_where_it_stands(
    client: FlaskClient, services: Services, body: Any, status: int, place: str
) -> None:
    answer = ask(client, **body)
    assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (status, place)
    assert services.queue.overview().queued == 0


@pytest.mark.parametrize("variant", ["thumbnail", "spritesheet"])
def test_only_the_film_itself_is_there(client: FlaskClient, variant: str) -> None:
    video = ask(client).get_json()["id"]
    assert client.get(f"{VIDEOS}/{video}/content", query_string={"variant": variant}).status_code == 422


def test_a_video_that_fails_or_is_canceled_is_failed(
    client: FlaskClient, services: Services, fake_worker: FakeWorker
) -> None:
    first, second = (ask(client) for _ in range(2))
    error = Failure(code="provider_error", detail="the app crashed", provider="x")
    fake_worker.write(fake_worker.claim(job_of(services, first)), events.Failed, error=error)
    services.jobs.cancel(job_of(services, second).id, "local")
    for made, code in ((first, "provider_error"), (second, "canceled")):
        found = client.get(f"{VIDEOS}/{made.get_json()['id']}").get_json()
        assert (found["status"], found["error"]["code"]) == ("failed", code)


@pytest.mark.parametrize(
    ("path", "body", "kind"),
    [
        (VIDEOS, {"prompt": "waves", "model": "sora-2"}, "video"),
        (VIDEOS, {"prompt": "waves"}, "video"),
        (SPEECH, {"input": "Good evening.", "voice": "alloy", "model": "tts-1"}, "audio"),
    ],
)
def test_where_no_such_model_is_here_it_is_said(client: FlaskClient, path: str, body: Any, kind: str) -> None:
    answer = client.post(path, json=body)
    assert answer.status_code == 404
    assert f"no model here that makes {kind}" in answer.get_json()["error"]["message"]


@pytest.fixture
def speaking(services: Services, fake_worker: FakeWorker) -> Any:
    """A worker that makes a sound for each job."""

    def run(lease: Lease) -> None:
        data = sound(0.1)
        digest = services.artifacts.put(lease.job.id, data)
        output = Output(index=0, kind="audio", content_type="audio/wav", bytes=len(data), sha256=digest)
        fake_worker.write(lease, events.Succeeded, outputs=(output,))

    with at_work(services, fake_worker, run):
        yield


def say(client: FlaskClient, **body: Any) -> Any:
    return client.post(SPEECH, json={"model": "echo", "voice": "alloy", "input": "Good evening.", **body})


@pytest.mark.parametrize("voice", ["alloy", {"id": "voice_1"}, None])
@pytest.mark.usefixtures("speaking")
def test_the_answer_is_the_sound(client: FlaskClient, services: Services, voice: Any) -> None:
    answer = say(client, voice=voice, response_format="mp3", stream_format="sse")
    assert (answer.status_code, answer.content_type, answer.data) == (200, "audio/wav", sound(0.1))
    ignored = ["voice"] if voice else []
    assert answer.headers["X-Ignored-Params"].split(", ") == [*ignored, "response_format", "stream_format"]
    assert job_of(services, answer).input["prompt"] == "Good evening."


@pytest.mark.parametrize(
    ("body", "status", "place"),
    [
        ({"model": "flux-schnell"}, 422, "/model"),
        ({"input": ""}, 422, "/input"),
        ({"input": "x" * 20_000}, 422, "/input"),
        ({"voice": 7}, 422, "/voice"),
        ({"speed": "fast"}, 422, "/speed"),
    ],
)
def test_a_fault_in_a_text_to_read_is_told_where_it_stands(
    client: FlaskClient, services: Services, body: Any, status: int, place: str
) -> None:
    answer = say(client, **body)
    assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (status, place)
    assert services.queue.overview().queued == 0


@pytest.mark.usefixtures("working")
def test_a_model_that_made_no_sound_is_an_error(client: FlaskClient) -> None:
    answer = say(client)
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (424, "job_failed")
    assert answer.headers["x-should-retry"] == "false"
