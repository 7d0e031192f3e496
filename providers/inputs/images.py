"""Sources of input files: where they stand in an input, and which are allowed by their text alone. Pure.

The operator's rules say which addresses may be asked (:mod:`jobs.egress`); whether the bytes are an image, or another
file that is wanted, is checked when they are read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from media import IMAGE_TYPES

#: As jobs/ids.py has it, which providers do not import.
FILE_ID_PATTERN: Final = "file_[0-7][0-9A-HJKMNP-TV-Z]{25}"
URL_LIMIT: Final = 2048

_BASE64: Final = re.compile(r"(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2,3}={1,2})?")
_IMAGE_HEAD: Final = re.compile(rf"data:(?:{'|'.join(IMAGE_TYPES)});base64,")
#: The type that a client gives to another file counts only where its bytes do not say what it is.
_FILE_HEAD: Final = re.compile(r"data:(?:[\w.+-]{1,64}/[\w.+-]{1,64})?(?:;[\w=.+-]{1,64}){0,4};base64,")


def with_sources(given: Mapping[str, Any], names: Collection[str], swap: Callable[[str, str], str]) -> dict[str, Any]:
    """An input with the sources of its files replaced.

    Args:
        given: An input, of any shape.
        names: The parameters that take files; images in ``messages`` are found by their place.
        swap: Gives the new source, by the JSON pointer into the input and the old source.
    """
    found: Any = dict(given)
    for name in given:
        if name in names:
            found = _replaced(found, "", [name, *(["*"] if isinstance(given[name], list) else [])], swap)
    return dict(_replaced(found, "", ["messages", "*", "content", "*", "image_url", "url"], swap))


def _replaced(value: Any, pointer: str, path: list[str], swap: Callable[[str, str], str]) -> Any:  # noqa: ANN401 - any JSON
    """A value with the texts at the end of a path replaced; ``*`` stands for each item of a list."""
    if not path:
        return swap(pointer, value) if isinstance(value, str) else value
    step, *rest = path
    if step == "*":
        if isinstance(value, list):
            return [_replaced(item, f"{pointer}/{n}", rest, swap) for n, item in enumerate(value)]
    elif isinstance(value, dict) and step in value:
        return {**value, step: _replaced(value[step], f"{pointer}/{step}", rest, swap)}
    return value


def sources_of(given: Mapping[str, Any], names: Collection[str]) -> dict[str, str]:
    """The sources of an input's files, by JSON pointer; see :func:`with_sources`."""
    found: dict[str, str] = {}

    def keep(pointer: str, source: str) -> str:
        found[pointer] = source
        return source

    with_sources(given, names, keep)
    return found


def param_of(pointer: str) -> str:
    """The parameter that a JSON pointer into an input leads to; ``messages`` for an image in them."""
    return pointer[1:].partition("/")[0].replace("~1", "/").replace("~0", "~")


def source_problem(source: str, *, image: bool = True) -> str | None:
    """What is wrong with the source of an image, or of another file; None if nothing is."""
    if source.startswith("data:"):
        return _data_problem(source, image=image)
    if re.fullmatch(FILE_ID_PATTERN, source):
        return None
    if source.startswith(("https://", "http://")):
        return f"is an address of more than {URL_LIMIT} characters; shorten it" if len(source) > URL_LIMIT else None
    return f"must be a data: URI of {'an image' if image else 'a file'}, an https address, or a file id"


def _data_problem(source: str, *, image: bool) -> str | None:
    head = (_IMAGE_HEAD if image else _FILE_HEAD).match(source)
    if head is None:
        return f"must be a data: URI in base64{', of one of ' + ', '.join(IMAGE_TYPES) if image else ''}"
    if not _BASE64.fullmatch(source, head.end()):
        return "is a data: URI with broken base64; send it without spaces and with its padding"
    return None
