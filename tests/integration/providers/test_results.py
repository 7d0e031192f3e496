"""The shapes in which real Gradio apps hand over their results: each is kept, or the job says what is not."""

from __future__ import annotations

import io
import json
import shutil
from typing import cast

import pytest
from PIL import Image

from jobs.files.adopt import adopt
from jobs.files.image_terms import ImageInfo
from jobs.files.images import shrink, verify
from media import DEFAULT_LIMITS, HEAD, recognise
from providers.errors import Protocol
from providers.events import Completed, Data, FileOutput, Preview
from tests.spaces.launcher import Space, Spaces, lines
from tests.support.driver_attempts import Outcome, attempt_on

pytestmark = pytest.mark.live


@pytest.fixture(
    scope="module",
    params=lines(),
)
def space(spaces: Spaces, request: pytest.FixtureRequest) -> Space:
    return spaces.get(request.param, "shapes.py")


def ask(space: Space, api_name: str, more: str = "") -> Outcome:
    toml = (
        f'[providers.mine]\ndriver = "space"\nurl = "{space.url}"\napi_name = "{api_name}"\nmodels = ["mine"]\n{more}'
    )
    return attempt_on(toml)("mine", "mine", {"prompt": "a fox"})


def text(space: Space, api_name: str) -> str:
    outcome = ask(space, api_name, 'kind = "text"')
    assert outcome.files == []
    assert len(outcome.texts) == 1
    return outcome.texts[0]


def sizes(outcome: Outcome) -> list[tuple[int, int]]:
    found = []
    for data in outcome.files:
        with Image.open(io.BytesIO(data)) as image:
            found.append(image.size)
    return found


def test_a_seed_is_the_output_that_is_called_so(space: Space) -> None:
    parameters = 'parameters = { prompt = "", seed = 0, randomize_seed = true }'
    assert ask(space, "seconds_then_seed", parameters).seed == 424242
    assert ask(space, "seed_then_picture").seed == 424242


def test_a_number_without_a_name_is_no_seed(space: Space) -> None:
    assert ask(space, "number_beside").seed is None


@pytest.mark.parametrize("style", ["call", "join"])
def test_an_update_of_a_component_holds_its_value(space: Space, style: str) -> None:
    assert sizes(ask(space, "update_image", f'style = "{style}"')) == [(64, 64)]
    steps = ask(space, "update_steps", f'style = "{style}"')
    assert sizes(steps) == [(64, 64)]
    assert len(steps.of(Preview)) > 1
    assert text(space, "update_text") == "an answer to a fox"


def test_an_update_without_a_value_is_no_output(space: Space) -> None:
    outcome = ask(space, "update_only")
    assert (len(outcome.files), outcome.texts, outcome.of(Completed)[0].warnings) == (1, [], ())


@pytest.mark.parametrize("style", ["call", "join"])
def test_a_last_step_without_a_value_leaves_what_was_shown(space: Space, style: str) -> None:
    outcome = ask(space, "freed_at_last", f'style = "{style}"')
    with Image.open(io.BytesIO(outcome.files[0])) as image:
        assert image.convert("RGB").getpixel((5, 5)) == (0, 128, 0)
    assert outcome.texts == ["a fox in green"]
    assert ask(space, "freed_at_last", f'style = "{style}"\nkind = "text"').texts == ["a fox in green"]


@pytest.mark.soak  # Gradio 5 and 6 need ffmpeg for it
@pytest.mark.parametrize("style", ["call", "join"])
def test_a_sound_that_comes_in_pieces_is_kept_whole(space: Space, style: str) -> None:
    if space.line != "4.44" and shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is missing (Debian: apt-get install ffmpeg)")
    (sound,) = ask(space, "streamed", f'style = "{style}"\nkind = "audio"').files
    assert recognise(sound[:HEAD]).kind == "audio"
    assert len(sound) > 3000


def test_a_chat_answers_with_its_text(space: Space) -> None:
    asks = 'parameters = { prompt = { argument = "message" } }'
    assert ask(space, "chat", f'kind = "text"\n{asks}').texts == ["an answer to a fox"]
    if space.line != "4.44":  # where it gives a text box
        (data,) = ask(space, "chat", f'kind = "json"\n{asks}').of(Completed)[0].outputs
        assert isinstance(data, Data)
        assert data.value == "an answer to a fox"


