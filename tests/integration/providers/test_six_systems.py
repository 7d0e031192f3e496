"""The six systems against real Gradio apps with their signatures, one attempt at a time."""

from __future__ import annotations

import io
from typing import Any, cast

import pytest
from PIL import Image

from providers.errors import Crashed, Quota, Rejected
from providers.events import Checkpoint, Preview, Progress, Started, Status
from providers.spec import InputFile
from tests.spaces.launcher import Space, Spaces, lines
from tests.support.driver_attempts import attempt_on

pytestmark = pytest.mark.live

LINES = lines()

SCHNELL = "flux_schnell.py"
DEV = "flux_dev.py"
JANUS = "janus.py"
PREDICT = "g4f_predict.py"


def size(data: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return image.size


def arguments(space: Space) -> dict[str, Any]:
    return cast("dict[str, Any]", space.notes()[-1]["arguments"])


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("provider", ["blackforestlabs-flux1-schnell", "voodoohop-flux1-schnell"])
def test_schnell_paints_with_its_defaults_and_tells_the_seed_it_used(spaces: Spaces, line: str, provider: str) -> None:
    space = spaces.get(line, SCHNELL)
    attempt = attempt_on(f'[providers.{provider}]\nurl = "{space.url}"')
    outcome = attempt(provider, "flux-schnell", {"prompt": "a red fox"})
    sent = arguments(space)
    assert [size(data) for data in outcome.files] == [(768, 768)]
    assert outcome.texts == []
    assert isinstance(outcome.seed, int)
    assert sent == {
        "prompt": "a red fox",
        "seed": 0,
        "randomize_seed": True,
        "width": 768,
        "height": 768,
        "num_inference_steps": 2,
    }
    assert outcome.of(Started)


def test_a_seed_of_ones_own_is_used(spaces: Spaces) -> None:
    space = spaces.get("6", SCHNELL)
    attempt = attempt_on(f'[providers.blackforestlabs-flux1-schnell]\nurl = "{space.url}"')
    outcome = attempt("blackforestlabs-flux1-schnell", "flux", {"prompt": "a", "seed": 77, "width": 65, "height": 64})
    assert outcome.seed == 77
    assert size(outcome.files[0]) == (64, 64)


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("provider", ["blackforestlabs-flux1-dev", "g4f-flux1-dev"])
def test_dev_shows_status_progress_and_previews_on_the_way(spaces: Spaces, line: str, provider: str) -> None:
    space = spaces.get(line, DEV)
    attempt = attempt_on(f'[providers.{provider}]\nurl = "{space.url}"')
    given = {"prompt": "a fox", "aspect_ratio": "16:9", "num_inference_steps": 6}
    outcome = attempt(provider, "flux-dev", given)
    sent, headers = arguments(space), cast("dict[str, str]", space.notes()[-1]["headers"])
    assert size(outcome.files[0]) == (1024, 576)
    assert len(outcome.files) == 1
    assert (sent["guidance_scale"], sent["num_inference_steps"]) == (3.5, 6)
    assert headers["referer"] == f"{space.url}/?__theme=light"
    assert outcome.of(Status)[0] == Status("Waiting for a GPU to become available", "info")
    assert outcome.of(Progress)
    previews = outcome.of(Preview)
    assert len(previews) >= 2
    assert outcome.seed is not None


@pytest.mark.parametrize("line", LINES)
def test_janus_gives_all_pictures_of_its_gallery(spaces: Spaces, line: str) -> None:
    space = spaces.get(line, JANUS)
    attempt = attempt_on(f'[providers.deepseekai-janus-pro-7b]\nurl = "{space.url}"')
    outcome = attempt("deepseekai-janus-pro-7b", "janus-pro-7b-image", {"prompt": "a tree", "seed": 5})
    assert [size(data) for data in outcome.files] == [(384, 384)] * 5
    assert arguments(space) == {"prompt": "a tree", "seed": 5, "guidance": 5, "t2i_temperature": 1}


@pytest.mark.parametrize("line", LINES)
def test_janus_answers_a_question_about_an_uploaded_picture(spaces: Spaces, line: str, picture: InputFile) -> None:
    space = spaces.get(line, JANUS)
    attempt = attempt_on(f'[providers.deepseekai-janus-pro-7b]\nurl = "{space.url}"')
    given = {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "What is it?"}]},
        ],
        "image": "data:image/png;base64,AAAA",
    }
    outcome = attempt("deepseekai-janus-pro-7b", "janus-pro-7b", given, files={"image": picture})
    assert outcome.files == []
    assert outcome.texts == [
        "A picture of 64x48. You asked: System: Be brief.\nUser: What is it?\nAssistant:",
    ]
    sent = arguments(space)
    assert (sent["top_p"], sent["temperature"]) == (0.95, 0.1)
    assert isinstance(sent["seed"], int)


