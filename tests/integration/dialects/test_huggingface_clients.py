"""The unmodified ``huggingface_hub`` package against the whole service: only the address and the key are ours.

The program in ``tests/clients`` runs once, with many cases; the tests look at what each case found.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from PIL import Image

from jobs.scheduling.pauses import Pauses
from tests.spaces import environments as apps
from tests.spaces.launcher import Spaces
from tests.support import client_programs, environments
from tests.support.client_service import PAINTER, Service, opened
from tests.support.eventually import eventually
from tests.support.pages import HOW_TO, blocks, run
from tests.support.sample_images import plain_image

pytestmark = [pytest.mark.real, pytest.mark.live, pytest.mark.timeout(300)]

ENVIRONMENT: Final = "client-huggingface"
CASES: Final = (
    "text_to_image", "text_to_image_by_model", "image_to_image", "image_to_image_with_prompt", "image_to_text",
    "text_generation", "text_to_speech", "chat_completion", "chat_completion_stream", "in_async", "no_key", "no_model", "no_size",
    "no_picture", "failed", "failed_chat", "failed_stream", "failed_async",
)  # fmt: skip
_RETOUCH: Final = """
[providers.retouch]
driver = "space"
url = "{url}"
api_name = "retouch"
models = ["retouch"]
parameters = {{ image = {{ type = "image", required = true, argument = "picture" }} }}
"""
_STUDIO: Final = """
[providers.writer]
driver = "space"
url = "{url}"
api_name = "write"
kind = "text"
models = ["writer"]

[providers.speak]
driver = "space"
url = "{url}"
api_name = "speak"
kind = "audio"
models = ["speak"]
parameters = {{ prompt = {{ argument = "text" }}, voice = "", speed = 1.0 }}
"""


@pytest.fixture(scope="module")
def service(spaces: Spaces, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    painter, retoucher, looker, studio = (
        spaces.start(apps.TESTED[-1], app) for app in ("flux_schnell.py", "retouch.py", "janus.py", "studio.py")
    )
    tables = [
        f'[providers.{PAINTER}]\nurl = "{painter.url}"\nspace = ""\n',
        f'[models.flux-schnell]\nproviders = ["{PAINTER}"]\n',
        f'[providers.deepseekai-janus-pro-7b]\nurl = "{looker.url}"\nspace = ""\n',
        _RETOUCH.format(url=retoucher.url),
        _STUDIO.format(url=studio.url),
    ]
    with opened(tmp_path_factory.mktemp("huggingface"), tables, painter, retoucher, looker, studio) as service:
        yield service


@pytest.fixture(scope="module")
def environ(service: Service, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the programs need; they find no token that somebody has saved on this machine."""
    folder: Path = tmp_path_factory.mktemp("picture")
    (folder / "black.png").write_bytes(plain_image())
    return {
        "DARKROOM_URL": service.stack.url,
        "DARKROOM_API_KEY": service.key,
        "PICTURE": str(folder / "black.png"),
        "HF_HOME": str(folder),
    }


@pytest.fixture(scope="module")
def found(environ: dict[str, str]) -> Any:
    return client_programs.python(ENVIRONMENT, "huggingface.py", *CASES, **environ).found()


def image_in(shown: Any) -> Image.Image:
    image = Image.open(io.BytesIO(base64.b64decode(shown["png"])))
    image.load()
    return image.convert("RGB")


@pytest.mark.client("client-huggingface", "huggingface_hub", "text_to_image")
def test_a_picture_from_a_text(service: Service, found: Any) -> None:
    shown = found["text_to_image"]
    # As the app gives it: no copy in another format.
    assert (shown["format"], shown["size"]) == ("WEBP", [256, 128])
    (job,) = service.jobs("a red boat")
    assert (job["status"], job["metadata"]["dialect"]) == ("succeeded", "huggingface")
    (call,) = service.calls("a red boat")
    assert (call["width"], call["height"], call["num_inference_steps"]) == (256, 128, 1)


def test_parameters_have_the_models_names_and_the_others_are_named(service: Service, found: Any) -> None:
    assert found["text_to_image_by_model"]["size"] == [768, 768]
    (call,) = service.calls("by model")
    assert (call["seed"], call["randomize_seed"], call["num_inference_steps"]) == (7, False, 1)
    (job,) = service.jobs("by model")
    assert job["warnings"] == ["Ignored: negative_prompt, scheduler, size."]


@pytest.mark.client("client-huggingface", "huggingface_hub", "image_to_image")
@pytest.mark.parametrize("case", ["image_to_image", "image_to_image_with_prompt"])
def test_a_picture_from_a_picture(found: Any, case: str) -> None:
    """The app inverts what it gets, and it gets black; it takes no prompt."""
    image = image_in(found[case])
    assert (image.size, image.getpixel((5, 5))) == ((40, 30), (255, 255, 255))


