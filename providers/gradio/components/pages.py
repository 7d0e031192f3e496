"""The pictures in the HTML or Markdown of an app. Pure.

Python's own parser of HTML raises on some of what apps may send.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Final
from urllib.parse import unquote

from providers import clean
from providers.events import InlineFile
from providers.gradio.answers.files import MARK, Found, Stored, find

#: The source of an image in HTML, in either kind of quotes; what stands before it in the tag is bounded.
_TAG: Final = re.compile(
    r"""(?P<head><img\s(?:[^<>]{0,1000}?\s)?src\s*=\s*)(?:"(?P<double>[^"<>]*)"|'(?P<single>[^'<>]*)')""", re.IGNORECASE
)
#: An image in Markdown.
_MARK: Final = re.compile(r"""(?P<head>!\[[^\[\]]{0,1000}\]\()(?P<source>[^()\s<>"']+)""")
#: An address of the app's own file, as the pages of an app have it.
_FILE_ADDRESS: Final = re.compile(r"(?:/[\w.-]+)*/file=(?P<path>[^?#]+)")
_REST_OF_TAG: Final = re.compile(r"<img\b[^<>]*>|!\[[^\[\]]{0,1000}\]\([^()]*\)", re.IGNORECASE)


def html(value: object) -> Iterator[Found]:
    """Reads HTML: its text, and the pictures that are in it or are files of the app."""
    if isinstance(value, str):
        yield from _read(value, (_TAG,))


def markdown(value: object) -> Iterator[Found]:
    """Reads Markdown, which may have HTML in it; see :func:`html`."""
    if isinstance(value, str):
        yield from _read(value, (_TAG, _MARK))


def _read(page: str, patterns: tuple[re.Pattern[str], ...]) -> Iterator[Found]:
    pictures: list[Stored] = []

    def keep(match: re.Match[str]) -> str:
        parts = match.groupdict()
        source = unescape(parts.get("double") or parts.get("single") or parts.get("source") or "")
        file = _file(source)
        if file is None:
            return match[0]
        pictures.append(file)
        # A picture that is kept of its own is not kept twice.
        return f'{parts["head"]}"{file.name}"' if "double" in parts else f"{parts['head']}{file.name}"

    for pattern in patterns:
        page = pattern.sub(keep, page)
    if not pictures or clean.message(_REST_OF_TAG.sub("", page)):
        yield Found("text", page)
    yield from (Found("image", file) for file in pictures)


def _file(source: str) -> Stored | None:
    found = find(source)
    if isinstance(found, InlineFile):
        return found
    address = _FILE_ADDRESS.fullmatch(source)
    return find({"path": unquote(address["path"]), "meta": {"_type": MARK}}) if address else None
