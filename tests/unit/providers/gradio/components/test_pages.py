from __future__ import annotations

import time

import pytest

from providers.gradio.answers.files import find
from providers.gradio.components.pages import html, markdown

DATA_URL = "data:image/png;base64,aGk="


def file(path: str) -> dict[str, object]:
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


@pytest.mark.parametrize(
    ("page", "found"),
    [
        (f'<p>Here</p><img alt="" src="{DATA_URL}">', [DATA_URL]),
        ("<img src='/gradio_api/file=/tmp/a%20b.png'>", [file("/tmp/a b.png")]),
        ("<img src='https://evil.test/a.png'>", []),
        ("<img src='//evil.test/file=/a.png'>", []),
        ("<img>", []),
        ("<img><![foo[x]]>", []),
        ("<IMG\nSRC = '/file=/a&amp;b.png'/>", [file("/a&b.png")]),
        (f"<p data-src='{DATA_URL}'>", []),
        ("no page", []),
        (f"![it]({DATA_URL})", []),
    ],
)
def test_a_page_holds_its_own_pictures_only(page: str, found: list[object]) -> None:
    pictures = [one.file for one in html(page) if one.kind == "image"]
    assert pictures == [find(value) for value in found]
    assert found or [one.value for one in html(page)] == [page]


def test_a_picture_is_kept_once_and_words_stay() -> None:
    texts = [one.value for one in html(f'<p>Here</p><img src="{DATA_URL}">') if one.kind == "text"]
    assert texts == ['<p>Here</p><img src="file">']
    assert [one.kind for one in html(f'<div><img alt="it" src="{DATA_URL}"></div>')] == ["image"]


@pytest.mark.parametrize(
    ("page", "count"),
    [
        (f"# Here\n\n![it]({DATA_URL})", 1),
        ('![it](/gradio_api/file=/tmp/a.png "title")', 1),
        (f'![it]({DATA_URL}) <img src="{DATA_URL}">', 2),
        ("![it](https://evil.test/a.png)", 0),
        ("[it](/file=/tmp/a.png)", 0),
    ],
)
def test_markdown_has_pictures_too(page: str, count: int) -> None:
    assert [one.kind for one in markdown(page)].count("image") == count


@pytest.mark.parametrize(
    "piece",
    ["<img ", "<img src=", "<img src='", '<img src="', " src=", "<img" + " a" * 400, "<!--", "![", "![](", "![]"],
)
def test_a_page_of_any_length_is_read_in_a_moment(piece: str) -> None:
    started = time.monotonic()
    list(markdown("<img " + piece * (200_000 // len(piece))))
    assert time.monotonic() - started < 5
