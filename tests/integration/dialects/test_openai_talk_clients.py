"""Unmodified OpenAI clients that talk: chat and responses, against the whole service and real apps that answer.

As in :mod:`tests.integration.dialects.test_openai_clients`, each program runs once, with many cases.
"""

from __future__ import annotations

import base64
import io
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import requests
from PIL import Image

from jobs.scheduling.pauses import Pauses
from media import HEAD, recognise
from tests.integration.dialects import openai_programs
from tests.spaces import environments
from tests.spaces.launcher import Space, Spaces
from tests.support import client_programs
from tests.support import environments as client_environments
from tests.support.client_service import PAINTER, Service, opened
from tests.support.eventually import eventually
from tests.support.pages import HOW_TO, blocks, run
from tests.support.sample_images import plain_image

pytestmark = [pytest.mark.real, pytest.mark.live, pytest.mark.timeout(300)]

PICTURE: Final = f"data:image/png;base64,{base64.b64encode(plain_image()).decode()}"
PYTHON_CASES: Final = (
    "chat", "chat_stream", "chat_draw", "response", "response_stream", "response_draw", "response_cancel", "chat_no_key",
    "chat_no_model", "chat_no_picture", "chat_rejected", "chat_failed", "chat_failed_stream", "response_no_model",
    "response_unknown", "response_failed", "response_failed_stream",
)  # fmt: skip
MEDIA_CASES: Final = (
    "video", "videos", "video_failed", "video_unknown", "video_no_film", "video_no_size", "speech", "speech_stream",
    "speech_failed", "speech_no_voice", "files",
)  # fmt: skip
NODE_CASES: Final = (
    "openai_chat", "openai_chat_stream", "openai_response", "openai_response_stream", "openai_chat_failed", "ai_chat",
    "ai_chat_stream", "ai_response", "ai_response_stream", "ai_response_failed_stream", "ai_no_model", "ai_failed",
    "ai_chat_failed", "ai_speech", "ai_chat_failed_stream",
)  # fmt: skip


#: An app's function as a provider of a model.
_TABLE: Final = """\
[providers.{name}]
driver = "space"
url = "{url}"
api_name = "{function}"
kind = "{kind}"
models = ["{name}"]
parameters = {params}
"""
#: Those that crash have providers of their own, since five failures in a row close one.
_STUDIO: Final = (
    *((name, "write", "text", '{ prompt = "" }') for name in ("write", "crash-python", "crash-node")),
    ("film", "film", "video", '{ prompt = "", duration = 2, width = 64, height = 64, image = { type = "image" } }'),
    ("speak", "speak", "audio", '{ prompt = { argument = "text" }, voice = { enum = ["ada", "bob"] }, speed = 1.0 }'),
)
_RETOUCHING: Final = (
    ("retouch", "retouch", "image", '{ image = { type = "image", required = true, argument = "picture" } }'),
    ("collage", "collage", "image", '{ images = { type = "images", required = true, argument = "pictures" } }'),
)


@pytest.fixture(scope="module")
def studio(spaces: Spaces) -> Space:
    return spaces.start(environments.TESTED[-1], "studio.py")


