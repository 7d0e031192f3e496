"""AUTOMATIC1111's ways to pictures: what is understood, what is ignored and said, and the shape of the answer."""

from __future__ import annotations

import base64
import io
import json
import time
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image

from jobs import events
from jobs.errors import StoreUnavailable
from jobs.files import images
from jobs.files.metadata import png
from jobs.model import Failure, Output, Recipe
from jobs.record.followed import Followed
from providers.echo.painting import paint
from tests.support.fake_worker import FakeWorker
from tests.unit.web.dialects.automatic1111.conftest import ECHO, TXT2IMG, Asker
from web.services import Services, Timings


def as_webp(picture: bytes) -> bytes:
    found = io.BytesIO()
    Image.open(io.BytesIO(picture)).save(found, "WEBP")
    return found.getvalue()


PICTURE = base64.b64encode(paint("x", 1, 64, 64)).decode()


@pytest.mark.usefixtures("working")
def test_a_picture_comes_as_its_clients_read_it(ask: Asker, services: Services) -> None:
    answer = ask(width=256, height=128, sampler_name="Euler a", auth="me:secret", url="http://127.0.0.1")
    found = answer.get_json()
    assert set(found) == {"images", "parameters", "info"}
    (image,) = found["images"]
    assert png.is_one(base64.b64decode(image))
    assert found["parameters"] == {"prompt": "a lighthouse", "width": 256, "height": 128}
    info = json.loads(found["info"])
    job = services.store.get(answer.headers["X-Request-Id"]).job
    assert (info["job_ids"], info["infotexts"], info["all_seeds"]) == ([job.id], ["a lighthouse"], [7])
    assert (info["seed"], info["width"], info["height"], info["sd_model_name"]) == (7, 64, 64, "echo")
    assert (job.metadata, job.model) == ({"dialect": "automatic1111"}, "echo")
    assert "secret" not in repr(job)


@pytest.mark.parametrize(
    ("body", "used"),
    [
        ({"width": 1024, "height": 768}, {"width": 1024, "height": 768}),
        ({"seed": 9}, {"seed": 9}),
        # As one of the bots sends them.
        ({"seed": "9", "width": "64", "cfg_scale": "7.0"}, {"seed": 9, "width": 64}),
        ({"denoising_strength": None, "steps": None}, {}),
    ],
)
@pytest.mark.usefixtures("working")
def test_what_a_model_takes_reaches_it(ask: Asker, services: Services, body: Any, used: dict[str, Any]) -> None:
    job = services.store.get(ask(**body).headers["X-Request-Id"]).job
    assert job.input | used == job.input


@pytest.mark.usefixtures("working")
def test_what_has_no_effect_is_named_but_not_what_asks_for_nothing(ask: Asker, services: Services) -> None:
    settings = {**ECHO, "sd_vae": "x.pt", "CLIP_stop_at_last_layers": 2, "empty": None}
    answer = ask(
        sampler_name="Euler a", scheduler="Simple", sampler_index="Automatic", cfg_scale=7, seed=2**40, styles=[], restore_faces=False, tiling=None,
        auth="me:secret", override_settings=settings, negative_prompt="",
    )  # fmt: skip
    names = answer.headers["X-Ignored-Params"].split(", ")
    assert set(names) == {
        "sampler_name", "scheduler", "cfg_scale", "seed", "override_settings.sd_vae",
        "override_settings.CLIP_stop_at_last_layers",
    }  # fmt: skip
    job = services.store.get(answer.headers["X-Request-Id"]).job
    assert job.warnings == (f"Ignored: {', '.join(names)}.",)


@pytest.mark.parametrize(
    ("body", "ignored"),
    [
        ({"steps": 80}, ["steps"]),
        ({"steps": 4}, []),
        ({"seed": 2**40}, ["seed"]),
        ({"seed": -1}, []),
        ({"seed": -7}, []),
        ({"seed": 4_294_967_295}, []),
        # The last one would get a seed that is too large.
        ({"seed": 4_294_967_295, "n_iter": 2}, ["seed"]),
        ({"denoising_strength": 0.7}, ["denoising_strength"]),
    ],
)
def test_a_number_that_is_set_for_all_models_alike_is_left_out_where_it_does_not_fit(
    ask: Asker, services: Services, body: Any, ignored: list[str]
) -> None:
    waiting = ask.in_background(override_settings={"sd_model_checkpoint": "flux"}, **body)
    job = services.store.get(waiting.jobs[0]).job
    assert job.warnings == tuple(f"Ignored: {name}." for name in ignored)
    assert job.given.get("num_inference_steps") == (None if ignored else body.get("steps"))


