"""Arguments reach the parameter that they are for, and functions are those that were named, on real apps of every line."""

from __future__ import annotations

import io
import json

import pytest
from PIL import Image

from providers.base import Control
from providers.errors import Changed, ProviderError
from providers.gradio.app_info import AppAddress
from providers.gradio.client import GradioApp
from providers.gradio.session import CallResult
from providers.spec import InputFile
from tests.spaces.launcher import Space, Spaces, lines
from tests.support.component_cases import CASES
from tests.support.driver_attempts import Attempt, Outcome, attempt_on

pytestmark = pytest.mark.live
#: One line in each run; the others in the long one.
LINES = pytest.mark.parametrize("line", lines())
STYLES = pytest.mark.parametrize("style", ["call", "join"])
MODES = pytest.mark.parametrize("mode", ["hidden", "broken"])
SOURCE = "data:image/png;base64,AAAA"
SIZED = 'parameters = { prompt = "", width = 64, height = 128, seed = 7 }'


def declared(space: Space, api_name: str, more: str) -> Attempt:
    return attempt_on(
        f'[providers.mine]\ndriver = "space"\nurl = "{space.url}"\napi_name = "/{api_name}"\nmodels = ["mine"]\n{more}'
    )


def sent(attempt: Attempt) -> Outcome:
    return attempt("mine", "mine", {"prompt": "a fox"})


def printed(space: Space) -> list[object]:
    """What the functions of the app printed of their arguments."""
    lines = space.output.read_text(encoding="utf-8", errors="replace").splitlines()
    return [json.loads(line) for line in lines if line.startswith("[")]


def size(outcome: Outcome) -> tuple[int, int]:
    with Image.open(io.BytesIO(outcome.files[0])) as image:
        return image.size


def told(space: Space, api_name: str, more: str, **given: InputFile | list[str]) -> dict[str, object]:
    """What a function of the app ``inputs.py`` was given."""
    files = {name: value for name, value in given.items() if isinstance(value, InputFile)}
    values = {name: SOURCE if name in files else value for name, value in given.items()}
    attempt = declared(space, api_name, f'kind = "text"\n{more}')
    (text,) = attempt("mine", "mine", {"prompt": "a fox", **values}, files=files).texts
    found: dict[str, object] = json.loads(text)
    return found


@LINES
@MODES
@STYLES
def test_labels_are_names_where_the_app_tells_none(spaces: Spaces, line: str, mode: str, style: str) -> None:
    space = spaces.get(line, "unnamed.py", MODE=mode)
    assert size(sent(declared(space, "infer", f'style = "{style}"\n{SIZED}'))) == (64, 128)
    assert printed(space)[-1] == ["a fox", "ugly", 7, 64, 128, 4]


@LINES
@MODES
def test_nothing_runs_where_labels_do_not_tell_and_the_error_says_what_to_declare(
    spaces: Spaces, line: str, mode: str
) -> None:
    space = spaces.get(line, "unnamed.py", MODE=mode)
    before = len(printed(space))
    parameters = 'parameters = { prompt = "", width = 64, height = 128, num_inference_steps = 7 }'
    with pytest.raises(Changed, match="does not tell the names") as caught:
        sent(declared(space, "infer", parameters))
    assert 'order = ["prompt", "negative_prompt", "seed", "width", "height", "steps"]' in caught.value.detail
    assert len(printed(space)) == before
    order = 'order = ["prompt", "no", "seed", "width", "height", "num_inference_steps"]'
    assert size(sent(declared(space, "infer", f"{order}\n{parameters}"))) == (64, 128)
    assert printed(space)[-1] == ["a fox", "ugly", 0, 64, 128, 7]


@LINES
def test_a_connection_that_ended_with_a_500_is_not_used_again(spaces: Spaces, line: str) -> None:
    space = spaces.get(line, "unnamed.py", MODE="broken")
    for _ in range(8):
        with GradioApp(AppAddress(base_url=space.url), control=Control(60)) as app:
            app.info.refresh()
            (*_, last) = app.call("/infer", {"prompt": "a fox", "width": 64, "height": 128})
            assert isinstance(last, CallResult)


