"""Every row of the table of components, in and out, on a real app of each line: the matrix that the docs show.

``COMPONENTS=write`` writes what was seen into the matrix, for the lines that run.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import requests

from providers.errors import Changed, ProviderError, Rejected
from providers.events import Completed, Data, FileOutput, Partial, Text
from providers.gradio.components.table import TABLE
from providers.spec import FILE_LISTS
from tests.spaces.launcher import Space, Spaces, lines
from tests.support.component_cases import CASES, Case
from tests.support.driver_attempts import Attempt, Outcome, attempt_on

pytestmark = pytest.mark.live
MATRIX = Path(__file__).parents[4] / "docs" / "reference" / "components.json"
LINES = lines()
SOURCE = "data:image/png;base64,AAAA"


@pytest.fixture(scope="module", params=LINES)
def space(spaces: Spaces, request: pytest.FixtureRequest) -> Space:
    return spaces.get(request.param, "components.py")


def provider(space: Space, name: str, api_name: str, more: str) -> str:
    return f'[providers.{name}]\ndriver = "space"\nurl = "{space.url}"\napi_name = "{api_name}"\nmodels = ["{name}"]\n{more}\n'


def ask(
    space: Space, api_name: str, parameters: str, given: Mapping[str, object], more: str = "", **files: Any
) -> Outcome:
    toml = provider(space, "mine", api_name, f"parameters = {{ {parameters} }}\n{more}")
    return attempt_on(toml)("mine", "mine", given, **files)


def declared(space: Space, names: list[str]) -> Attempt:
    """A provider for each component."""
    return attempt_on("\n".join(CASES[name].declared(space.url, name, name) for name in names))


def functions(space: Space) -> set[str]:
    found = requests.get(f"{space.url}/config", timeout=10).json()["dependencies"]
    return {str(function["api_name"]) for function in found}


def sent(attempt: Attempt, name: str, case: Case) -> Outcome:
    several = case.type in FILE_LISTS
    files = {"given": case.files[0]} if case.files and not several else None
    galleries = {"given": case.files} if several else None
    given = {} if case.type is None else {"given": case.sources}
    return attempt(name, name, given, files=files, galleries=galleries)


def shown(outcome: Outcome) -> list[tuple[str, object]]:
    """Kind and label or caption of each file, and each text and data."""
    found: list[tuple[str, object]] = []
    for output in outcome.of(Completed)[0].outputs:
        match output:
            case Text():
                found.append(("text", output.text))
            case Data():
                found.append(("json", output.value))
            case FileOutput():
                found.append((str(output.kind), output.caption or output.label))
    return found


def test_each_component_takes_and_gives_what_the_table_says(space: Space) -> None:
    there = sorted(functions(space) & CASES.keys())
    attempt = declared(space, [name for name in there if CASES[name].out])
    faults: dict[str, object] = {}
    for name in there:
        case = CASES[name]
        if not case.out:
            continue
        try:
            outcome = sent(attempt, name, case)
        except ProviderError as error:
            faults[name] = repr(error)
            continue
        if case.type is not None:
            arrived = space.notes()[-1]
            assert arrived["function"] == name
            value = arrived["arguments"]["value"]  # type: ignore[index]
            if case.on(space.line) != value:
                faults[name] = f"arrived: {value}"
        if not case.fits(shown(outcome)):
            faults[name] = f"came: {shown(outcome)}"
        if outcome.of(Completed)[0].warnings:
            faults[name] = outcome.of(Completed)[0].warnings
    assert faults == {}
    seen = {name: name in there for name in CASES}
    if os.environ.get("COMPONENTS") == "write":
        known = json.loads(MATRIX.read_text()) if MATRIX.exists() else {}
        MATRIX.write_text(json.dumps(known | {space.line: seen}, indent=1, sort_keys=True) + "\n")
    assert json.loads(MATRIX.read_text())[space.line] == seen


def test_every_row_of_the_table_is_tried() -> None:
    layout = {"row", "column", "tabs", "tabitem", "group", "form", "accordion", "box", "sidebar", "walkthrough", "step"}
    buttons = {
        "clearbutton",
        "duplicatebutton",
        "loginbutton",
        "logoutbutton",
        "deeplinkbutton",
        "timer",
        "dataset",
        "navbar",
    }
    assert TABLE.keys() - layout - buttons == {case.row for case in CASES.values()}


def test_what_the_page_keeps_for_itself_is_no_output(space: Space) -> None:
    outcome = ask(space, "beside", 'prompt = { argument = "value" }', {"prompt": "a fox"}, 'kind = "text"')
    assert shown(outcome) == [("text", "a fox"), ("json", 7)]


@pytest.mark.parametrize("style", ["call", "join"])
@pytest.mark.parametrize("api_name", ["streamed", "chat_steps"])
def test_a_text_comes_as_it_is_written(space: Space, api_name: str, style: str) -> None:
    outcome = ask(
        space, api_name, 'prompt = { argument = "value" }', {"prompt": "hi"}, f'kind = "text"\nstyle = "{style}"'
    )
    assert [part.text for part in outcome.of(Partial)] == ["one ", "one two ", "one two thre"]
    assert outcome.texts == ["one two thre"]


def test_a_chat_interface_answers_as_it_writes(space: Space) -> None:
    outcome = ask(space, "chat", 'prompt = { argument = "message" }', {"prompt": "hi"}, 'kind = "text"')
    assert outcome.of(Partial)[-1].text == outcome.texts[0] == "one two thre"


def test_a_text_and_a_picture_go_into_one_box(space: Space) -> None:
    case = CASES["image"]
    both = 'prompt = { argument = "value" }, image = { argument = "value" }'
    ask(
        space,
        "multimodaltextbox",
        both,
        {"prompt": "look", "image": SOURCE},
        'kind = "text"',
        files={"image": case.given},
    )
    assert space.notes()[-1]["arguments"] == {
        "value": {"text": "look", "files": [["file", ".png", len(case.given.data)]]}
    }


def test_layers_go_into_an_editor_with_what_they_make_of_the_picture(space: Space) -> None:
    picture = CASES["image"].given
    both = 'image = { argument = "value" }, mask = { type = "image", argument = "value" }'
    given = {"image": SOURCE, "mask": SOURCE}
    ask(space, "imagemask", both, given, files={"image": picture, "mask": picture})
    seen = ["picture", 64, 48]
    assert space.notes()[-1]["arguments"] == {"value": {"background": seen, "layers": [seen], "composite": seen}}


def test_an_editor_that_nobody_touched_is_empty_and_not_missing(space: Space) -> None:
    ask(space, "imageeditor", "", {})
    assert space.notes()[-1]["arguments"] == {"value": {"background": None, "layers": [], "composite": None}}


def test_more_files_than_a_component_takes_are_refused_before_anything_runs(space: Space) -> None:
    picture = CASES["image"].given
    before = len(space.notes())
    with pytest.raises(Rejected, match="takes one file, and 2 files are given"):
        ask(
            space, "file", 'images = { type = "files", argument = "value" }', {"images": [SOURCE, SOURCE]},
            'kind = "file"', galleries={"images": (picture, picture)},
        )  # fmt: skip
    assert len(space.notes()) == before


def test_of_a_component_that_the_table_lacks_only_what_the_app_tells_is_used(space: Space) -> None:
    picture = {"image": CASES["image"].given}
    parameters = 'image = { argument = "value" }'
    outcome = ask(space, "photo", parameters, {"image": SOURCE}, 'kind = "json"', files=picture)
    assert space.notes()[-1]["arguments"] == {"value": ["picture", 64, 48]}
    assert shown(outcome) == [("json", {"picture": "none"})]
    assert outcome.of(Completed)[0].warnings == ("Kept as it came, for its component or its shape is not known: Odd.",)
    before = len(space.notes())
    with pytest.raises(Changed, match="is a retouch of which it is not known how it takes a file"):
        ask(space, "retouch", parameters, {"image": SOURCE}, 'kind = "json"', files=picture)
    assert len(space.notes()) == before