@pytest.mark.parametrize("line", LINES)
def test_janus_without_a_picture_says_that_it_needs_one(spaces: Spaces, line: str) -> None:
    space = spaces.get(line, JANUS)
    attempt = attempt_on(f'[providers.deepseekai-janus-pro-7b]\nurl = "{space.url}"')
    with pytest.raises(Rejected, match="give one as image"):
        attempt("deepseekai-janus-pro-7b", "deepseekai", {"prompt": "What is it?"})


@pytest.mark.parametrize("line", LINES)
def test_g4f_makes_a_blocking_call_for_schnell(spaces: Spaces, line: str) -> None:
    space = spaces.get(line, PREDICT)
    attempt = attempt_on(f'[providers.g4f]\nflux_url = "{space.url}"')
    outcome = attempt("g4f", "flux-schnell", {"prompt": "a fox", "seed": 9, "aspect_ratio": "1:2"})
    assert size(outcome.files[0]) == (512, 1024)
    assert list(arguments(space).values()) == ["a fox", 9, 512, 1024, True, 1]
    texts = [event.text for event in outcome.of(Status)]
    assert texts[0] == "Acquiring GPU token"
    assert any(text.startswith("Generating ") for text in texts)
    assert texts[-1].startswith("Finished ")
    assert outcome.seed is not None


@pytest.mark.parametrize("line", LINES)
def test_g4f_hands_flux_to_the_provider_of_system_5_and_the_rest_to_janus(
    spaces: Spaces, line: str, picture: InputFile
) -> None:
    dev, janus = spaces.get(line, DEV), spaces.get(line, JANUS)
    attempt = attempt_on(f'[providers.g4f]\nurl = "{janus.url}"\n[providers.g4f-flux1-dev]\nurl = "{dev.url}"')
    for model in ("flux", "flux-dev"):
        outcome = attempt("g4f", model, {"prompt": "a fox", "num_inference_steps": 2, "width": 128, "height": 64})
        assert size(outcome.files[0]) == (128, 64)
    assert arguments(dev)["seed"] != 0
    painted = attempt("g4f", "janus-pro-7b-image", {"prompt": "a tree"})
    assert len(painted.files) == 5
    told = attempt("g4f", "janus-pro-7b", {"prompt": "What?"}, files={"image": picture})
    assert told.texts == ["A picture of 64x48. You asked: What?"]


@pytest.mark.parametrize("line", LINES)
def test_a_used_up_quota_carries_its_time(spaces: Spaces, line: str) -> None:
    space, predict = spaces.get(line, SCHNELL), spaces.get(line, PREDICT)
    attempt = attempt_on(
        f'[providers.blackforestlabs-flux1-schnell]\nurl = "{space.url}"\n[providers.g4f]\nflux_url = "{predict.url}"'
    )
    for provider in ("blackforestlabs-flux1-schnell", "g4f"):
        with pytest.raises(Quota) as caught:
            attempt(provider, "flux-schnell", {"prompt": "quota"})
        assert caught.value.retry_after == 9 * 60 + 48


def test_a_hidden_exception_is_a_crash(spaces: Spaces) -> None:
    space = spaces.get("6", SCHNELL)
    attempt = attempt_on(f'[providers.blackforestlabs-flux1-schnell]\nurl = "{space.url}"')
    with pytest.raises(Crashed):
        attempt("blackforestlabs-flux1-schnell", "flux-schnell", {"prompt": "crash"})


def test_a_finished_attempt_is_taken_up_without_a_new_call(spaces: Spaces) -> None:
    space = spaces.get("6", SCHNELL)
    attempt = attempt_on(f'[providers.blackforestlabs-flux1-schnell]\nurl = "{space.url}"')
    first = attempt("blackforestlabs-flux1-schnell", "flux", {"prompt": "a"})
    done = [event.state for event in first.of(Checkpoint)]
    calls = len(space.notes())
    again = attempt("blackforestlabs-flux1-schnell", "flux", {"prompt": "a"}, resume=done[-1])
    assert again.files == first.files
    assert again.seed == first.seed
    assert len(space.notes()) == calls


def test_a_finished_attempt_whose_files_are_gone_is_made_again(spaces: Spaces) -> None:
    space = spaces.get("6", SCHNELL)
    attempt = attempt_on(f'[providers.blackforestlabs-flux1-schnell]\nurl = "{space.url}"')
    gone = {"phase": "done", "outputs": [{"path": "/nowhere/x.webp", "meta": {"_type": "gradio.FileData"}}, 3]}
    calls = len(space.notes())
    again = attempt("blackforestlabs-flux1-schnell", "flux", {"prompt": "a"}, resume=gone)
    assert len(again.files) == 1
    assert len(space.notes()) == calls + 1
