"""Unmodified clients of AUTOMATIC1111's API, and the requests of others, against the whole service and real apps.

The program in ``tests/clients`` runs once, with many cases; the tests look at what each case found.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import requests
from PIL import Image

from jobs.record import keys
from jobs.scheduling.pauses import Pauses
from tests.clients import automatic1111_requests as sent
from tests.clients.automatic1111_requests import Shown
from tests.spaces import environments
from tests.spaces.launcher import Spaces
from tests.support import client_programs
from tests.support import environments as client_environments
from tests.support.client_service import PAINTER, Service, opened
from tests.support.eventually import eventually
from tests.support.pages import HOW_TO, blocks, run
from tests.support.sample_images import plain_image

# The service, three apps and an interpreter start: that takes more than a minute on a machine that is busy.
pytestmark = [pytest.mark.real, pytest.mark.live, pytest.mark.timeout(300)]

CASES: Final = (
    "txt2img", "txt2img_async", "img2img", "img2img_mask", "png_info", "interrogate", "lists", "options", "interrupt", "skip",
    "failed", "no_size", "no_model", "no_key", "no_upscaler",
)  # fmt: skip
_TABLE: Final = '[providers.{name}]\ndriver = "space"\nurl = "{url}"\napi_name = "{name}"\nmodels = ["{name}"]\nparameters = {params}\n'
_RETOUCHING: Final = (
    ("retouch", '{ image = { type = "image", required = true, argument = "picture" } }'),
    ("mix", '{ base = { type = "image", required = true }, mask = { type = "image" } }'),
)


@pytest.fixture(scope="module")
def service(spaces: Spaces, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    line = environments.TESTED[-1]
    painter, janus, retoucher = (spaces.start(line, app) for app in ("flux_schnell.py", "janus.py", "retouch.py"))
    tables = [
        f'[providers.{PAINTER}]\nurl = "{painter.url}"\nspace = ""\n',
        *(f'[models.{name}]\nproviders = ["{PAINTER}"]\n' for name in ("flux", "flux-schnell")),
        f'[providers.deepseekai-janus-pro-7b]\nurl = "{janus.url}"\nspace = ""\n',
        *(_TABLE.format(name=name, url=retoucher.url, params=params) for name, params in _RETOUCHING),
    ]
    with opened(tmp_path_factory.mktemp("automatic1111"), tables, painter, janus, retoucher) as service:
        yield service


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A black picture of 40x30."""
    path: Path = tmp_path_factory.mktemp("picture") / "black.png"
    path.write_bytes(plain_image())
    return path


def webuiapi(service: Service, picture: Path, *cases: str) -> client_programs.Running:
    environ = {"DARKROOM_URL": service.stack.url, "DARKROOM_API_KEY": service.key, "PICTURE": str(picture)}
    return client_programs.python("client-automatic1111", "automatic1111_webuiapi.py", *cases, **environ)


@pytest.fixture(scope="module")
def found(service: Service, picture: Path) -> Any:
    """What all cases found, by their names."""
    return webuiapi(service, picture, *CASES).found()


#: Runs a program.
Show = Callable[[Callable[[str, str, str], Shown]], Shown]


def image_in(text: str) -> Image.Image:
    image = Image.open(io.BytesIO(base64.b64decode(text)))
    image.load()
    return image


@pytest.mark.client("client-automatic1111", "webuiapi", "txt2img")
def test_pictures_come_with_their_recipe(service: Service, found: Any) -> None:
    made = found["txt2img"]
    info = made["info"]
    assert [image["format"] for image in made["images"]] == ["PNG", "PNG"]
    assert [image_in(image["data"]).size for image in made["images"]] == [(64, 64)] * 2
    assert (info["all_seeds"], info["width"], info["height"], info["steps"]) == ([7, 8], 64, 64, 1)
    assert [image["text"] for image in made["images"]] == info["infotexts"]
    assert info["infotexts"][0].splitlines()[0] == "txt2img"
    assert "Steps: 1, Seed: 7, Size: 64x64, Model: " in info["infotexts"][0]
    jobs = service.jobs("txt2img")
    assert {job["id"] for job in jobs} == set(info["job_ids"])
    assert {job["metadata"]["dialect"] for job in jobs} == {"automatic1111"}
    assert sorted(call["seed"] for call in service.calls("txt2img")) == [7, 8]


@pytest.mark.client("client-automatic1111", "webuiapi", "txt2img(use_async=True)")
def test_what_the_package_sends_by_default_is_taken(service: Service, found: Any) -> None:
    assert image_in(found["txt2img_async"]["images"][0]["data"]).size == (512, 512)
    (job,) = service.jobs("txt2img_async")
    (call,) = service.calls("txt2img_async")
    assert (call["width"], call["num_inference_steps"], job["model"]) == (512, 20, "flux")
    assert "sampler_name" in job["warnings"][0]


