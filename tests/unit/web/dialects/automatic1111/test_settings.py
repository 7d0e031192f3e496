"""The chosen model, the lists, keys, and what is written in a picture."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from providers.echo.painting import paint
from tests.unit.web.dialects.automatic1111.conftest import Asker
from web.services import Services

OPTIONS = "/sdapi/v1/options"
PICTURE = base64.b64encode(paint("x", 1, 64, 64)).decode()


def basic(text: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(text.encode()).decode()}"}


def test_the_chosen_model_holds_for_requests_that_name_none(ask: Asker, services: Services) -> None:
    assert ask.get(OPTIONS)["sd_model_checkpoint"] == "flux"
    # As Open WebUI does: all of it back, with another model.
    assert ask.post(OPTIONS, {**ask.get(OPTIONS), "sd_model_checkpoint": "flux-schnell"}) is None
    assert ask.get(OPTIONS)["sd_model_checkpoint"] == "flux-schnell"
    jobs = [ask.in_background(override_settings=settings).jobs[0] for settings in ({}, {"sd_model_checkpoint": "echo"})]
    assert [services.store.get(job_id).job.model for job_id in jobs] == ["flux-schnell", "echo"]


def test_each_end_user_has_a_choice_and_else_the_keys(ask: Asker, services: Services) -> None:
    user = Asker(ask.client, services, {"X-OpenWebUI-User-Id": "u2"})
    ask.post(OPTIONS, {"sd_model_checkpoint": "flux-schnell"})
    assert user.get(OPTIONS)["sd_model_checkpoint"] == "flux-schnell"
    user.post(OPTIONS, {"sd_model_checkpoint": "echo"})
    assert [one.get(OPTIONS)["sd_model_checkpoint"] for one in (ask, user)] == ["flux-schnell", "echo"]
    job = services.store.get(user.in_background(override_settings={}).jobs[0]).job
    assert (job.model, job.metadata["user"]) == ("echo", "u2")


@pytest.mark.parametrize("name", ["steam", "janus-pro-7b", 7])
def test_a_model_that_makes_no_images_cannot_be_chosen(ask: Asker, name: Any) -> None:
    answer = ask.client.post(OPTIONS, json={"sd_model_checkpoint": name})
    assert (answer.status_code, answer.get_json()["errors"]) == (422, "invalid_input")
    assert ask.get(OPTIONS)["sd_model_checkpoint"] == "flux"


def test_other_settings_have_no_effect_and_are_named(ask: Asker) -> None:
    settings = {"sd_vae": "x.pt", "samples_format": "png", "sd_model_checkpoint": "", "auth": "me:secret"}
    answer = ask.client.post(OPTIONS, json=settings)
    assert (answer.get_json(), set(answer.headers["X-Ignored-Params"].split(", "))) == (None, {"sd_vae", "auth"})


def test_a_model_that_was_chosen_and_is_gone_is_not_replaced_by_another(ask: Asker, services: Services) -> None:
    services.connection.redis.set("dr:chosen:local", "steam")
    answer = ask(override_settings={})
    assert (answer.status_code, "steam" in answer.get_json()["detail"]) == (422, True)


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("samplers", ("name", "aliases", "options")), ("schedulers", ("name", "label")), ("upscalers", ("name",)),
        ("sd-models", ("title", "model_name", "hash", "filename")), ("latent-upscale-modes", ()), ("sd-vae", ()),
        ("sd-modules", ()), ("prompt-styles", ()), ("face-restorers", ()), ("hypernetworks", ()), ("loras", ()),
        ("realesrgan-models", ()),
    ],
)  # fmt: skip
def test_each_list_is_there(ask: Asker, path: str, form: tuple[str, ...]) -> None:
    found = ask.get(f"/sdapi/v1/{path}")
    assert isinstance(found, list)
    assert bool(found) == bool(form)
    assert all(set(form) <= set(item) for item in found)


def test_the_models_are_those_that_make_images(ask: Asker) -> None:
    names = {model["title"] for model in ask.get("/sdapi/v1/sd-models")}
    assert {"flux", "flux-schnell", "echo"} <= names
    assert "janus-pro-7b" not in names


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/sdapi/v1/scripts", {"txt2img": [], "img2img": []}), ("/sdapi/v1/embeddings", {"loaded": {}, "skipped": {}}),
        ("/sdapi/v1/cmd-flags", {}), ("/sdapi/v1/memory", {"ram": {}, "cuda": {}}), ("/internal/ping", {}),
    ],
)  # fmt: skip
def test_each_table_is_there(ask: Asker, path: str, found: Any) -> None:
    assert ask.get(path) == found


@pytest.mark.parametrize("what", ["unload-checkpoint", "reload-checkpoint", "refresh-checkpoints"])
def test_models_need_no_loading(ask: Asker, what: str) -> None:
    assert ask.post(f"/sdapi/v1/{what}") == {}


@pytest.mark.parametrize("path", ["/config", "/sdapi/v1/extra-single-image", "/sdapi/v1/train"])
def test_what_is_not_there_is_a_404_in_json(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, bool(answer.get_json(force=True)["detail"])) == (404, True)


@pytest.mark.parametrize(
    "headers", [{}, basic(""), basic("undefined"), basic("me:"), {"Authorization": ""}, {"Authorization": "Basic ?"}]
)
def test_without_keys_any_header_of_a_program_without_one_will_do(client: FlaskClient, headers: dict[str, str]) -> None:
    assert client.get(OPTIONS, headers=headers).status_code == 200
    assert client.head("/").status_code == 200


def test_the_key_is_a_password_or_a_token(public_app: Flask) -> None:
    client, services = public_app.test_client(), public_app.extensions["darkroom"]
    _, key = services.keys.create("me", ("read",))
    for headers in (basic(f"anybody:{key}"), basic(f":{key}"), {"Authorization": f"Bearer {key}"}):
        assert client.get(OPTIONS, headers=headers).status_code == 200
        answer = client.post(OPTIONS, json={}, headers=headers)
        assert (answer.status_code, set(answer.get_json())) == (403, {"error", "detail", "body", "errors"})
    for headers in ({}, basic(key), basic("me:wrong"), {"Authorization": "Bearer x"}):
        answer = client.get(OPTIONS, headers=headers)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Basic realm="Darkroom"')
        assert "password" in answer.get_json()["detail"]


def chunk(kind: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")


PNG = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(
    ("data", "info", "items"),
    [
        (PNG + chunk(b"tEXt", b"parameters\0caf\xe9") + chunk(b"tEXt", b"a\0b"), "café", {"a": "b"}),
        (PNG + chunk(b"iTXt", "parameters\0\0\0\0\0灯台".encode()), "灯台", {}),
        (PNG + chunk(b"iTXt", b"parameters\0\0\0en\0"), "", {}),
        (PNG + chunk(b"iTXt", b"parameters\0\0\0\0\0\xff"), "�", {}),
        (PNG + chunk(b"zTXt", b"parameters\0\0" + zlib.compress(b"x" * 100)), "", {}),
        (PNG + chunk(b"iTXt", b"parameters\0\1\0\0\0" + zlib.compress(b"x" * 100)), "", {}),
        (PNG + chunk(b"tEXt", b"parameters\0x")[:-6], "", {}),
        (PNG + chunk(b"tEXt", b""), "", {"": ""}),
        (PNG, "", {}),
        (PNG + chunk(b"tEXt", b"parameters\0x"), "x", {}),
        (PNG + chunk(b"IDAT", b"") + chunk(b"tEXt", b"parameters\0x"), "", {}),
        (PNG + chunk(b"juNK", b"") * 1000 + chunk(b"tEXt", b"parameters\0x"), "", {}),
        (paint("x", 1, 64, 64), "", {}),
        (b"\xff\xd8\xff no PNG", "", {}),
        (b"", "", {}),
    ],
)
def test_the_texts_of_a_picture_are_read(ask: Asker, data: bytes, info: str, items: dict[str, str]) -> None:
    for head in ("", "data:image/png;base64,"):
        found = ask.post("/sdapi/v1/png-info", {"image": head + base64.b64encode(data).decode()})
        assert (found["info"], found["items"]) == (info, items)


@pytest.mark.parametrize("body", [{}, {"image": 7}, {"image": "%"}, {"image": "data:image/png;base64,é"}, []])
def test_a_picture_that_cannot_be_read_is_refused(client: FlaskClient, body: Any) -> None:
    answer = client.post("/sdapi/v1/png-info", json=body)
    assert (answer.status_code, answer.get_json()["errors"]) == (422, "invalid_input")


@pytest.mark.parametrize("model", ["clip", "deepdanbooru", "janus-pro-7b"])
@pytest.mark.usefixtures("writing")
def test_a_picture_is_described_by_a_model_that_looks(ask: Asker, services: Services, model: str) -> None:
    answer = ask.client.post("/sdapi/v1/interrogate", json={"image": PICTURE, "model": model})
    assert answer.get_json() == {"caption": "It is a red square."}
    job = services.store.get(answer.headers["X-Request-Id"]).job
    assert (job.model, job.metadata) == ("janus-pro-7b", {"dialect": "automatic1111"})
