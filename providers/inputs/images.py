"""Sources of input images: where they stand in an input, and which are allowed by their text alone. Pure.

The operator's rules say which addresses may be asked (:mod:`jobs.egress`); whether the bytes are an image is checked
when they are read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from media import IMAGE_TYPES

#: As jobs/ids.py has it, which providers do not import.
FILE_ID_PATTERN: Final = "file_[0-7][0-9A-HJKMNP-TV-Z]{25}"
URL_LIMIT: Final = 2048

_DATA_URI = re.compile(
    rf"data:({'|'.join(IMAGE_TYPES)});base64,(?:[A-Za-z0-9+/]{{4}})+(?:[A-Za-z0-9+/]{{2,3}}={{1,2}})?"
)
_DATA_HEAD = re.compile(rf"data:({'|'.join(IMAGE_TYPES)});base64,")


def with_sources(given: Mapping[str, Any], names: Collection[str], swap: Callable[[str, str], str]) -> dict[str, Any]:
    """An input with the sources of its images replaced.

    Args:
        given: An input, of any shape.
        names: The parameters that are images; those in ``messages`` are found by their place.
        swap: Gives the new source, by the JSON pointer into the input and the old source.
    """

    def one(value: object, pointer: str) -> object:
        return swap(pointer, value) if isinstance(value, str) else value

    def part(value: object, pointer: str) -> object:
        image = value.get("image_url") if isinstance(value, dict) else None
        if not isinstance(value, dict) or not isinstance(image, dict) or "url" not in image:
            return value
        return {**value, "image_url": {**image, "url": one(image["url"], f"{pointer}/image_url/url")}}

    def message(value: object, pointer: str) -> object:
        content = value.get("content") if isinstance(value, dict) else None
        if not isinstance(value, dict) or not isinstance(content, list):
            return value
        return {**value, "content": [part(item, f"{pointer}/content/{n}") for n, item in enumerate(content)]}

    def some(value: object, pointer: str) -> object:
        if isinstance(value, list):
            return [one(item, f"{pointer}/{n}") for n, item in enumerate(value)]
        return one(value, pointer)

    found = {name: some(value, f"/{name}") if name in names else value for name, value in given.items()}
    if isinstance(messages := given.get("messages"), list):
        found["messages"] = [message(item, f"/messages/{n}") for n, item in enumerate(messages)]
    return found


def sources_of(given: Mapping[str, Any], names: Collection[str]) -> dict[str, str]:
    """The sources of an input's images, by JSON pointer; see :func:`with_sources`."""
    found: dict[str, str] = {}

    def keep(pointer: str, source: str) -> str:
        found[pointer] = source
        return source

    with_sources(given, names, keep)
    return found


def source_problem(source: str) -> str | None:
    """What is wrong with the source of an image; None if nothing is.

    Args:
        source: A ``data:`` URI, an http or https address, or a file id.
    """
    if source.startswith("data:"):
        return _data_problem(source)
    if re.fullmatch(FILE_ID_PATTERN, source):
        return None
    if source.startswith(("https://", "http://")):
        return f"is an address of more than {URL_LIMIT} characters; shorten it" if len(source) > URL_LIMIT else None
    return "must be a data: URI of an image, an https address, or a file id"


def _data_problem(source: str) -> str | None:
    if not _DATA_HEAD.match(source):
        return f"must be a data: URI in base64, of one of {', '.join(IMAGE_TYPES)}"
    if not _DATA_URI.fullmatch(source):
        return "is a data: URI with broken base64; send it without spaces and with its padding"
    return None