@pytest.mark.client("client-automatic1111", "webuiapi", "img2img")
@pytest.mark.parametrize("case", ["img2img", "img2img_mask"])
def test_a_picture_is_made_from_a_picture(found: Any, case: str) -> None:
    """The app inverts what it gets, and it gets black."""
    image = image_in(found[case]["images"][0]["data"]).convert("RGB")
    assert (image.size, image.getpixel((5, 5))) == ((40, 30), (255, 255, 255))


@pytest.mark.client("client-automatic1111", "webuiapi", "png_info", "interrogate")
def test_what_a_picture_says_and_shows(found: Any) -> None:
    assert found["png_info"]["read"] == found["png_info"]["made"]["infotexts"][0]
    assert found["interrogate"]["caption"].startswith("A picture of 40x30.")


@pytest.mark.client(
    "client-automatic1111", "webuiapi", "get_samplers", "get_schedulers", "get_sd_models", "get_sd_vae", "get_upscalers",
    "get_latent_upscale_modes", "get_loras", "get_hypernetworks", "get_face_restorers", "get_prompt_styles",
    "get_embeddings", "get_scripts", "get_cmd_flags", "get_memory", "refresh_checkpoints",
)  # fmt: skip
def test_all_lists_are_there(found: Any) -> None:
    lists = found["lists"]
    assert {"flux", "flux-schnell", "retouch", "mix"} <= {model["title"] for model in lists["get_sd_models"]}
    assert [item["name"] for item in lists["get_samplers"]] == ["Automatic"]
    assert (lists["get_embeddings"], lists["get_cmd_flags"]) == ({"loaded": {}, "skipped": {}}, {})


@pytest.mark.client(
    "client-automatic1111", "webuiapi", "get_options", "set_options", "util_set_model", "util_get_current_model",
    "util_wait_for_ready",
)  # fmt: skip
def test_a_model_is_chosen_for_the_next_requests(found: Any) -> None:
    options = found["options"]
    assert (options["before"], options["after"]) == ("flux", "flux-schnell")
    assert options["made"]["sd_model_name"] == "flux-schnell"
    assert options["again"]["sd_model_checkpoint"] == "flux"


@pytest.mark.client("client-automatic1111", "webuiapi", "get_progress", "interrupt", "skip")
def test_a_picture_is_watched_and_taken_back(service: Service, found: Any) -> None:
    seen = [step for step in found["interrupt"]["seen"] if step["state"]["job"]]
    (job,) = service.jobs("interrupt")
    assert {step["state"]["job"] for step in seen} == {job["id"]}
    assert [step["progress"] for step in seen] == sorted(step["progress"] for step in seen)
    assert seen[-1]["state"]["sampling_steps"] == 50
    assert (found["interrupt"]["answer"], found["interrupt"]["ended"][0], job["status"]) == ({}, 422, "canceled")
    assert found["interrupt"]["after"]["state"]["job_count"] == 0
    assert found["skip"]["answer"] == {}


@pytest.mark.parametrize(
    ("case", "status", "words"),
    [
        ("failed", 422, ""),
        ("no_size", 422, "/width"),
        ("no_model", 422, "steam"),
        ("no_key", 401, "password"),
        ("no_upscaler", 404, "no such route"),
    ],
)
def test_an_error_says_what_happened(found: Any, case: str, status: int, words: str) -> None:
    assert found[case]["status"] == status
    assert found[case]["body"]["detail"]
    assert words in found[case]["body"]["detail"]


@pytest.fixture(scope="module")
def shown(service: Service) -> Show:
    """What a program shows of a picture, whose prompt is the program's name. Each is run once."""
    found: dict[str, Shown] = {}

    def show(program: Any) -> Shown:
        if program.__name__ not in found:
            found[program.__name__] = program(service.stack.url, service.key, program.__name__)
        return found[program.__name__]

    return show