@LINES
@STYLES
def test_the_named_function_runs_in_a_new_release_too(spaces: Spaces, line: str, style: str) -> None:
    first = spaces.start(line, "releases.py", RELEASE="1").wait()
    attempt = declared(first, "infer", f'style = "{style}"\nparameters = {{ prompt = "", seed = 1 }}')
    assert size(sent(attempt)) == (64, 64)
    first.stop()
    second = spaces.start(line, "releases.py", port=int(first.url.rpartition(":")[2]), RELEASE="2").wait()
    assert size(sent(attempt)) == (64, 64)
    assert size(sent(attempt)) == (64, 64)
    second.stop()


@LINES
@pytest.mark.parametrize("parameters", ['{ prompt = "", negative_prompt = {} }', '{ prompt = "" }'])
def test_an_empty_text_box_is_sent_as_its_page_sends_it(spaces: Spaces, line: str, parameters: str) -> None:
    space = spaces.get(line, "inputs.py")
    assert told(space, "negative", f"parameters = {parameters}") == {"prompt": "a fox", "negative_prompt": ""}


@LINES
@pytest.mark.parametrize("parameters", ['{ prompt = "", picture = { type = "image" } }', '{ prompt = "" }'])
def test_inputs_of_files_are_optional(spaces: Spaces, line: str, parameters: str) -> None:
    space = spaces.get(line, "inputs.py")
    given = {"prompt": "a fox", "audio": None, "document": None, "picture": None}
    assert told(space, "optional", f"parameters = {parameters}") == given


@LINES
def test_a_picture_for_an_editor_is_its_background(spaces: Spaces, picture: InputFile, line: str) -> None:
    space = spaces.get(line, "inputs.py")
    parameters = 'parameters = { prompt = "", image = { argument = "editor" } }'
    seen = ["RGBA", 64, 48]
    editor = {"background": seen, "layers": [], "composite": seen}
    assert told(space, "inpaint", parameters, image=picture)["editor"] == editor
    empty: dict[str, object] = {"background": None, "layers": [], "composite": None}
    assert told(space, "inpaint", parameters)["editor"] == empty


@LINES
def test_a_box_for_texts_and_files_gets_both(spaces: Spaces, picture: InputFile, line: str) -> None:
    space = spaces.get(line, "inputs.py")
    parameters = 'parameters = { prompt = { argument = "message" }, image = { argument = "message" } }'
    assert told(space, "ask", parameters)["message"] == {"text": "a fox", "files": []}
    assert told(space, "ask", parameters, image=picture)["message"] == {"text": "a fox", "files": ["a file"]}
    alone = 'parameters = { prompt = { argument = "message" } }'
    assert told(space, "ask", alone)["message"] == {"text": "a fox", "files": []}


@LINES
def test_lists_of_choices_arrive(spaces: Spaces, line: str) -> None:
    space = spaces.get(line, "inputs.py")
    styles = '{ type = "strings", enum = ["photo", "anime", "oil"], default = ["oil"] }'
    parameters = f'parameters = {{ prompt = "", styles = {styles}, extras = {{ type = "strings" }} }}'
    assert told(space, "styled", parameters) == {"prompt": "a fox", "styles": ["oil"], "extras": []}
    given = told(space, "styled", parameters, styles=["photo", "anime"], extras=["a", "c"])
    assert given == {"prompt": "a fox", "styles": ["photo", "anime"], "extras": ["a", "c"]}
    assert told(space, "styled", "")["styles"] == ["photo"]


@LINES
def test_the_reason_of_a_refused_choice_is_whole(spaces: Spaces, line: str) -> None:
    space = spaces.get(line, "inputs.py")
    assert told(space, "sized", 'parameters = { prompt = "", factor = { enum = [2, 4], default = 4 } }')["factor"] == 4
    text = 'parameters = { prompt = "", factor = "4" }'
    if line == "4.44":
        # This line takes any value for a choice.
        assert told(space, "sized", text)["factor"] == "4"
        return
    with pytest.raises(ProviderError) as caught:
        told(space, "sized", text)
    assert "(type: str)" in caught.value.detail
    assert "[2, 4, 8]" in caught.value.detail


@LINES
def test_a_sound_and_a_document_arrive(spaces: Spaces, line: str) -> None:
    space = spaces.get(line, "inputs.py")
    parameters = 'parameters = { prompt = "", audio = { type = "audio" }, document = { type = "file" } }'
    given = told(space, "optional", parameters, audio=CASES["audio"].given, document=CASES["file"].given)
    assert given == {"prompt": "a fox", "audio": "a file", "document": "a file", "picture": None}
    assert told(space, "optional", parameters)["audio"] is None
