"""Bodies that are JSON or a form with pictures, as OpenAI's clients send them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from flask import request
from msgspec import UnsetType

from providers.spec import FILES_LIMIT
from web.dialects.bodies import without_nulls
from web.dialects.picture_inputs import as_data_uri
from web.http.json_body import PICTURE_BODY, read_json
from web.http.multipart import FilePart, read_parts
from web.http.problems import invalid

#: Most bytes of a form with pictures; a larger one can be uploaded with POST /v1/files.
_FORM_BYTES: Final = 32 << 20
#: Our fields that are whole numbers, or true and false: all values of a form are texts.
_INTEGERS: Final = frozenset({"n", "partial_images"})
_BOOLEANS: Final = {"true": True, "false": False}

#: How JSON names a picture: by a ``data:`` URI, an address or a file id, or by an object with one of these.
Named = str | Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sent:
    """A body: its fields by the types of JSON, and the files of a form."""

    fields: dict[str, Any]
    parts: Sequence[FilePart] = ()

    def identified(self, place: str) -> dict[str, Any]:
        """The fields, and in one of them what tells the files from others."""
        digests = [f"{part.name} {hashlib.sha256(part.data).hexdigest()}" for part in self.parts]
        return {**self.fields, place: digests} if digests else self.fields

    def files(self, *, masks: bool = False) -> list[str]:
        """The files that are pictures, or those that are masks, as ``data:`` URIs."""
        return [as_data_uri(part.data) for part in self.parts if (part.name == "mask") == masks]


def read_body() -> Sent:
    """The body of the current request.

    Raises:
        Problem: 400, 413, 415 or 422.
    """
    if request.mimetype == "application/json":
        return Sent(without_nulls(read_json(request, PICTURE_BODY)))
    texts, files = read_parts(request, limit=_FORM_BYTES, most_files=FILES_LIMIT + 1)
    return Sent({name: _typed(name, text) for name, text in texts.items()}, files)


def _typed(name: str, text: str) -> object:
    if name in _INTEGERS and text.isascii() and text.isdigit() and len(text) < len(str(2**63)):
        return int(text)
    return _BOOLEANS.get(text, text) if name == "stream" else text


def sources(given: Named | Sequence[Named] | UnsetType, place: str) -> Iterator[str]:
    """The pictures that JSON names at a place.

    Raises:
        Problem: 422: one is named by nothing.
    """
    if isinstance(given, UnsetType):
        return
    if isinstance(given, str):
        yield given
    elif isinstance(given, Mapping):
        if (source := given.get("image_url") or given.get("file_id")) is None:
            raise invalid(place, "has neither image_url nor file_id")
        yield source
    else:
        for number, entry in enumerate(given):
            yield from sources(entry, f"{place}/{number}")
