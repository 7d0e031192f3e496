"""Unmodified OpenAI clients against the whole service: only the address and the key are ours.

Each program in ``tests/clients`` runs once, with many cases; the tests look at what each case found.
"""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image, ImageChops

from jobs.scheduling.pauses import Pauses
from providers.echo.painting import paint
from tests.support import client_programs, environments
from tests.support.client_service import PAINTER, Service
from tests.support.eventually import eventually
from tests.support.pages import HOW_TO, blocks, run
from tests.support.sample_images import plain_image

# The service, two apps and three interpreters start: that takes more than a minute on a machine that is busy.
pytestmark = [pytest.mark.real, pytest.mark.live, pytest.mark.timeout(300)]

PYTHON_CASES = (
    "defaults", "url", "b64_json", "extra_body", "stream", "edit", "edit_with_mask", "edit_several", "variation", "models",
    "no_key", "no_model", "no_size", "too_many", "failed", "failed_stream",
)  # fmt: skip
NODE_CASES = (
    "openai_generate", "openai_stream", "openai_no_model", "openai_failed", "ai_generate", "ai_two", "ai_no_model",
)  # fmt: skip


def python(service: Service, *cases: str, **environ: str) -> client_programs.Running:
    return client_programs.python("client-openai", "openai_images.py", *cases, **service.environ, **environ)


def node(service: Service, *cases: str) -> client_programs.Running:
    return client_programs.node("images.mjs", *cases, **service.environ)