@pytest.mark.parametrize(
    ("api_name", "beside"),
    [
        ("picture_and_zip", [("file", "", "")]),
        ("picture_and_facts", [("json", {"path": "models/base", "steps": 4})]),
        ("captioned", [("image", "", "seed 12")]),
        ("annotated", [("image", "cat", ""), ("image", "dog", "")]),
        ("number_beside", [("json", 7)]),
    ],
)
def test_what_is_beside_the_picture_is_kept(space: Space, api_name: str, beside: list[tuple[object, ...]]) -> None:
    outcome = ask(space, api_name)
    with Image.open(io.BytesIO(outcome.files[0])) as image:
        assert image.size == (64, 64)
    _, *others = outcome.of(Completed)[0].outputs
    found = [
        (one.kind, one.label if api_name == "annotated" else "", one.caption)
        if isinstance(one, FileOutput)
        else ("json", one.value if isinstance(one, Data) else None)
        for one in others
    ]
    assert found == beside
    assert outcome.of(Completed)[0].warnings == ()


@pytest.mark.parametrize(
    ("api_name", "words"),
    [
        ("no_picture", "without any image: Our machines are all taken; come back in ten minutes"),
        ("no_picture_html", "without any image: Sign in before you paint"),
    ],
)
def test_where_no_picture_comes_the_app_has_its_say(space: Space, api_name: str, words: str) -> None:
    with pytest.raises(Protocol) as caught:
        ask(space, api_name)
    assert caught.value.detail.endswith(words)


@pytest.mark.parametrize("api_name", ["plotted", "html_picture"])
def test_a_picture_inside_a_plot_or_a_page_is_found(space: Space, api_name: str) -> None:
    outcome = ask(space, api_name)
    assert (sizes(outcome), outcome.texts) == ([(64, 64)], [])


def test_an_answer_that_is_no_text_comes_as_json(space: Space) -> None:
    assert json.loads(text(space, "as_json")) == {"tags": ["cat", "outdoors"], "nsfw": False}
    assert json.loads(text(space, "table"))["data"] == [["cat", 0.9], ["dog", 0.1]]
    assert [word["token"] for word in json.loads(text(space, "marked"))] == ["Ada", " met ", "Grace"]


def test_a_typed_function_answers_in_json(space: Space) -> None:
    if space.line == "4.44":
        pytest.skip("Gradio 4 has no gr.api")
    assert json.loads(text(space, "typed")) == {"prompt": "a fox", "top": 3}


@pytest.mark.parametrize("api_name", ["talk", "talk_in_pairs"])
def test_a_conversation_answers_with_its_last_message(space: Space, api_name: str) -> None:
    if (space.line, api_name) == ("6", "talk_in_pairs"):
        pytest.skip("Gradio 6 has only messages")
    assert text(space, api_name) == "You said a fox"


def test_a_blank_text_is_an_answer(space: Space) -> None:
    assert text(space, "nothing_to_read") == ""


@pytest.mark.parametrize(
    ("api_name", "kept", "done"),
    [
        ("still_gif", ImageInfo("image/png", 64, 64), "came as GIF of 64x64 pixels, and is kept as PNG of 64x64"),
        ("avif", ImageInfo("image/png", 64, 64), "came as AVIF of 64x64 pixels, and is kept as PNG of 64x64"),
        ("upscaled", ImageInfo("image/png", 5000, 5000), None),
        ("turned", ImageInfo("image/jpeg", 32, 64), None),
    ],
)
def test_a_picture_is_kept_in_a_format_and_size_of_ours(
    spaces: Spaces, api_name: str, kept: ImageInfo, done: str | None
) -> None:
    outcome = ask(spaces.get("6", "shapes.py"), api_name)
    (data,) = outcome.files
    found = adopt(data, recognise(data[:HEAD]).content_type, DEFAULT_LIMITS.image_pixels)
    assert (verify(found.data, DEFAULT_LIMITS.image_pixels), found.done) == (kept, done)


@pytest.mark.parametrize(
    ("api_name", "content_type"),
    [("animated_webp", "image/webp"), ("svg", "image/svg+xml"), ("video", "video/mp4")],
)
def test_what_is_no_still_picture_is_known_by_its_signature(spaces: Spaces, api_name: str, content_type: str) -> None:
    kind = content_type.partition("/")[0]
    (data,) = ask(spaces.get("6", "shapes.py"), api_name, f'kind = "{kind}"').files
    assert recognise(data[:HEAD]).content_type == content_type


def test_a_video_where_a_picture_is_wanted_is_said_to_be_one(space: Space) -> None:
    with pytest.raises(Protocol, match='without any image, but with videos \\(declare kind = "video"\\)'):
        ask(space, "video")


def test_steps_of_a_cut_out_picture_are_on_white(spaces: Spaces) -> None:
    outcome = ask(spaces.get("6", "shapes.py"), "cut_out_steps")
    assert outcome.of(Preview)
    # Each step is the same picture as the result.
    with Image.open(io.BytesIO(shrink(outcome.files[0], 64, 1 << 16))) as image:
        red, green, blue = cast("tuple[int, int, int]", image.convert("RGB").getpixel((4, 4)))
    assert min(red, green, blue) > 240
