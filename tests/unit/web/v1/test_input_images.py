"""Images of a request: inline, by the id of an upload, by an address."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image

import settings as configuration
from jobs import ids
from jobs.files.image_terms import ImageInfo
from jobs.files.images import clean
from providers.inputs.images import FILE_ID_PATTERN
from settings import Settings
from web.services import Services

CONFIG = """
[providers.mixer]
driver = "space"
url = "http://127.0.0.1:9"
api_name = "/mix"
models = ["mixer"]
parameters = { prompt = "", subject = { type = "image", required = true }, mask = { type = "image" } }

[providers.teller]
driver = "space"
url = "http://127.0.0.1:9"
api_name = "/tell"
models = ["teller", "mixer"]
parameters = { prompt = "", subject = "" }
"""


@pytest.fixture
def web_settings(tmp_path: Path) -> Settings:
    (tmp_path / "providers.toml").write_text(CONFIG)
    found = configuration.load({"DARKROOM_DATA_DIR": str(tmp_path), "DARKROOM_HUB_URL": ""})
    return replace(found, config=tmp_path / "providers.toml")


def photo(canary: str = "canary") -> str:
    exif = Image.Exif()
    exif[0x010E] = canary
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(buffer, "JPEG", exif=exif)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue() + canary.encode()).decode()


def test_the_id_of_a_file_is_the_same_for_providers_and_jobs() -> None:
    assert FILE_ID_PATTERN == ids.FILE


def submit(client: FlaskClient, **body: Any) -> Any:
    return client.post("/v1/jobs", json=body)


def kept(services: Services, job_id: str) -> list[bytes]:
    return [
        path.read_bytes()
        for path in services.settings.artifacts_dir.rglob("*")
        if job_id in str(path) and path.is_file()
    ]


def test_every_parameter_that_is_a_picture_is_kept_as_a_file(client: FlaskClient, services: Services) -> None:
    answer = submit(client, model="mixer", input={"prompt": "both", "subject": photo(), "mask": photo("other")})
    assert answer.status_code == 202, answer.data
    job = services.store.get(answer.get_json()["id"]).job
    for name in ("subject", "mask"):
        assert re.fullmatch("sha256:[0-9a-f]{64}", job.given[name])
        assert job.input[name] == job.given[name]
    # The same pixels, so the same file, and nothing else of what came.
    files = kept(services, job.id)
    assert len(files) == 1
    assert b"canary" not in files[0]


def test_a_picture_of_a_history_becomes_the_models_own_parameter(client: FlaskClient, services: Services) -> None:
    parts = [{"type": "text", "text": "mix it"}, {"type": "image_url", "image_url": {"url": photo()}}]
    answer = submit(client, model="mixer", input={"messages": [{"role": "user", "content": parts}], "subject": photo()})
    job = services.store.get(answer.get_json()["id"]).job
    assert job.given["messages"][0]["content"][1]["image_url"]["url"] == job.given["subject"] == job.input["subject"]
    assert job.input["prompt"] == "mix it"


def test_a_text_that_begins_like_a_picture_stays_a_text(client: FlaskClient) -> None:
    answer = submit(client, model="mixer", input={"prompt": "data:image/png;base64,aGk=", "subject": photo()})
    assert answer.get_json()["input"]["prompt"] == "data:image/png;base64,aGk="


def test_a_name_that_means_a_picture_here_and_a_text_there_may_be_either(client: FlaskClient) -> None:
    answer = submit(client, model="mixer", input={"prompt": "x", "subject": "a lighthouse"})
    assert (answer.status_code, answer.get_json()["input"]["subject"]) == (202, "a lighthouse")
    assert submit(client, model="mixer", input={"prompt": "x", "subject": photo()}).status_code == 202


@pytest.mark.parametrize("name", ["subject", "mask"])
def test_a_picture_that_is_none_is_refused_by_its_name(client: FlaskClient, services: Services, name: str) -> None:
    html = "data:image/png;base64," + base64.b64encode(b"<script>alert(1)</script>").decode()
    answer = submit(client, model="mixer", input={"prompt": "x", "subject": photo(), name: html})
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.get_json()["errors"]] == [f"/input/{name}"]
    assert not kept(services, "job_")


def test_pictures_of_one_request_have_a_bound_together(client: FlaskClient, services: Services) -> None:
    def history(number: int) -> dict[str, Any]:
        parts = [{"type": "image_url", "image_url": {"url": photo(str(n))}} for n in range(number)]
        parts.append({"type": "text", "text": "mix them"})
        return {"messages": [{"role": "user", "content": parts[at : at + 100]} for at in range(0, len(parts), 100)]}

    answer = submit(client, model="mixer", input={**history(257), "subject": photo("0")})
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.get_json()["errors"]] == ["/input/messages/2/content/56/image_url/url"]
    assert not kept(services, "job_")
    assert submit(client, model="mixer", input={**history(256), "subject": photo("0")}).status_code == 202


def test_a_batch_reads_the_same_picture_once(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[bytes] = []

    def counted(data: bytes) -> tuple[bytes, ImageInfo]:
        read.append(data)
        return clean(data)

    monkeypatch.setattr("web.v1.input_images.clean", counted)
    body = {
        "template": {"model": "mixer", "input": {"prompt": "x", "subject": photo()}},
        "matrix": {"input.prompt": ["a", "b", "c"]},
    }
    assert client.post("/v1/batches", json=body).status_code == 202
    assert len(read) == 1


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://[::ffff:127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://localhost/",
        "https://example.com\\@127.0.0.1/",
        "https://user:pw@example.com/",
        "https://example.com:22/",
        "https://example.com:99999/",
        "https://①②⑦.⓪.⓪.①/",
        "https://",
        "https:///path",
        "https://example.com/a b",
        "https://example.com/\u00e9",
        "https://[::1/",
        "http://example.com/a.png",
        "http://metadata.google.internal/computeMetadata/v1/",
        "https://example.com/a.png#part",
        "https://example.com:8000/",
        "https://93.184.216.34/",
        "https://printer.local/",
    ],
)
def test_an_address_that_is_not_that_of_a_public_server_is_refused(client: FlaskClient, url: str) -> None:
    answer = submit(client, model="mixer", input={"prompt": "x", "subject": url})
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.get_json()["errors"]] == ["/input/subject"]
    assert "POST /v1/files" in answer.get_json()["detail"]


@pytest.mark.parametrize("url", ["https://example.com/a.png?x=1", "https://xn--bcher-kva.example.com:8443/"])
def test_the_address_of_a_public_server_stays_for_whoever_runs_the_job(client: FlaskClient, url: str) -> None:
    answer = submit(client, model="mixer", input={"prompt": "x", "subject": url})
    assert (answer.status_code, answer.get_json()["input"]["subject"]) == (202, url)