@pytest.mark.client(
    "requests", "Open WebUI", "GET /sdapi/v1/options", "POST /sdapi/v1/options", "GET /sdapi/v1/sd-models",
    "POST /sdapi/v1/txt2img",
)  # fmt: skip
@pytest.mark.client(
    "requests", "SillyTavern", "GET /sdapi/v1/options", "POST /sdapi/v1/options", "GET /sdapi/v1/progress",
    "POST /sdapi/v1/txt2img", "all lists",
)  # fmt: skip
@pytest.mark.client("requests", "LibreChat", "POST /sdapi/v1/txt2img")
@pytest.mark.client(
    "requests", "text-generation-webui", "GET /sdapi/v1/options", "POST /sdapi/v1/txt2img",
    "POST /sdapi/v1/unload-checkpoint", "POST /sdapi/v1/reload-checkpoint",
)  # fmt: skip
@pytest.mark.client(
    "requests", "aiyabot", "GET /sdapi/v1/progress", "POST /sdapi/v1/txt2img", "POST /sdapi/v1/png-info",
    "POST /sdapi/v1/options", "all lists",
)  # fmt: skip
@pytest.mark.client("requests", "bz-cogs aimage", "POST /sdapi/v1/txt2img", "all lists")
@pytest.mark.parametrize(
    ("program", "size"),
    [
        (sent.open_webui, 512), (sent.silly_tavern, 256), (sent.librechat, 1024), (sent.text_generation_webui, 256),
        (sent.aiyabot, 512), (sent.bz_cogs, 256),
    ],
)  # fmt: skip
def test_another_program_shows_a_picture(service: Service, shown: Show, program: Any, size: int) -> None:
    found = shown(program)
    with Image.open(io.BytesIO(found.picture)) as image:
        assert (image.format, image.size) == ("PNG", (size, size))
        assert image.info["parameters"].startswith(program.__name__)
    assert service.key not in found.words
    # One of them has room for another part behind the prompt.
    (call,) = [*service.calls(program.__name__), *service.calls(f"{program.__name__} ")]
    assert call["width"] == size


def test_what_these_programs_see_while_they_wait(shown: Show) -> None:
    (state,) = shown(sent.silly_tavern).seen
    assert (state["progress"], state["state"]["job_count"]) == (0.0, 0)
    seen = shown(sent.aiyabot)
    assert seen.seen[-1][0] > 0
    assert "Seed: " in seen.words


def test_a_bot_says_what_failed(shown: Show, service: Service) -> None:
    with pytest.raises(ValueError, match="the app failed"):
        sent.bz_cogs(service.stack.url, service.key, "crash")


def test_a_client_that_asks_again_after_a_crash_gets_its_first_job(service: Service, picture: Path) -> None:
    pauses = Pauses(service.stack.connection)
    pauses.pause(PAINTER)
    running = webuiapi(service, picture, "interrupted")
    eventually(lambda: len(service.jobs("interrupted webuiapi")) == 1, "it waits", within=60)
    service.kill_the_web()
    pauses.resume(PAINTER)
    made = running.found()["interrupted"]
    (job,) = service.jobs("interrupted webuiapi")
    assert (job["status"], made["info"]["job_ids"]) == ("succeeded", [job["id"]])
    assert len(service.calls("interrupted webuiapi")) == 1


def test_a_client_that_hangs_up_cancels_nothing_and_may_ask_again(service: Service) -> None:
    """As a bot whose time is up: it says nothing of asking again."""
    body = {"prompt": "hung up", "steps": 40, "width": 64, "height": 64}

    def ask(seconds: float) -> requests.Response:
        answer = requests.post(
            f"{service.stack.url}/sdapi/v1/txt2img", json=body, auth=("me", service.key), timeout=(5, seconds)
        )
        answer.raise_for_status()
        return answer

    with pytest.raises(requests.Timeout):
        ask(1.0)
    redis = service.stack.connection.client

    def is_noticed() -> bool:
        return b"" in [client for key in redis.scan_iter(match=keys.unanswered("*")) for client in redis.hvals(key)]

    # The bot itself waits for some seconds.
    eventually(is_noticed, "the server knows that the client is gone", within=30)
    again = ask(60.0)
    (job,) = service.jobs("hung up")
    assert (again.headers["X-Request-Id"], again.headers["Idempotency-Replayed"]) == (job["id"], "true")
    assert (job["status"], len(service.calls("hung up"))) == ("succeeded", 1)


def test_the_program_on_the_page_makes_a_picture(service: Service, tmp_path: Path) -> None:
    client_environments.require("client-automatic1111")
    (text,) = blocks(HOW_TO / "use-automatic1111-clients.md", "python")
    (tmp_path / "lighthouse.py").write_text(text)
    program = [str(client_environments.interpreter("client-automatic1111")), "lighthouse.py"]
    printed = run(program, tmp_path, service.stack.url, DARKROOM_API_KEY=service.key)
    (job,) = service.jobs("a lighthouse at dusk")
    assert printed == f"job {job['id']}\nseed 7\n"
    with Image.open(tmp_path / "lighthouse.png") as image:
        assert image.size == (512, 512)