@pytest.mark.usefixtures("working")
def test_several_pictures_are_several_jobs_with_seeds_in_a_row(ask: Asker, services: Services) -> None:
    answer = ask(batch_size=2, n_iter=2, seed=5)
    found = answer.get_json()
    info = json.loads(found["info"])
    assert (len(found["images"]), len(info["all_prompts"]), len(info["infotexts"])) == (4, 4, 4)
    assert [services.store.get(job_id).job.input["seed"] for job_id in info["job_ids"]] == [5, 6, 7, 8]


@pytest.mark.usefixtures("working")
def test_the_pictures_can_be_left_in_the_job(ask: Asker) -> None:
    found = ask(send_images=False).get_json()
    assert (found["images"], json.loads(found["info"])["batch_size"]) == ([], 1)


def test_a_picture_carries_its_recipe_and_a_seed_only_if_it_is_known(
    ask: Asker, services: Services, fake_worker: FakeWorker
) -> None:
    waiting = ask.in_background(seed=-1, negative_prompt="")
    lease = fake_worker.claim(services.store.get(waiting.jobs[0]).job)
    job, webp = lease.job, as_webp(paint("a lighthouse", 1, 64, 64))
    digest = services.artifacts.put(job.id, webp)
    output = Output(
        index=0, kind="image", content_type="image/webp", width=64, height=64, bytes=len(webp), sha256=digest
    )
    recipe = Recipe(model="echo", version="1", job_id=job.id, at=job.created_at)
    fake_worker.write(lease, events.Succeeded, outputs=(output,), recipe=recipe)
    found = waiting.answer().get_json()
    info = json.loads(found["info"])
    assert (info["seed"], info["all_seeds"]) == (-1, [-1])
    read = ask.post("/sdapi/v1/png-info", {"image": found["images"][0]})
    assert read["info"] == info["infotexts"][0]
    assert read["info"].startswith("a lighthouse\n")
    assert "Model: echo" in read["info"]
    assert json.loads(read["items"]["darkroom"])["job_id"] == job.id


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"prompt": None, "override_settings": {"sd_model_checkpoint": "flux"}}, "/prompt"),
        ({"prompt": 7}, "/prompt"),
        ({"width": 99_999, "height": 64}, "/width"),
        ({"width": "wide"}, "/width"),
        ({"batch_size": 11}, "/batch_size"),
        ({"batch_size": 4, "n_iter": 4}, "/n_iter"),
        ({"override_settings": {"sd_model_checkpoint": "steam"}}, "/override_settings/sd_model_checkpoint"),
        ({"override_settings": {"sd_model_checkpoint": "janus-pro-7b"}}, "/override_settings/sd_model_checkpoint"),
        *[({"cfg_scale": text}, "/cfg_scale") for text in ("nan", "inf", "1e5", "0x1", "٣", "1_0", "")],
        ({"seed": "9" * 30}, "/seed"),
        ({"override_settings": 7}, "/override_settings"),
        ({"override_settings": {}, "model": "steam"}, "/model"),
        ({"force_task_id": "x" * 129}, "/force_task_id"),
        ({"force_task_id": "a\nb"}, "/force_task_id"),
    ],
)
def test_a_fault_is_told_where_it_stands(ask: Asker, body: Any, place: str) -> None:
    answer = ask(**body)
    found = answer.get_json()
    assert (answer.status_code, answer.content_type) == (422, "application/json")
    assert set(found) == {"error", "detail", "body", "errors"}
    assert place in found["detail"]
    assert ask.queued() == []


@pytest.mark.parametrize("body", [[], "x", 7, None])
def test_a_body_that_is_no_object_is_refused(client: FlaskClient, body: Any) -> None:
    answer = client.post(TXT2IMG, data=json.dumps(body), content_type="application/json")
    assert answer.status_code == 422
    assert answer.get_json()["detail"]


@pytest.mark.parametrize("code", ["content_rejected", "provider_timeout", "provider_quota"])
def test_a_failed_job_is_a_422_with_its_text(
    ask: Asker, services: Services, fake_worker: FakeWorker, code: str
) -> None:
    waiting = ask.in_background()
    lease = fake_worker.claim(services.store.get(waiting.jobs[0]).job)
    fake_worker.write(lease, events.Failed, error=Failure(code=code, detail="the app said no", provider="echo"))
    answer = waiting.answer()
    assert (answer.status_code, answer.get_json()["detail"]) == (422, "the app said no")


