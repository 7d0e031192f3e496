from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.gradio.answers.diff import LOST, apply

KEYS = st.text("abc", min_size=1, max_size=2)
VALUES = st.recursive(
    st.integers(0, 9) | st.text("xyz", max_size=4),
    lambda child: st.lists(child, max_size=3) | st.dictionaries(KEYS, child, max_size=3),
    max_leaves=8,
)
ANYTHING = st.recursive(
    st.none() | st.integers(-3, 10**9) | st.sampled_from(["add", "delete", "append", "replace", "__class__", "a"]),
    lambda child: st.lists(child, max_size=3),
    max_leaves=12,
)


def difference(old: object, new: object, path: list[object]) -> list[list[object]]:
    """What Gradio's server sends, without its mistakes: dicts by key, lists by index, texts by what is added."""
    if old == new and type(old) is type(new):
        return []
    if isinstance(old, str) and isinstance(new, str) and new.startswith(old):
        return [["append", path, new[len(old) :]]]
    if isinstance(old, dict) and isinstance(new, dict):
        edits: list[list[object]] = [["delete", [*path, key], None] for key in old if key not in new]
        for key, value in new.items():
            edits += difference(old[key], value, [*path, key]) if key in old else [["add", [*path, key], value]]
        return edits
    if isinstance(old, list) and isinstance(new, list):
        edits = [["delete", [*path, i], None] for i in reversed(range(len(new), len(old)))]
        for i, value in enumerate(new):
            edits += difference(old[i], value, [*path, i]) if i < len(old) else [["add", [*path, i], value]]
        return edits
    return [["replace", path, new]]


@given(VALUES, VALUES)
def test_a_difference_leads_from_the_old_to_the_new_value(old: object, new: object) -> None:
    edits = difference(old, new, [])
    assert apply((copy.deepcopy(old),), [edits]) == (new,)


@given(VALUES, st.lists(ANYTHING, max_size=4))
def test_hostile_changes_never_raise(value: object, edits: list[object]) -> None:
    assert len(apply((value,), [edits])) == 1


@pytest.mark.parametrize(
    "edit",
    [
        ["delete", [5], None],
        ["replace", [-1], 0],
        ["replace", ["__class__"], 0],
        ["append", [], "x"],
        ["append", [0], "x"],
        ["replace", [0, 0], 1],
        ["dance", [0], 1],
        ["replace", "path", 1],
        "replace",
    ],
)
def test_a_change_that_does_not_fit_loses_the_output_until_it_is_replaced(edit: object) -> None:
    lost = apply(([1, 2],), [[edit]])
    assert lost == (LOST,)
    assert apply(lost, [[]]) == (LOST,)
    assert apply(lost, [[["replace", [], "new"]]]) == ("new",)


def test_a_picture_changes_by_its_path() -> None:
    shown = {"path": "/1.webp", "url": "http://h/1.webp", "meta": {}}
    edits = [["replace", ["path"], "/2.webp"], ["replace", ["url"], "http://h/2.webp"]]
    assert apply((shown, 7), [edits, []]) == ({"path": "/2.webp", "url": "http://h/2.webp", "meta": {}}, 7)
