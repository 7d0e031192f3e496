from __future__ import annotations

import pytest

from providers.errors import Changed, Rejected
from providers.gradio.components.sending import AppFile
from providers.gradio.components.table import TABLE, argument, fits, param_type, read
from providers.gradio.endpoints import Output, Slot

ONE, TWO = (AppFile({"path": path, "meta": {"_type": "gradio.FileData"}}, "image/png") for path in ("/1.png", "/2.png"))
FILM = AppFile({"path": "/f.mp4"}, "video/mp4")
SIX, FIVE, FOUR = (6, 31, 0), (5, 50, 0), (4, 44, 1)


def put(component: str, *given: object, version: tuple[int, ...] = SIX, **slot: object) -> object:
    return argument(Slot(name="x", component=component, **slot), given, version)  # type: ignore[arg-type]


def test_a_file_is_sent_as_its_component_takes_it() -> None:
    one, two, film = dict(ONE.data), dict(TWO.data), dict(FILM.data)
    assert put("image", ONE) == one
    assert put("imageeditor", ONE) == {"background": one, "layers": [], "composite": one}
    assert put("imageeditor", ONE, TWO, ONE) == {"background": one, "layers": [two], "composite": one}
    assert put("imageslider", [ONE, TWO]) == [one, two]
    assert put("imageslider", ONE) == [one, None]
    assert put("gallery", [ONE, FILM]) == [{"image": one, "caption": None}, {"video": film, "caption": None}]
    assert put("file", ONE) == one
    assert put("file", ONE, several=True) == [one]
    assert put("file", [ONE, TWO], several=True) == [one, two]
    assert put("video", FILM) == film
    assert put("video", FILM, version=FIVE) == {"video": film, "subtitles": None}
    assert put("annotatedimage", ONE) == {"image": one, "annotations": []}
    assert put("multimodaltextbox", "look", ONE) == {"text": "look", "files": [one]}
    assert put("multimodaltextbox", ONE) == {"text": "", "files": [one]}
    assert put("multimodaltextbox", "look") == {"text": "look", "files": []}


def test_data_is_sent_as_its_component_takes_it() -> None:
    rows = {"headers": ["1", "2"], "data": [["cat", 1]], "metadata": None}
    assert put("dataframe", [["cat", 1]]) == rows
    own = {"headers": ["name", "score"], "data": [], "metadata": None}
    assert put("dataframe", [["cat", 1]], default=own) == {**rows, "headers": ["name", "score"]}
    assert put("dataframe", [{"name": "cat"}, {"score": 1}]) == {
        "headers": ["name", "score"],
        "data": [["cat", None], [None, 1]],
        "metadata": None,
    }
    assert put("dataframe", rows) == rows
    assert put("label", "cat") == {"label": "cat", "confidences": None}
    assert put("highlightedtext", [["Ada", "person"]]) == [{"token": "Ada", "class_or_confidence": "person"}]
    assert put("dropdown", "a", several=True) == ["a"]
    assert put("dropdown", "a") == "a"
    assert put("checkboxgroup", "a") == ["a"]


@pytest.mark.parametrize(
    ("component", "sent"),
    [
        ("textbox", ""),
        ("image", None),
        ("audio", None),
        ("imageeditor", {"background": None, "layers": [], "composite": None}),
        ("multimodaltextbox", {"text": "", "files": []}),
        ("mystery", None),
    ],
)
def test_what_nobody_touched_is_sent_as_the_page_sends_it(component: str, sent: object) -> None:
    assert put(component) == put(component, None) == sent
    assert put(component, default="own") == "own"
    assert put("dropdown", several=True) == []


@pytest.mark.parametrize(
    ("component", "given", "error"),
    [
        ("image", (ONE, TWO), Rejected),
        ("image", ("text",), Changed),
        ("textbox", (ONE,), Changed),
        ("textbox", ([ONE],), Changed),
        ("textbox", ("a", "b"), Changed),
        ("mystery", (ONE,), Changed),
        ("imageslider", (ONE, TWO, ONE), Rejected),
        ("json", ({"a": [ONE.data]},), Rejected),
    ],
)
def test_what_a_component_does_not_take_is_never_sent(component: str, given: tuple[object, ...], error: type) -> None:
    with pytest.raises(error):
        put(component, *given)


def test_no_video_goes_where_only_pictures_go() -> None:
    with pytest.raises(Rejected, match="no video"):
        put("gallery", FILM, version=FOUR)


def test_an_unknown_component_gets_a_file_where_the_apps_schema_says_so() -> None:
    assert put("pdf", ONE, takes_file=True) == dict(ONE.data)
    assert put("pdf", "text") == "text"


def test_a_parameter_type_is_known_for_each_component() -> None:
    assert param_type(Slot(component="file", several=True)) == "files"
    assert param_type(Slot(component="dropdown", several=True)) == "strings"
    assert param_type(Slot(component="mystery")) is None
    assert {row.name for row in TABLE.values() if row.takes is None and row.read} == {"nativeplot", "workflowcanvas"}


def test_a_value_fits_by_its_component() -> None:
    assert fits(Slot(component="multimodaltextbox"), ONE)
    assert fits(Slot(component="radio"), 4)
    assert not fits(Slot(component="dropdown", several=True), "a")
    assert not fits(Slot(component="image"), "a")
    assert not fits(Slot(component="checkbox"), 1)


def test_empty_values_are_nothing_and_odd_ones_are_kept() -> None:
    for component, value in (
        ("imageeditor", {"background": None, "layers": [], "composite": None}),
        ("imageslider", [None, None]),
        ("gallery", []),
        ("label", {}),
    ):
        assert read(Output(component), value) == read(Output(component), None)
    odd = read(Output("image"), {"strange": 1})
    assert (odd.strange, [one.kind for one in odd.found]) == (True, ["json"])


@pytest.mark.parametrize("value", [False, 0, 0.0])
def test_a_small_value_is_a_value(value: object) -> None:
    assert [one.value for one in read(Output("number"), value).found] == [value]
