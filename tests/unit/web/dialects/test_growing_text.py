"""Of a text that grows, nothing is sent that has to be taken back."""

from __future__ import annotations

import pytest

from jobs.events import Wrote
from web.dialects.growing_text import GrowingText

Changes = list[tuple[int, str]]


def sent(changes: Changes, whole: str) -> tuple[list[str], str | None]:
    text = GrowingText()
    return [text.wrote(Wrote(at=0, kept=kept, text=more)) for kept, more in changes], text.rest(whole)


@pytest.mark.parametrize(
    ("changes", "whole", "parts", "rest"),
    [
        ([(0, "a red"), (5, " sq"), (8, "uare")], "a red square", ["", "a red", " sq"], "uare"),
        # A cursor at the end.
        ([(0, "a▌"), (1, " red▌"), (5, " square▌")], "a red square", ["", "a", " red"], " square"),
        # What stands there until the answer comes.
        ([(0, "Thinking…"), (0, "a red"), (5, " square")], "a red square", ["", "", "a red"], " square"),
        # White space at the ends, which the result does not have.
        ([(0, " a "), (3, "red "), (7, "")], "a red", ["", "a", " red"], ""),
        ([(0, "a "), (2, "b")], " a b", ["", "a"], " b"),
        # An attempt that failed, and one after it.
        ([(0, "a red"), (5, "dish"), (0, "a red"), (5, " square")], "a red square", ["", "a red", "", ""], " square"),
        ([], "a red square", [], "a red square"),
        # It was rewritten after it was sent: the client cannot have the text any more.
        ([(0, "a red"), (5, " square"), (2, "blue one")], "a blue one", ["", "a red", ""], None),
    ],
)
def test_what_is_sent_of_it(changes: Changes, whole: str, parts: list[str], rest: str | None) -> None:
    assert sent(changes, whole) == (parts, rest)


def test_a_client_that_joins_gets_what_there_is_already() -> None:
    text = GrowingText("a red")
    assert text.wrote(Wrote(at=0, kept=5, text=" square")) == "a red"