@pytest.mark.client("client-huggingface", "huggingface_hub", "image_to_text", "text_generation")
def test_texts(found: Any) -> None:
    assert found["image_to_text"]["generated_text"] == "A picture of 40x30. You asked: Describe this image."
    assert found["text_generation"]["text"] == "You said a rhyme and I wrote this."


@pytest.mark.client("client-huggingface", "huggingface_hub", "text_to_speech")
def test_a_text_is_read_aloud(service: Service, found: Any) -> None:
    assert found["text_to_speech"]["wave"]
    (job,) = service.jobs("good evening")
    assert (job["model"], job["input"]["voice"], job.get("warnings")) == ("speak", "bob", None)
    assert job["outputs"][0]["bytes"] == found["text_to_speech"]["bytes"]


@pytest.mark.client(
    "client-huggingface",
    "huggingface_hub",
    "chat_completion",
    "chat_completion(stream=True)",
    "chat.completions.create",
)
def test_a_chat_is_with_the_model_of_the_address(found: Any) -> None:
    said = "A picture of 40x30. You asked: {}"
    assert found["chat_completion"] == {"text": said.format("What is it?"), "model": "janus-pro-7b"}
    assert found["chat_completion_stream"]["text"] == said.format("Who is it?")


@pytest.mark.client("client-huggingface", "huggingface_hub", "AsyncInferenceClient")
def test_the_same_at_once(found: Any) -> None:
    shown = found["in_async"]
    assert image_in(shown["image"]).size == (64, 64)
    assert image_in(shown["changed"]).getpixel((5, 5)) == (255, 255, 255)
    assert shown["seen"] == "A picture of 40x30. You asked: Describe this image."
    assert shown["said"] == "A picture of 40x30. You asked: What now?"


@pytest.mark.parametrize(
    ("case", "status", "text"),
    [
        ("no_key", 401, "Send a valid key: Authorization: Bearer dk_live_…"),
        ("no_model", 404, "there is no model 'steam/engine'"),
        ("no_size", 422, "/parameters/width must be from 1 to 2048"),
        ("no_picture", 422, "/inputs is a picture, and this model takes none"),
        ("failed", 424, "the app failed and does not say why"),
        ("failed_async", 424, "the app failed and does not say why"),
    ],
)
def test_an_error_is_shown(found: Any, case: str, status: int, text: str) -> None:
    shown = found[case]
    assert (shown["class"], shown["status"]) == ("HfHubHTTPError", status)
    assert text in shown["text"]


@pytest.mark.parametrize(("case", "kind"), [("failed_chat", "BadRequestError"), ("failed_stream", "UnknownError")])
def test_a_chat_that_fails_says_why(found: Any, case: str, kind: str) -> None:
    """The app needs a picture. In a stream there is no status."""
    assert found[case]["class"] == kind
    assert "this model talks about an image: give one as image" in found[case]["text"]


@pytest.mark.parametrize("prompt", ["crash", "crash in async"])
@pytest.mark.usefixtures("found")
def test_a_failed_job_is_not_asked_for_again(service: Service, found: Any, prompt: str) -> None:
    (job,) = service.jobs(prompt)
    assert job["status"] == "failed"
    assert job["id"] in {shown.get("request_id") for shown in found.values()}
    assert len(service.calls(prompt)) == 1


def test_a_request_that_is_sent_again_after_a_crash_gets_its_first_job(
    service: Service, environ: dict[str, str]
) -> None:
    pauses = Pauses(service.stack.connection)
    pauses.pause(PAINTER)
    running = client_programs.python(ENVIRONMENT, "huggingface.py", "interrupted", **environ)
    eventually(lambda: len(service.jobs("interrupted")) == 1, "it waits", within=60)
    service.kill_the_web()
    pauses.resume(PAINTER)
    shown = running.found()["interrupted"]
    assert shown["lost"] is not None
    assert shown["size"] == [64, 64]
    (job,) = service.jobs("interrupted")
    assert job["status"] == "succeeded"
    assert len(service.calls("interrupted")) == 1


def test_the_program_on_the_page_makes_a_picture(service: Service, tmp_path: Path) -> None:
    environments.require(ENVIRONMENT)
    (text,) = blocks(HOW_TO / "use-hugging-face-clients.md", "python")
    (tmp_path / "lighthouse.py").write_text(text)
    program = [str(environments.interpreter(ENVIRONMENT)), "lighthouse.py"]
    run(program, tmp_path, service.stack.url, DARKROOM_API_KEY=service.key)
    (job,) = service.jobs("a lighthouse at dusk")
    assert job["status"] == "succeeded"
    with Image.open(tmp_path / "lighthouse.png") as image:
        assert image.size == (512, 512)
