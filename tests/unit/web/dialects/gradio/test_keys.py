"""What belongs to another key is not there for a Gradio client: sessions, jobs, files. And where its key is."""

from __future__ import annotations

import io
from typing import Any

import pytest
from flask import Flask

from providers.echo.painting import paint
from tests.support import gradio_apps
from tests.support.fake_worker import FakeWorker
from web.services import Services

APP = f"/gradio/{gradio_apps.MODEL}"
API = f"{APP}/gradio_api"
VALUES = ["a lighthouse", 7, False, 64, 64, 1]


class Keys:
    """Two keys of one application."""

    def __init__(self, app: Flask) -> None:
        self.services: Services = app.extensions["darkroom"]
        gradio_apps.know(self.services)
        self.client = app.test_client()
        self.mine, self.other = (self.services.keys.create(name)[1] for name in ("mine", "other"))

    def open(self, key: str, method: str, path: str, **more: Any) -> Any:
        return self.client.open(f"{API}{path}", method=method, headers={"X-HF-Authorization": f"Bearer {key}"}, **more)


@pytest.fixture
def two(public_app: Flask) -> Keys:
    return Keys(public_app)


def test_a_session_is_its_keys_own(two: Keys) -> None:
    body = {"data": VALUES, "fn_index": 2, "session_hash": "guessed"}
    job_id = two.open(two.mine, "POST", "/queue/join", json=body).get_json()["event_id"]
    assert two.open(two.other, "GET", "/queue/data?session_hash=guessed").text == (
        'data: {"msg":"close_stream","event_id":null}\n\n'
    )
    assert two.open(two.other, "POST", "/cancel", json={"event_id": job_id}).status_code == 404
    assert two.open(two.other, "GET", f"/call/infer/{job_id}").status_code == 404
    assert two.services.store.get(job_id).job.status == "queued"
    lease = FakeWorker(two.services).claim(two.services.store.get(job_id).job)
    picture = FakeWorker(two.services).succeed(lease)
    path = f"/file={job_id}/0/image.png"
    assert two.open(two.mine, "GET", path).data == picture
    assert two.open(two.other, "GET", path).status_code == 404


def test_an_upload_is_its_keys_own(two: Keys) -> None:
    form = {"files": (io.BytesIO(paint("x", 1, 64, 64)), "a picture.png")}
    (path,) = two.open(two.mine, "POST", "/upload", data=form).get_json()
    assert path.endswith("/a_picture.png")
    assert two.open(two.mine, "GET", f"/file={path}").status_code == 200
    assert two.open(two.other, "GET", f"/file={path}").status_code == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X-HF-Authorization": "Bearer {key}"}, 200),
        ({"Authorization": "Bearer {key}"}, 200),
        ({"X-HF-Authorization": "Bearer hf_saved", "Authorization": "Bearer {key}"}, 200),
        ({"X-HF-Authorization": "Bearer {key}", "Authorization": "Bearer hf_saved"}, 200),
        ({"X-HF-Authorization": "Bearer hf_saved"}, 401),
        ({"Authorization": "Bearer hf_saved"}, 401),
        ({"X-HF-Authorization": "Bearer dk_live_none", "Authorization": "Bearer {key}"}, 401),
        ({}, 401),
    ],
)
def test_a_key_is_read_from_either_header(two: Keys, headers: dict[str, str], status: int) -> None:
    given = {name: value.format(key=two.mine) for name, value in headers.items()}
    answer = two.client.get(f"{APP}/config", headers=given)
    assert answer.status_code == status
    if status == 401:
        assert "hf_saved" not in answer.text
        assert answer.get_json()["detail"].startswith("Send a valid key")