@pytest.fixture(scope="module")
def service(spaces: Spaces, studio: Space, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    line = environments.TESTED[-1]
    painter, janus, retoucher = (spaces.start(line, app) for app in ("flux_schnell.py", "janus.py", "retouch.py"))
    tables = [
        f'[providers.{PAINTER}]\nurl = "{painter.url}"\nspace = ""\n',
        *(f'[models.{name}]\nproviders = ["{PAINTER}"]\n' for name in ("flux", "flux-schnell")),
        f'[providers.deepseekai-janus-pro-7b]\nurl = "{janus.url}"\nspace = ""\n',
        *(
            _TABLE.format(name=name, url=app.url, function=function, kind=kind, params=params)
            for app, functions in ((studio, _STUDIO), (retoucher, _RETOUCHING))
            for name, function, kind, params in functions
        ),
    ]
    with opened(tmp_path_factory.mktemp("talk"), tables, painter, janus, studio, retoucher) as service:
        yield service


def python(service: Service, *cases: str) -> client_programs.Running:
    return client_programs.python("client-openai", "openai_talk.py", *cases, **service.environ, PICTURE=PICTURE)


@pytest.fixture(scope="module")
def media(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the cases of videos, speech and files found."""
    path: Path = tmp_path_factory.mktemp("picture") / "black.png"
    path.write_bytes(plain_image())
    environ = {**service.environ, "PICTURE": str(path)}
    return client_programs.python("client-openai", "openai_media.py", *MEDIA_CASES, **environ).found()


def node(service: Service, *cases: str) -> client_programs.Running:
    return client_programs.node("talk.mjs", *cases, **service.environ, PICTURE=PICTURE)


@pytest.fixture(scope="module")
def found(service: Service) -> Any:
    """What all cases found, by their names."""
    running = python(service, *PYTHON_CASES), node(service, *NODE_CASES)
    return {name: value for program in running for name, value in program.found().items()}


def picture(text: str) -> Image.Image:
    image = Image.open(io.BytesIO(base64.b64decode(text)))
    image.load()
    return image


def fetched(url: str) -> Image.Image:
    """The picture of a link, opened without a key."""
    return Image.open(io.BytesIO(requests.get(url, timeout=(5, 30)).content))


@pytest.mark.client("client-openai", "openai", "chat.completions.create", "responses.create")
@pytest.mark.client("client-node", "openai", "chat.completions.create", "responses.create")
@pytest.mark.client("client-node", "ai", "generateText")
@pytest.mark.parametrize(
    ("case", "question"),
    [
        ("chat", "chat"),
        ("response", "System: Be short.\nUser: response\nAssistant:"),
        ("openai_chat", "node chat"),
        ("openai_response", "node response"),
        ("ai_chat", "ai chat"),
        ("ai_response", "ai response"),
    ],
)
def test_a_model_looks_at_a_picture(found: Any, case: str, question: str) -> None:
    """The app says what it got."""
    assert found[case]["text"] == f"A picture of 40x30. You asked: {question}"


@pytest.mark.parametrize(("case", "mark"), [("chat", "chatcmpl-"), ("response", "resp_")])
def test_the_id_is_the_job(service: Service, found: Any, case: str, mark: str) -> None:
    job = service.get(f"/v1/jobs/{found[case]['request_id']}")
    assert found[case]["id"] == mark + job["id"]
    assert (job["status"], job["metadata"]["dialect"]) == ("succeeded", "openai")


def test_parameters_of_the_model_reach_it_and_others_are_named(service: Service, found: Any) -> None:
    job = service.get(f"/v1/jobs/{found['chat']['request_id']}")
    assert (job["input"]["temperature"], job["warnings"]) == (0.5, ["Ignored: max_tokens."])


@pytest.mark.client("client-openai", "openai", "chat.completions.create(stream=True)")
@pytest.mark.client("client-node", "openai", "chat.completions.create(stream)")
@pytest.mark.client("client-node", "ai", "streamText")
@pytest.mark.parametrize(
    ("case", "prompt"),
    [
        ("chat_stream", "chat_stream"),
        ("openai_chat_stream", "node stream"),
        ("ai_chat_stream", "ai chat stream"),
        ("ai_response_stream", "ai response stream"),
    ],
)
def test_a_text_comes_in_pieces(found: Any, case: str, prompt: str) -> None:
    pieces = found[case]["pieces"]
    assert "".join(pieces) == f"You said {prompt} and I wrote this."
    assert len(pieces) > 1
    assert not found[case].get("errors")


@pytest.mark.client("client-openai", "openai", "responses.stream")
@pytest.mark.client("client-node", "openai", "responses.stream")
@pytest.mark.parametrize(
    ("case", "prompt"), [("response_stream", "response_stream"), ("openai_response_stream", "node response stream")]
)
def test_the_package_puts_a_response_together_from_its_events(found: Any, case: str, prompt: str) -> None:
    assert found[case]["text"] == f"You said {prompt} and I wrote this."
    events = found[case]["events"]
    assert (events[0], events[-1]) == ("response.created", "response.completed")
    assert events.count("response.output_text.delta") > 1


def test_a_picture_through_chat(found: Any) -> None:
    (image,) = found["chat_draw"]["images"]
    linked = fetched(found["chat_draw"]["text"].removeprefix("![image](").removesuffix(")"))
    assert image["image_url"]["url"].startswith("data:image/")
    assert picture(image["image_url"]["url"].partition(",")[2]).size == linked.size == (64, 64)


@pytest.mark.client("client-openai", "openai", "responses.create(background=True)", "responses.retrieve")
def test_a_picture_that_is_made_in_the_background(found: Any) -> None:
    drawn = found["response_draw"]
    assert drawn["first"] in {"queued", "in_progress"}
    assert (drawn["status"], drawn["model"]) == ("completed", "flux")
    assert [(image.format, image.size) for image in map(picture, drawn["pictures"])] == [("PNG", (64, 64))]


@pytest.mark.client("client-openai", "openai", "responses.cancel")
def test_a_response_is_taken_back(found: Any) -> None:
    assert found["response_cancel"] == {"status": "cancelled"}


@pytest.mark.parametrize(
    ("case", "kind", "status", "code", "param"),
    [
        ("chat_no_key", "AuthenticationError", 401, "unauthenticated", None),
        ("chat_no_model", "NotFoundError", 404, "not_found", "model"),
        ("chat_no_picture", "UnprocessableEntityError", 422, "invalid_input", "messages.0.content.1"),
        ("chat_rejected", "BadRequestError", 400, "invalid_input", None),
        ("chat_failed", "APIStatusError", 424, "provider_error", None),
        ("chat_failed_stream", "APIError", None, "provider_error", None),
        ("response_no_model", "NotFoundError", 404, "not_found", "model"),
        ("response_unknown", "NotFoundError", 404, "not_found", None),
        ("response_failed", "APIStatusError", 424, "provider_error", None),
    ],
)
def test_an_error_has_its_class(
    found: Any, case: str, kind: str, status: int | None, code: str, param: str | None
) -> None:
    assert found[case] == {"class": kind, "status": status, "code": code, "param": param}


def test_a_failed_response_ends_its_stream(found: Any) -> None:
    assert found["response_failed_stream"]["code"] == "provider_error"
    for case in ("ai_response_failed_stream", "ai_chat_failed_stream"):
        assert (found[case]["pieces"], len(found[case]["errors"])) == ([], 1)


def test_errors_in_node(found: Any) -> None:
    assert (found["openai_chat_failed"]["class"], found["openai_chat_failed"]["status"]) == ("APIError", 424)
    for case, status in (("ai_no_model", 404), ("ai_failed", 424), ("ai_chat_failed", 424)):
        assert (found[case]["name"], found[case]["status"]) == ("AI_APICallError", status)


@pytest.mark.parametrize(
    "prompt",
    [
        "crash chat", "crash chat stream", "crash response", "crash response stream", "crash node chat", "crash ai",
        "crash ai chat", "crash ai stream", "crash ai chat stream",
    ],
)  # fmt: skip
@pytest.mark.usefixtures("found")
def test_a_failed_job_is_not_asked_for_again(service: Service, prompt: str) -> None:
    (job,) = service.jobs(prompt)
    assert job["status"] == "failed"


@pytest.mark.client("client-openai", "openai", "videos.create_and_poll", "videos.retrieve", "videos.download_content")
def test_a_film_is_made_from_a_picture(media: Any) -> None:
    found = media["video"]
    video = found["video"]
    assert (video["status"], video["progress"], video["prompt"], video["size"]) == ("completed", 100, "video", "64x48")
    assert (video["model"], video["seconds"], found["again"]) == ("film", "0.25", "completed")
    assert found["type"] == "video/webm"
    assert recognise(base64.b64decode(found["file"])[:HEAD]).content_type == "video/webm"


@pytest.mark.usefixtures("media")
def test_what_a_film_is_to_be_reaches_the_app(studio: Space) -> None:
    arguments: list[Any] = [note["arguments"] for note in studio.notes() if note["function"] == "film"]
    (note,) = [given for given in arguments if given["prompt"] == "video"]
    assert note == {"prompt": "video", "duration": 4, "width": 64, "height": 48, "image": [40, 30]}


@pytest.mark.client("client-openai", "openai", "videos.list", "videos.delete")
def test_films_are_listed_and_deleted(media: Any) -> None:
    found = media["videos"]
    newest_first = [*reversed(found["ids"])]
    assert found["listed"][:3] == newest_first
    assert len(found["listed"]) == len({*found["listed"]}) > 3, "in parts, also of the cases before"
    assert found["deleted"] == {"id": found["ids"][1], "deleted": True, "object": "video.deleted"}
    assert found["left"] == [found_id for found_id in found["listed"] if found_id != found["ids"][1]]


def test_a_film_that_fails_says_why(media: Any) -> None:
    found = media["video_failed"]
    assert (found["video"]["status"], found["video"]["error"]["code"]) == ("failed", "provider_error")
    assert (found["file"]["class"], found["file"]["status"]) == ("NotFoundError", 404)


@pytest.mark.client("client-openai", "openai", "audio.speech.create", "audio.speech.with_streaming_response.create")
@pytest.mark.client("client-node", "ai", "generateSpeech")
def test_a_text_is_read_aloud(service: Service, media: Any, found: Any) -> None:
    made = media["speech"]
    assert (made["type"], made["ignored"]) == ("audio/wav", "voice, response_format")
    files = (made["file"], 0.2), (media["speech_stream"]["file"], 0.1), (found["ai_speech"]["base64"], 0.1)
    for file, seconds in files:
        with wave.open(io.BytesIO(base64.b64decode(file))) as sound:
            assert sound.getnframes() / sound.getframerate() == pytest.approx(seconds, abs=0.01)
    assert service.get(f"/v1/jobs/{made['request_id']}")["input"]["prompt"] == "speech"


@pytest.mark.client(
    "client-openai", "openai", "files.create", "files.retrieve", "files.list", "files.content", "files.delete"
)
def test_a_file_is_uploaded_used_and_deleted(media: Any) -> None:
    found = media["files"]
    made = found["made"]
    assert (made["object"], made["purpose"], made["filename"]) == ("file", "vision", "black.png")
    assert (found["retrieved"], found["listed"]) == (made["id"], [made["id"]])
    assert picture(found["content"]).size == (40, 30)
    assert found["said"].startswith("A picture of 40x30.")
    assert found["deleted"] == {"id": made["id"], "deleted": True, "object": "file"}
    assert found["after"]["class"] == "NotFoundError"


@pytest.mark.parametrize(
    ("case", "kind", "status", "code", "param"),
    [
        ("video_unknown", "NotFoundError", 404, "not_found", None),
        ("video_no_film", "UnprocessableEntityError", 422, "invalid_input", "model"),
        ("video_no_size", "UnprocessableEntityError", 422, "invalid_input", "size"),
        ("speech_failed", "APIStatusError", 424, "provider_error", None),
        ("speech_no_voice", "UnprocessableEntityError", 422, "invalid_input", "voice"),
    ],
)
def test_an_error_about_films_and_sounds_has_its_class(
    media: Any, case: str, kind: str, status: int, code: str, param: str | None
) -> None:
    assert media[case] == {"class": kind, "status": status, "code": code, "param": param}


@pytest.mark.client("client-g4f", "g4f", "images.generate", "chat.completions.create")
def test_g4f(service: Service, tmp_path: Path) -> None:
    cases = ("generate", "chat", "chat_stream")
    found = client_programs.python("client-g4f", "g4f_client.py", *cases, HOME=str(tmp_path), **service.environ).found()
    (url,) = found["generate"]["urls"]
    assert openai_programs.size(openai_programs.opened(url).content) == (64, 64)
    assert found["chat"]["text"] == "You said g4f chat and I wrote this."
    assert found["chat_stream"]["text"] == "You said g4f stream and I wrote this."


@pytest.mark.client(
    "requests", "Open WebUI", "POST /v1/images/generations", "POST /v1/images/edits", "POST /v1/chat/completions"
)
@pytest.mark.client("requests", "LibreChat", "POST /v1/images/generations", "POST /v1/images/edits")
@pytest.mark.client("requests", "LobeHub", "POST /v1/images/generations", "POST /v1/chat/completions")
@pytest.mark.client("requests", "n8n", "POST /v1/images/generations")
@pytest.mark.client("requests", "LangChain (DallEAPIWrapper)", "POST /v1/images/generations")
@pytest.mark.client("requests", "LiteLLM", "POST /v1/images/generations", "POST /v1/chat/completions")
@pytest.mark.parametrize(
    "program",
    [
        openai_programs.open_webui,
        openai_programs.librechat_images,
        openai_programs.librechat_dalle,
        openai_programs.lobehub,
        openai_programs.n8n,
        openai_programs.langchain,
        openai_programs.litellm,
    ],
)
def test_a_program_can_read_what_its_requests_get(
    service: Service, program: Callable[[openai_programs.Door], None]
) -> None:
    program(openai_programs.Door(service))


def test_the_programs_on_the_page_talk_film_and_speak(service: Service, tmp_path: Path) -> None:
    client_environments.require("client-openai")
    (tmp_path / "lighthouse.png").write_bytes(plain_image())
    printed = []
    for text in blocks(HOW_TO / "use-openai-clients.md", "python")[1:]:
        (tmp_path / "program.py").write_text(text)
        program = [str(client_environments.interpreter("client-openai")), "program.py"]
        printed.append(run(program, tmp_path, service.stack.url, DARKROOM_API_KEY=service.key))
    answers = [
        f"A picture of 40x30. You asked: {question}\n" for question in ("What is this?", "And what colour is it?")
    ]
    assert printed == ["".join(answers), "completed 64x64\n"]
    kinds = [recognise((tmp_path / name).read_bytes()[:HEAD]).content_type for name in ("waves.webm", "evening.wav")]
    assert kinds == ["video/webm", "audio/wav"]


@pytest.fixture(scope="module")
def after_a_crash(service: Service) -> Any:
    """What clients got that waited while the processes that held their connections were killed."""
    pauses = Pauses(service.stack.connection)
    pauses.pause("write")
    running = [python(service, "chat_interrupted"), node(service, "ai_interrupted")]
    eventually(lambda: len(service.get("/v1/jobs", q="interrupted")["data"]) == len(running), "both wait", within=60)
    service.kill_the_web()
    pauses.resume("write")
    return {name: value for program in running for name, value in program.found().items()}


@pytest.mark.parametrize(
    ("case", "prompt"), [("chat_interrupted", "interrupted chat"), ("ai_interrupted", "interrupted ai")]
)
def test_a_client_that_asks_again_after_a_crash_gets_its_first_job(
    service: Service, after_a_crash: Any, case: str, prompt: str
) -> None:
    (job,) = service.jobs(prompt)
    assert job["status"] == "succeeded"
    assert after_a_crash[case] == {"text": f"You said {prompt} and I wrote this.", "replayed": "true"}