@pytest.fixture(scope="module")
def in_python(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Any:
    picture: Path = tmp_path_factory.mktemp("picture") / "black.png"
    picture.write_bytes(plain_image())
    return python(service, *PYTHON_CASES, PICTURE=str(picture), LIMITED_KEY=service.limited_key).found()


@pytest.fixture(scope="module")
def in_node(service: Service) -> Any:
    return node(service, *NODE_CASES).found()


def image_in(text: str) -> Image.Image:
    image = Image.open(io.BytesIO(base64.b64decode(text)))
    image.load()
    return image


def fetched(url: str) -> tuple[str, Image.Image]:
    """The content type and the picture of a link, opened without a key."""
    answer = requests.get(url, timeout=(5, 30))
    assert answer.status_code == 200, answer.text
    return answer.headers["Content-Type"], Image.open(io.BytesIO(answer.content))


@pytest.mark.client("client-openai", "openai", "images.generate")
def test_a_picture_comes_as_a_link_and_as_a_file(service: Service, in_python: Any) -> None:
    found = in_python["defaults"]
    (item,) = found["items"]
    assert set(item) == {"url", "b64_json", "revised_prompt"}
    inline, (_, linked) = image_in(item["b64_json"]), fetched(item["url"])
    assert (inline.format, inline.size) == ("PNG", (256, 256))
    assert ImageChops.difference(inline.convert("RGB"), linked.convert("RGB")).getbbox() is None
    assert (found["extra"]["model"], found["extra"]["provider"]) == ("flux", "blackforestlabs-flux1-schnell")


def test_the_request_id_is_the_job(service: Service, in_python: Any) -> None:
    found = in_python["defaults"]
    assert [found["request_id"]] == found["extra"]["job_ids"]
    job = service.get(f"/v1/jobs/{found['request_id']}")
    assert (job["status"], job["input"]["prompt"], job["metadata"]["dialect"]) == ("succeeded", "defaults", "openai")


def test_a_link_alone(in_python: Any) -> None:
    (item,) = in_python["url"]["items"]
    assert set(item) == {"url", "revised_prompt"}
    content_type, image = fetched(item["url"])
    assert (content_type, image.format, image.size) == ("image/png", "PNG", (256, 128))


def test_two_files_are_two_jobs(service: Service, in_python: Any) -> None:
    found = in_python["b64_json"]
    assert [set(item) for item in found["items"]] == [{"b64_json", "revised_prompt"}] * 2
    assert [image_in(item["b64_json"]).size for item in found["items"]] == [(128, 256)] * 2
    assert {job["id"] for job in service.jobs("b64_json")} == set(found["extra"]["job_ids"])
    assert len(service.calls("b64_json")) == 2


def test_parameters_of_the_model_reach_the_app(service: Service, in_python: Any) -> None:
    (call,) = service.calls("extra_body")
    assert (call["seed"], call["randomize_seed"], call["num_inference_steps"]) == (7, False, 3)
    assert in_python["extra_body"]["ignored"] == "quality"


@pytest.mark.client("client-openai", "openai", "images.generate(stream=True)")
def test_previews_come_before_the_picture(in_python: Any) -> None:
    events = in_python["stream"]["events"]
    pictures = [event for event in events if "b64_json" in event]
    kinds = [event["type"] for event in pictures]
    assert kinds[-1] == "image_generation.completed"
    assert set(kinds[:-1]) == {"image_generation.partial_image"}
    assert [event["partial_image_index"] for event in pictures[:-1]] == [*range(len(pictures) - 1)]
    assert {event["type"] for event in events} - set(kinds) == {"image_generation.progress"}
    assert image_in(pictures[0]["b64_json"]).size == (256, 256)
    painted = Image.open(io.BytesIO(paint("stream", 7, 256, 256)))
    assert ImageChops.difference(image_in(pictures[-1]["b64_json"]), painted).getbbox() is None


@pytest.mark.client("client-openai", "openai", "images.edit", "images.create_variation")
@pytest.mark.parametrize(
    ("case", "size"),
    [("edit", (40, 30)), ("edit_with_mask", (40, 30)), ("edit_several", (80, 30)), ("variation", (40, 30))],
)
def test_a_picture_is_made_from_pictures(service: Service, in_python: Any, case: str, size: tuple[int, int]) -> None:
    """The app inverts what it gets, and it gets black; it takes no prompt."""
    (item,) = in_python[case]["items"]
    image = image_in(item["b64_json"]).convert("RGB")
    assert (image.size, image.getpixel((5, 5))) == (size, (255, 255, 255))
    warnings = [] if case == "variation" else ["Ignored: prompt."]
    assert service.get(f"/v1/jobs/{in_python[case]['request_id']}").get("warnings", []) == warnings


@pytest.mark.client("client-openai", "openai", "models.list", "models.retrieve")
def test_models_are_listed(in_python: Any) -> None:
    found = in_python["models"]
    assert {"echo", "flux-schnell", "retouch"} <= set(found["listed"])
    assert (found["one"], found["object"]) == ("flux-schnell", "model")


@pytest.mark.parametrize(
    ("case", "kind", "status", "code", "param"),
    [
        ("no_key", "AuthenticationError", 401, "unauthenticated", None),
        ("no_model", "NotFoundError", 404, "not_found", "model"),
        ("no_size", "UnprocessableEntityError", 422, "invalid_input", "size"),
        ("too_many", "RateLimitError", 429, "rate_limited", None),
        ("failed", "APIStatusError", 424, "provider_error", None),
        ("failed_stream", "APIError", None, "provider_error", None),
    ],
)
def test_an_error_has_its_class(
    in_python: Any, case: str, kind: str, status: int | None, code: str, param: str | None
) -> None:
    found = in_python[case]
    assert (found["class"], found["status"], found["code"], found["param"]) == (kind, status, code, param)


@pytest.mark.parametrize("prompt", ["crash", "crash in a stream", "crash openai-node"])
@pytest.mark.usefixtures("in_python", "in_node")
def test_a_failed_job_is_not_asked_for_again(service: Service, prompt: str) -> None:
    (job,) = service.jobs(prompt)
    assert job["status"] == "failed"
    assert len(service.calls(prompt)) == 1


@pytest.mark.client("client-node", "openai", "images.generate")
def test_openais_package_for_node(service: Service, in_node: Any) -> None:
    found = in_node["openai_generate"]
    (item,) = found["items"]
    assert set(item) == {"url", "b64_json", "revised_prompt"}
    assert image_in(item["b64_json"]).size == (64, 64)
    assert [job["id"] for job in service.jobs("openai-node")] == [found["request_id"]]
    events = in_node["openai_stream"]["events"]
    assert [event["type"] for event in events if "b64_json" in event] == [
        "image_generation.partial_image",
        "image_generation.completed",
    ]
    assert in_node["openai_no_model"]["class"] == "NotFoundError"
    assert (in_node["openai_failed"]["class"], in_node["openai_failed"]["status"]) == ("APIError", 424)


@pytest.mark.client("client-node", "ai", "generateImage")
def test_the_ai_sdk(service: Service, in_node: Any) -> None:
    (item,) = in_node["ai_generate"]
    assert (image_in(item["base64"]).size, item["mediaType"]) == ((64, 64), "image/png")
    assert (in_node["ai_no_model"]["name"], in_node["ai_no_model"]["status"]) == ("AI_APICallError", 404)
    # It asks for each picture by itself, at the same time and with the same body.
    assert len(in_node["ai_two"]) == 2
    assert len(service.jobs("ai two")) == len(service.calls("ai two")) == 2


@pytest.fixture(scope="module")
def after_a_crash(service: Service) -> Any:
    """What three clients got that waited while the processes that held their connections were killed."""
    pauses = Pauses(service.stack.connection)
    pauses.pause(PAINTER)
    running = [
        python(service, "interrupted"),
        node(service, "openai_interrupted"),
        node(service, "ai_interrupted"),
    ]
    eventually(lambda: len(service.get("/v1/jobs", q="interrupted")["data"]) == len(running), "all wait", within=60)
    service.kill_the_web()
    pauses.resume(PAINTER)
    return {name: value for program in running for name, value in program.found().items()}


@pytest.mark.parametrize(
    ("case", "prompt"),
    [
        ("interrupted", "interrupted openai-python"),
        ("openai_interrupted", "interrupted openai-node"),
        # This one does not say that it asks again.
        ("ai_interrupted", "interrupted ai"),
    ],
)
def test_a_client_that_asks_again_after_a_crash_gets_its_first_job(
    service: Service, after_a_crash: Any, case: str, prompt: str
) -> None:
    found = after_a_crash[case]
    (job,) = service.jobs(prompt)
    assert (job["status"], found["replayed"]) == ("succeeded", "true")
    assert found.get("request_id") in {job["id"], None}
    assert len(service.calls(prompt)) == 1
    (item,) = found["items"]
    assert image_in(item.get("base64") or item["b64_json"]).size == (64, 64)


def test_the_program_on_the_page_makes_a_picture(service: Service, tmp_path: Path) -> None:
    environments.require("client-openai")
    text, *_ = blocks(HOW_TO / "use-openai-clients.md", "python")
    (tmp_path / "lighthouse.py").write_text(text)
    program = [str(environments.interpreter("client-openai")), "lighthouse.py"]
    printed = run(program, tmp_path, service.stack.url, DARKROOM_API_KEY=service.key)
    (job,) = service.jobs("a lighthouse at dusk")
    assert printed == f"job {job['id']}\n"
    with Image.open(tmp_path / "lighthouse.png") as image:
        assert image.size == (512, 512)


def test_a_client_that_accepts_events_gets_json_unless_it_asks_for_a_stream(service: Service) -> None:
    """As g4f's client asks: by this header, and for no form of the answer."""
    answer = requests.post(
        f"{service.stack.url}/v1/images/generations",
        headers={"Authorization": f"Bearer {service.key}", "Accept": "text/event-stream"},
        json={"prompt": "accepts events", "model": "flux-schnell", "width": 64, "height": 64},
        timeout=(5, 60),
    )
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    (item,) = answer.json()["data"]
    assert fetched(item["url"])[1].size == (64, 64)
