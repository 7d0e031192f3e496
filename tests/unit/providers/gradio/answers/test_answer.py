from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media import KINDS
from providers.errors import Protocol
from providers.events import Data, FileOutput, Text
from providers.gradio.answers.answer import read_answer, result
from providers.gradio.answers.results import complete, finished
from providers.gradio.components.table import TABLE
from providers.gradio.endpoints import Output

DATA_URL = "data:image/png;base64,aGk="


def file(path: str) -> dict[str, object]:
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


def kinds(data: list[object], *components: str, kind: str = "image") -> list[object]:
    outputs = [Output(component, component.title()) for component in components]
    return [one.kind for one in result(read_answer(data, outputs), kind)]


def test_outputs_keep_the_order_of_the_app_and_have_its_labels() -> None:
    outputs = [
        Output("textbox", "Words"),
        Output("image", "Result"),
        Output("number", "Seconds"),
        Output("file", "All"),
    ]
    answer = read_answer(["a", file("/b.png"), 3, {"__type__": "update", "value": file("/c.zip")}], outputs)
    assert [(one.kind, one.label) for one in answer.found] == [
        ("text", "Words"),
        ("image", "Result"),
        ("json", "Seconds"),
        ("file", "All"),
    ]
    assert answer.warnings == ()


def test_an_update_without_a_value_and_what_the_page_keeps_are_nothing() -> None:
    update = {"__type__": "update", "visible": False}
    outputs = [Output("image"), Output("state"), Output("button"), Output("column")]
    assert read_answer([update, {"secret": 1}, "again", update], outputs).found == ()


def test_the_seed_is_told_once() -> None:
    outputs = [Output("image"), Output("slider", "Seed"), Output("number", "seconds")]
    answer = read_answer([file("/a.png"), 7.0, 3], outputs)
    assert (answer.seed, [one.value for one in answer.found[1:]]) == (7, [3])


def test_two_seeds_that_differ_are_none_and_are_kept() -> None:
    answer = read_answer([1, 2], [Output("number", "Seed"), Output("number", "Used seed")])
    assert (answer.seed, [one.value for one in answer.found]) == (None, [1, 2])


def test_what_the_table_lacks_is_kept_and_named() -> None:
    answer = read_answer(
        [{"a": 1}, file("/x.png"), 7], [Output("mystery", "Odd"), Output("pdf"), Output("image", "Pic")]
    )
    assert [one.kind for one in answer.found] == ["json", "image", "json"]
    assert answer.warnings == ("Kept as it came, for its component or its shape is not known: Odd, Pic.",)


def test_an_answer_of_another_length_is_read_by_its_shape_alone() -> None:
    answer = read_answer([file("/a.png"), 7], [Output("number", "Seed")])
    assert (answer.seed, [one.kind for one in answer.found]) == (None, ["image", "json"])


def test_a_text_stands_for_data_only_where_no_text_came() -> None:
    assert kinds(["", {"a": 1}], "textbox", "json", kind="text") == ["text"]
    assert kinds(["x", {"a": 1}], "textbox", "json", kind="text") == ["text", "json"]
    assert kinds([""], "textbox", kind="text") == ["text"]
    assert kinds(['{"a": 1}', 3], "code", "number", kind="json") == ["text", "json"]
    assert kinds(['{"a": 1}'], "code", kind="json") == ["json"]


def test_messages_in_data_are_a_conversation_where_a_text_is_wanted() -> None:
    said = {"role": "assistant", "content": "hello"}
    (one,) = result(read_answer([[said]], [Output("json")]), "text")
    assert one.value == "hello"


def test_a_text_that_is_a_file_is_one_only_where_no_file_came() -> None:
    url = "data:image/png;base64,iVBORw0KGgo="
    assert kinds([url], "textbox") == ["image"]
    assert kinds([url, file("/a.png")], "textbox", "image") == ["text", "image"]
    page = f'<b>Here</b> <img src="{url}">'
    assert kinds([page], "textbox") == ["text", "image"]
    assert kinds([f'<img src="{url}">'], "api") == ["image"]
    assert kinds([page, file("/a.png")], "textbox", "image") == ["text", "image"]


def test_any_file_is_right_where_files_are_wanted() -> None:
    assert kinds([file("/a.png"), "x"], "image", "textbox", kind="file") == ["image", "text"]
    assert kinds([file("/a")], "file") == [None]


@pytest.mark.parametrize(
    ("data", "component", "why"),
    [
        (["<b>Sign in</b> or <i>wait</i>"], "html", "without any image: Sign in or wait"),
        ([file("/a.mp4")], "video", 'without any image, but with videos (declare kind = "video")'),
        ([None], "image", "without any image"),
    ],
)
def test_without_a_result_the_app_has_its_say(data: list[object], component: str, why: str) -> None:
    with pytest.raises(Protocol) as caught:
        kinds(data, component)
    assert caught.value.detail == f"the app answered {why}"


class Half:
    """Files of an app that has lost all but some."""

    def __init__(self, *there: str) -> None:
        self.there = there
        self.name = ""

    def output(self, found: Any) -> Half:
        made = Half(*self.there)
        made.name = found.path
        return made

    def read(self, _: int) -> bytes:
        if self.name not in self.there:
            raise Protocol("the app no longer has its own output file")
        return b"picture"


def test_a_result_that_was_there_is_used_again_without_asking_what_its_outputs_are() -> None:
    files: Any = None
    outputs = [Output("textbox", "Answer"), Output("number", "Seed"), Output("json", "Facts")]
    state, first = complete(files, "text", [{"__type__": "update", "value": "an answer"}, 7, {"a": 1}], outputs)
    again = finished(files, "text", json.loads(json.dumps(state.state)))  # type: ignore[union-attr]
    assert again == first
    assert again is not None
    assert (again.outputs, again.seed) == ((Text("an answer", "Answer"), Data({"a": 1}, "Facts")), 7)


@pytest.mark.parametrize(("there", "is_used"), [(("/a.png", "/b.png"), True), (("/b.png",), True), ((), False)])
def test_a_result_that_is_there_in_part_is_not_paid_for_again(there: tuple[str, ...], is_used: bool) -> None:  # noqa: FBT001
    files: Any = Half(*there)
    state = {"phase": "done", "outputs": [file("/a.png"), file("/b.png")]}
    found = finished(files, "image", state)
    assert (found is not None) is is_used
    if found is not None:
        assert [isinstance(output, FileOutput) for output in found.outputs] == [True, True]


#: Keys that Gradio's data has.
KEYS = (
    *(
        "path",
        "url",
        "__type__",
        "value",
        "plot",
        "image",
        "meta",
        "caption",
        "annotations",
        "label",
        "role",
        "content",
    ),
    *("file", "component", "composite", "layers", "video", "text", "files"),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10) | st.just(DATA_URL),
    lambda child: (
        st.lists(child, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS),
            child,
            max_size=5,
        )
    ),
    max_leaves=10,
)


@given(st.lists(st.tuples(JSON, st.sampled_from([*TABLE, "mystery"])), max_size=4))
def test_any_answer_can_be_read_as_any_components(items: list[tuple[object, str]]) -> None:
    answer = read_answer([value for value, _ in items], [Output(component) for _, component in items])
    for one in answer.found:
        assert (one.file is None) == (one.kind in {"text", "json"})
        assert one.file is None or isinstance(one.file.name, str)
        if one.kind == "json":
            json.dumps(one.value)
        if one.kind == "text":
            assert isinstance(one.value, str)
    for kind in KINDS:
        with suppress(Protocol):
            assert result(answer, kind)
