"""Gradio apps declared in TOML, as real apps of every line."""

from __future__ import annotations

import io
from typing import Any, cast

import pytest
from PIL import Image

from providers.errors import Changed
from providers.events import Progress, Status
from providers.spec import InputFile
from tests.spaces.launcher import Space, Spaces, lines
from tests.support.driver_attempts import Attempt, attempt_on

pytestmark = pytest.mark.live


def declared(space: Space, api_name: str, more: str) -> Attempt:
    return attempt_on(
        f'[providers.mine]\ndriver = "space"\nurl = "{space.url}"\napi_name = "{api_name}"\nmodels = ["mine"]\n{more}'
    )


def arguments(space: Space) -> dict[str, Any]:
    return cast("dict[str, Any]", space.notes()[-1]["arguments"])


@pytest.mark.parametrize("line", lines())
def test_six_lines_make_a_provider(spaces: Spaces, line: str) -> None:
    space = spaces.get(line, "flux_schnell.py")
    attempt = declared(space, "/infer", 'parameters = { prompt = "", seed = 0, width = 64, height = 64 }')
    outcome = attempt("mine", "mine", {"prompt": "a fox", "seed": 5})
    with Image.open(io.BytesIO(outcome.files[0])) as image:
        assert image.size == (64, 64)
    # What is not declared is the app's own: it has randomize_seed ticked and 4 steps.
    assert arguments(space)["num_inference_steps"] == 4
    assert arguments(space)["randomize_seed"] is True
    assert outcome.seed is not None
    assert outcome.of(Progress)


@pytest.mark.parametrize("line", lines())
@pytest.mark.parametrize("style", ["call", "join"])
def test_a_picture_goes_in_and_comes_out(spaces: Spaces, picture: InputFile, line: str, style: str) -> None:
    space = spaces.get(line, "filters.py")
    attempt = declared(
        space,
        "invert",
        f'style = "{style}"\nparameters = {{ image = {{ argument = "picture" }}, strength = 0.5 }}',
    )
    given = {"image": "data:image/png;base64,AAAA", "strength": 1.5}
    outcome = attempt("mine", "mine", given, files={"image": picture})
    assert len(outcome.files) == 1
    assert arguments(space) == {"picture": [48, 64, 3], "strength": 1.5}
    # A number that is not called a seed is none.
    assert outcome.seed is None


@pytest.mark.parametrize("line", lines())
def test_a_text_comes_out(spaces: Spaces, line: str) -> None:
    space = spaces.get(line, "filters.py")
    attempt = declared(
        space,
        "/describe",
        'kind = "text"\nparameters = { prompt = { argument = "question" }, style = { enum = ["plain", "fancy"] } }',
    )
    assert attempt("mine", "mine", {"prompt": "What?"}).texts == ["plain: What?"]
    assert attempt("mine", "mine", {"prompt": "What?", "style": "fancy"}).texts == ["fancy: What?"]


@pytest.mark.parametrize("line", lines())
def test_all_pictures_of_a_gallery_come_out(spaces: Spaces, line: str) -> None:
    space = spaces.get(line, "filters.py")
    attempt = declared(space, "/series", "parameters = { prompt = {}, count = 3 }")
    assert len(attempt("mine", "mine", {"prompt": "a"}).files) == 3


def test_a_blocking_call_can_be_declared_too(spaces: Spaces) -> None:
    space = spaces.get("6", "g4f_predict.py")
    parameters = 'prompt = "", seed = 1, width = 64, height = 64, randomize_seed = false, num_inference_steps = 1'
    attempt = declared(space, "/predict", f'style = "run"\nparameters = {{ {parameters} }}')
    outcome = attempt("mine", "mine", {"prompt": "a"})
    assert (len(outcome.files), outcome.seed) == (1, 1)
    assert outcome.of(Status)


def test_an_app_that_lacks_a_declared_parameter_has_changed(spaces: Spaces) -> None:
    space = spaces.get("6", "flux_schnell.py")
    attempt = declared(space, "/infer", 'parameters = { prompt = "", strength = 1 }')
    with pytest.raises(Changed, match="strength"):
        attempt("mine", "mine", {"prompt": "a"})
    with pytest.raises(Changed, match="/paint"):
        declared(space, "/paint", "")("mine", "mine", {"prompt": "a"})


@pytest.mark.parametrize("line", lines())
@pytest.mark.parametrize("api_name", ["collage", "staple"])
def test_several_pictures_go_into_a_gallery_or_a_file_input(
    spaces: Spaces, picture: InputFile, line: str, api_name: str
) -> None:
    space = spaces.get(line, "retouch.py")
    argument = "pictures"
    attempt = declared(
        space, api_name, f'parameters = {{ images = {{ type = "images", required = true, argument = "{argument}" }} }}'
    )
    source = "data:image/png;base64,AAAA"
    outcome = attempt("mine", "mine", {"images": [source, source]}, galleries={"images": (picture, picture)})
    with Image.open(io.BytesIO(outcome.files[0])) as image:
        assert image.size == (128, 48)
    assert [found["size"] for found in arguments(space)["pictures"]] == [[64, 48], [64, 48]]
