"""Outputs, previews, and the living image."""

from __future__ import annotations

import io

import pytest
from flask.testing import FlaskClient
from PIL import Image

from jobs import events
from jobs.model import Failure, Output
from tests.support.fake_worker import FakeWorker
from web.services import Services


def side_of(data: bytes) -> tuple[str | None, tuple[int, int]]:
    picture = Image.open(io.BytesIO(data))
    return picture.format, picture.size


def test_an_output_is_served_as_a_file_that_never_changes(client: FlaskClient, fake_worker: FakeWorker) -> None:
    lease = fake_worker.claim(fake_worker.submit())
    picture = fake_worker.succeed(lease)
    output = client.get(f"/v1/jobs/{lease.job.id}").get_json()["outputs"][0]
    answer = client.get(output["url"].removeprefix("http://localhost"))
    assert (answer.status_code, answer.content_type, answer.data) == (200, "image/png", picture)
    assert answer.headers["ETag"] == f'"{output["sha256"]}"'
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer.headers["Content-Disposition"] == f'inline; filename="{lease.job.id}-0.png"'
    again = client.get(f"/v1/jobs/{lease.job.id}/outputs/0", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        ("bytes=0-9", 206, slice(0, 10)),
        ("bytes=10-", 206, slice(10, None)),
        ("bytes=-5", 206, slice(-5, None)),
        ("bytes=0-99999999999999999999", 206, slice(0, None)),
        ("bytes=99999999-", 416, None),
        ("bytes=abc", 416, None),
        ("bytes=0-0,2-2", 200, slice(None)),
    ],
)
def test_one_range_of_an_output_can_be_asked_for(
    client: FlaskClient, fake_worker: FakeWorker, asked: str, status: int, part: slice | None
) -> None:
    lease = fake_worker.claim(fake_worker.submit())
    picture = fake_worker.succeed(lease)
    answer = client.get(f"/v1/jobs/{lease.job.id}/outputs/0", headers={"Range": asked})
    assert answer.status_code == status
    if part is not None:
        assert answer.data == picture[part]
    if status == 416:
        assert answer.headers["Content-Range"] == f"bytes */{len(picture)}"


def test_a_text_is_served_as_a_text(client: FlaskClient, fake_worker: FakeWorker) -> None:
    lease = fake_worker.claim(fake_worker.submit())
    fake_worker.write(lease, events.Succeeded, outputs=(Output(index=0, kind="text", text="<b>two dogs</b>"),))
    answer = client.get(f"/v1/jobs/{lease.job.id}/outputs/0")
    assert (answer.content_type, answer.text) == ("text/plain; charset=utf-8", "<b>two dogs</b>")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert client.get(f"/v1/jobs/{lease.job.id}/image").content_type == "image/png"


@pytest.mark.parametrize("rest", ["outputs/0", "outputs/-1", "outputs/99999999999999999999", "outputs/x", "preview"])
def test_what_is_not_there_is_not_found(client: FlaskClient, fake_worker: FakeWorker, rest: str) -> None:
    assert client.get(f"/v1/jobs/{fake_worker.submit().id}/{rest}").status_code == 404


def test_a_file_that_was_lost_is_gone(client: FlaskClient, fake_worker: FakeWorker, services: Services) -> None:
    lease = fake_worker.claim(fake_worker.submit())
    fake_worker.succeed(lease)
    services.artifacts.delete(lease.job.id)
    assert client.get(f"/v1/jobs/{lease.job.id}/outputs/0").status_code == 410


def test_the_newest_preview_is_shown(client: FlaskClient, fake_worker: FakeWorker) -> None:
    lease = fake_worker.claim(fake_worker.submit())
    fake_worker.preview(lease, 0)
    picture = fake_worker.preview(lease, 1)
    path = f"/v1/jobs/{lease.job.id}/preview"
    answer = client.get(path)
    assert (answer.status_code, answer.content_type, answer.data) == (200, "image/png", picture)
    assert client.get(path, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
    fake_worker.preview(lease, 2)
    assert client.get(path, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 200


def test_the_living_image_goes_from_card_to_preview_to_picture(client: FlaskClient, fake_worker: FakeWorker) -> None:
    job = fake_worker.submit(inputs={"echo": {"prompt": "x", "width": 1024, "height": 576}})
    path = f"/v1/jobs/{job.id}/image"
    card = client.get(path)
    assert side_of(card.data) == ("PNG", (512, 288))
    assert "max-age=1," in card.headers["Cache-Control"]
    assert client.get(path, headers={"If-None-Match": card.headers["ETag"]}).status_code == 304

    lease = fake_worker.claim(job)
    running = client.get(path, headers={"If-None-Match": card.headers["ETag"]})
    assert running.status_code == 200
    preview = fake_worker.preview(lease, 0)
    assert client.get(path).data == preview

    picture = fake_worker.succeed(lease)
    final = client.get(path)
    assert final.data == picture
    assert "immutable" in final.headers["Cache-Control"]


def test_a_failed_job_shows_a_card_that_stays(client: FlaskClient, fake_worker: FakeWorker) -> None:
    lease = fake_worker.claim(fake_worker.submit())
    fake_worker.preview(lease, 0)
    fake_worker.write(
        lease, events.Failed, error=Failure(code="provider_quota", detail="You have exceeded your GPU quota.")
    )
    answer = client.get(f"/v1/jobs/{lease.job.id}/image")
    assert side_of(answer.data) == ("PNG", (512, 512))
    assert "immutable" in answer.headers["Cache-Control"]
