from __future__ import annotations

from collections.abc import Iterator

import pytest

from providers.gradio.answers.files import Found
from providers.gradio.components.conversation import sent
from providers.gradio.components.reading import talk
from providers.gradio.components.table import read as read_output
from providers.gradio.endpoints import Output

MESSAGES = [
    {"role": "user", "content": "hi"},
    {"role": "assistant", "content": "hello"},
    {"role": "user", "content": "bye"},
]
TOOL = {"role": "assistant", "content": "asking", "metadata": {"title": "Used a tool"}}
PICTURE = {"path": "/a.png", "meta": {"_type": "gradio.FileData"}}


def said(value: object) -> list[tuple[object, object]]:
    def inner(component: str, shown: object) -> Iterator[Found]:
        yield from read_output(Output(component), shown).found

    return [(one.kind, one.value if one.file is None else one.file.name) for one in talk(value, inner)]


@pytest.mark.parametrize("content", ["hello", [{"type": "text", "text": "hello"}], {"text": "hello", "type": "text"}])
def test_the_answer_is_the_last_text(content: object) -> None:
    assert said([*MESSAGES, {"role": "assistant", "content": content}]) == [("text", "hello")]


def test_an_answer_that_is_still_to_come_is_none() -> None:
    assert said(MESSAGES) == []
    assert said([["hi", None]]) == []
    assert said([]) == []
    assert read_output(Output("chatbot"), MESSAGES).strange is False


def test_pairs_are_messages() -> None:
    assert said([["hi", "hello"], ["bye", "see you"]]) == [("text", "see you")]
    assert said([["hi", "one"], [None, "two"]])[0] == ("text", "two")


def test_a_tool_is_no_answer_and_its_call_is_kept() -> None:
    found = said([MESSAGES[0], TOOL, MESSAGES[1]])
    assert found == [("text", "hello"), ("json", [TOOL, MESSAGES[1]])]


@pytest.mark.parametrize(
    "content",
    [
        {"file": PICTURE, "alt_text": None},
        PICTURE,
        [{"type": "file", "file": PICTURE, "alt_text": None}],
        {"component": "image", "value": PICTURE, "constructor_args": {}, "props": {}},
        [{"type": "component", "component": "Gallery", "value": [{"image": PICTURE}], "props": {}}],
    ],
)
def test_files_and_components_of_the_answer_are_kept(content: object) -> None:
    assert said([*MESSAGES, {"role": "assistant", "content": content}]) == [("image", "a.png")]


def test_what_was_said_before_is_not_the_answer() -> None:
    assert said([{"role": "assistant", "content": PICTURE}, MESSAGES[0], MESSAGES[1]]) == [("text", "hello")]


def test_a_conversation_is_sent_in_the_format_of_the_chatbot() -> None:
    pairs = [["hi", "hello"], ["bye", None]]
    assert sent(MESSAGES, in_pairs=True, in_parts=False) == pairs
    assert sent(MESSAGES, in_pairs=False, in_parts=False) == MESSAGES
    assert sent(pairs, in_pairs=False, in_parts=False) == MESSAGES
    parts = sent(pairs, in_pairs=False, in_parts=True)
    assert isinstance(parts, list)
    assert parts[0] == {"role": "user", "content": [{"type": "text", "text": "hi"}]}
    assert sent("odd", in_pairs=True, in_parts=False) == "odd"
