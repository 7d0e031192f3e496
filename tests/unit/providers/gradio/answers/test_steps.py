from __future__ import annotations

from providers.events import File, InlineFile, Partial, Preview
from providers.gradio.answers.files import Stored
from providers.gradio.answers.steps import Steps
from providers.gradio.endpoints import Output

IMAGE, GALLERY, TEXT, CHAT = (Output(name) for name in ("image", "gallery", "textbox", "chatbot"))


def file(path: str) -> dict[str, object]:
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


def shown(found: Stored) -> File:
    return InlineFile(found.name, b"")


def told(*events: object) -> list[str]:
    return [
        event.image.name if isinstance(event, Preview) else event.text
        for event in events
        if isinstance(event, Preview | Partial)
    ]


def test_each_new_picture_is_a_preview_once() -> None:
    steps = Steps((IMAGE, Output("number")), "image", shown)
    assert told(*steps.feed((file("/1.png"), 1))) == ["1.png"]
    assert told(*steps.feed((file("/1.png"), 2))) == []
    assert told(*steps.feed((file("/2.png"), 2))) == ["2.png"]
    assert told(*steps.feed(({"__type__": "update", "visible": True}, 2))) == []
    assert told(*steps.feed(({"__type__": "update", "value": file("/3.png")}, 2))) == ["3.png"]


def test_the_newest_picture_of_a_gallery_is_its_last() -> None:
    steps = Steps((GALLERY,), "image", shown)
    assert told(*steps.feed(([{"image": file("/1.png")}, {"image": file("/2.png")}],))) == ["2.png"]


def test_a_mask_is_no_preview() -> None:
    steps = Steps((Output("annotatedimage"),), "image", shown)
    value = {"image": file("/1.png"), "annotations": [{"image": file("/mask.png"), "label": "cat"}]}
    assert told(*steps.feed((value,))) == ["1.png"]


def test_a_wrong_change_costs_its_output_and_nothing_else() -> None:
    steps = Steps((IMAGE, TEXT), "text", shown, diffs=True)
    assert told(*steps.feed((file("/1.png"), "one"))) == ["one", "1.png"]
    assert told(*steps.feed(([["replace", ["no", "such"], 1]], [["append", [], " two"]]))) == ["one two"]
    assert told(*steps.feed(([["replace", [], file("/3.png")]], []))) == ["3.png"]


def test_an_update_without_a_value_leaves_what_was_shown() -> None:
    nothing = {"__type__": "update", "visible": True}
    steps = Steps((IMAGE, TEXT), "image", shown)
    assert steps.settled((nothing, "x")) == (nothing, "x"), "nothing was shown"
    told(*steps.feed((file("/1.png"), "one")))
    told(*steps.feed((file("/2.png"), nothing)))
    assert steps.settled((nothing, nothing)) == (file("/2.png"), "one")
    assert steps.settled((nothing, {"__type__": "update", "value": None}))[1] == {"__type__": "update", "value": None}
    assert steps.settled((nothing,)) == (nothing,), "another number of outputs"


def test_what_was_shown_is_not_changed_by_the_step_after_it() -> None:
    steps = Steps((IMAGE,), "image", shown, diffs=True)
    told(*steps.feed((file("/1.png"),)))
    told(*steps.feed(([["delete", ["path"], None], ["delete", ["meta"], None], ["add", ["__type__"], "update"]],)))
    assert steps.settled(({"__type__": "update"},)) == (file("/1.png"),)
    told(*steps.feed(([["replace", ["no", "such"], 1]],)))
    assert steps.settled(({"__type__": "update"},)) == ({"__type__": "update"},), "it is not known any more"


def test_a_text_is_told_as_far_as_it_is_written() -> None:
    steps = Steps((CHAT,), "text", shown)
    said = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": ""}]
    assert told(*steps.feed((said,))) == []
    said[1]["content"] = "one"
    assert told(*steps.feed((said,))) == ["one"]
    assert told(*steps.feed((said,))) == []


def test_a_text_beside_a_picture_is_not_told() -> None:
    assert told(*Steps((TEXT, IMAGE), "image", shown).feed(("step 1", file("/1.png")))) == ["1.png"]


def test_of_outputs_that_are_not_those_of_the_function_files_still_tell_what_they_are() -> None:
    steps = Steps((IMAGE,), "image", shown)
    assert told(*steps.feed(("a text", file("/1.png")))) == ["1.png"]
    assert told(*steps.feed(("a text", file("/sound.mp3")))) == []