@pytest.mark.parametrize("timings", [Timings(late_answer=0.05, heartbeat=0.05)])
def test_a_late_answer_begins_with_white_space(ask: Asker, services: Services, fake_worker: FakeWorker) -> None:
    waiting = ask.in_background()
    time.sleep(0.2)
    fake_worker.succeed(fake_worker.claim(services.store.get(waiting.jobs[0]).job))
    answer = waiting.answer()
    assert (answer.status_code, answer.data[:2]) == (200, b"  ")
    assert len(answer.get_json()["images"]) == 1


@pytest.mark.parametrize("timings", [Timings(late_answer=0.05)])
def test_an_error_after_that_is_in_the_body(ask: Asker, services: Services) -> None:
    waiting = ask.in_background()
    time.sleep(0.2)
    services.jobs.cancel(waiting.jobs[0], "local")
    answer = waiting.answer()
    assert (answer.status_code, answer.get_json()["errors"]) == (200, "job_failed")


def test_what_was_made_before_an_interruption_is_kept(ask: Asker, services: Services, fake_worker: FakeWorker) -> None:
    waiting = ask.in_background(n_iter=2)
    fake_worker.succeed(fake_worker.claim(services.store.get(waiting.jobs[0]).job))
    assert ask.post("/sdapi/v1/interrupt") == {}
    answer = waiting.answer()
    assert (answer.status_code, len(answer.get_json()["images"])) == (200, 1)


def test_if_nothing_was_made_an_interruption_is_an_error(ask: Asker) -> None:
    waiting = ask.in_background()
    ask.post("/sdapi/v1/interrupt")
    answer = waiting.answer()
    assert (answer.status_code, answer.get_json()["errors"]) == (422, "job_failed")


def test_one_picture_for_many_jobs_is_read_once(
    ask: Asker, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[bytes] = []

    def counted(data: bytes) -> Any:
        read.append(data)
        return images.clean(data)

    monkeypatch.setattr("web.v1.input_images.clean", counted)
    ask.path = "/sdapi/v1/img2img"
    waiting = ask.in_background(init_images=[PICTURE], n_iter=3)
    assert (len(waiting.jobs), read) == (3, [base64.b64decode(PICTURE)])


@pytest.mark.usefixtures("working")
def test_a_script_may_bring_pictures_that_have_no_effect(ask: Asker) -> None:
    answer = ask(alwayson_scripts={"ControlNet": {"args": [{"image": PICTURE * (2 * 2**20 // len(PICTURE))}]}})
    assert (answer.status_code, answer.headers["X-Ignored-Params"]) == (200, "alwayson_scripts")


@pytest.mark.usefixtures("working")
def test_a_picture_comes_also_if_it_cannot_be_remembered_whose_it_is(
    ask: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(Followed, "add", away)
    assert len(ask().get_json()["images"]) == 1


def test_a_client_of_another_server_names_the_model_so(ask: Asker, services: Services) -> None:
    waiting = ask.in_background(override_settings={}, model="flux-schnell")
    assert services.store.get(waiting.jobs[0]).job.model == "flux-schnell"


@pytest.mark.parametrize(
    "picture", [PICTURE, f"data:image/jpeg;base64,{PICTURE}", f"data:;base64,{PICTURE[:40]}\n{PICTURE[40:]}"]
)
def test_a_picture_may_be_named_in_any_way(ask: Asker, services: Services, picture: str) -> None:
    ask.path = "/sdapi/v1/img2img"
    waiting = ask.in_background(override_settings={"sd_model_checkpoint": "echo"}, init_images=[picture])
    job = services.store.get(waiting.jobs[0]).job
    assert [value for value in job.input.values() if str(value).startswith("sha256:")]


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({}, "/init_images"),
        ({"init_images": []}, "/init_images"),
        ({"init_images": ["%%%"]}, "/init_images/0"),
        ({"init_images": [base64.b64encode(b"no picture").decode()]}, "/init_images"),
        ({"init_images": ["http://10.0.0.1/x.png"]}, "/init_images"),
        ({"init_images": [PICTURE, PICTURE]}, "/init_images"),
        ({"init_images": [PICTURE], "mask": PICTURE}, "/mask"),
        (
            {"init_images": [PICTURE], "override_settings": {"sd_model_checkpoint": "flux"}},
            "/override_settings/sd_model_checkpoint",
        ),
    ],
)
def test_a_picture_that_cannot_be_used_is_refused(ask: Asker, body: Any, place: str) -> None:
    ask.path = "/sdapi/v1/img2img"
    answer = ask(**{"override_settings": {"sd_model_checkpoint": "echo"}, **body})
    assert (answer.status_code, answer.get_json()["detail"].split()[0]) == (422, place.removeprefix("the "))
