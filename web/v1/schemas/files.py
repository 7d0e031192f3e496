"""An upload as a client sends it and as the API shows it. Pure."""

from __future__ import annotations

from typing import Final

from jobs.files.images import INPUT_LIMIT, SIDE_LIMIT
from jobs.files.uploads import Label, Upload
from web.http.json_body import parse
from web.http.multipart import Form
from web.http.problems import Problem, invalid
from web.schemas import Json, Links
from web.v1.schemas.jobs import LONGEST_RETENTION

#: The part that holds the file: as OpenAI's SDK calls it, and as Replicate's does.
FILES: Final = ("file", "content")
_SECONDS: Final = "expires_after[seconds]"
_ANCHOR: Final = "expires_after[anchor]"
#: All other parts.
FIELDS: Final = ("purpose", "filename", "metadata", "retention_seconds", "type", _ANCHOR, _SECONDS)

_NAME_LIMIT: Final = 255
_PURPOSE_LIMIT: Final = 64
_METADATA_LIMIT: Final = 16
_TEXT: Final[Json] = {"type": "string"}
_WHOLE: Final[Json] = {"type": "integer", "minimum": 1, "maximum": LONGEST_RETENTION}
_PICTURE: Final[Json] = {
    "type": "string",
    "format": "binary",
    "description": f"PNG, JPEG or WebP, at most {INPUT_LIMIT >> 20} MiB and {SIDE_LIMIT} pixels a side.",
}

#: The form of ``POST /v1/files``.
SCHEMA: Final[Json] = {
    "type": "object",
    "properties": {
        "file": _PICTURE,
        "content": {**_PICTURE, "description": "The same under another name: one of the two."},
        "purpose": {
            **_TEXT,
            "maxLength": _PURPOSE_LIMIT,
            "default": "vision",
            "description": "A word of yours; it comes back.",
        },
        "filename": {**_TEXT, "description": "How you call it, where its part does not say so."},
        "metadata": {
            **_TEXT,
            "description": f"A JSON object of at most {_METADATA_LIMIT} texts of yours; it comes back.",
        },
        "retention_seconds": {**_WHOLE, "description": "How long it is kept; a day where nothing is said."},
        "type": {**_TEXT, "description": "Not needed: the picture itself says what it is."},
        _ANCHOR: {"const": "created_at", "description": "As OpenAI's SDK says from when it is kept."},
        _SECONDS: {**_WHOLE, "description": "As OpenAI's SDK says how long it is kept."},
    },
    "anyOf": [{"required": ["file"]}, {"required": ["content"]}],
    "additionalProperties": False,
}


def label_of(form: Form, seconds: int) -> Label:
    """What a form says about its file.

    Args:
        form: As it was read.
        seconds: How long a file is kept of which nothing is said.

    Raises:
        Problem: 422: one of its fields is wrong.
    """
    texts = form.texts
    purpose = texts.get("purpose", "vision")
    if not 0 < len(purpose) <= _PURPOSE_LIMIT:
        raise invalid("/purpose", f"must have 1 to {_PURPOSE_LIMIT} characters")
    if texts.get(_ANCHOR, "created_at") != "created_at":
        raise invalid(f"/{_ANCHOR}", "must be created_at")
    for name in ("retention_seconds", _SECONDS):
        if name in texts:
            seconds = _whole(name, texts[name])
    return Label(
        name=_name(texts.get("filename") or form.filename),
        purpose=purpose,
        seconds=seconds,
        metadata=_metadata(texts.get("metadata", "{}")),
    )


def _whole(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 0 < int(text) <= LONGEST_RETENTION):
        raise invalid(f"/{name}", f"must be a whole number from 1 to {LONGEST_RETENTION}")
    return int(text)


def _name(given: str) -> str:
    """The last part of a path, as it can be shown; no file of ours is ever called so."""
    last = given.replace("\\", "/").rpartition("/")[2]
    return "".join(char for char in last if char.isprintable())[:_NAME_LIMIT] or "picture"


def _metadata(text: str) -> dict[str, str]:
    try:
        found = parse(text.encode())
    except Problem:
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise invalid("/metadata", "must be a JSON object of texts")
    if len(found) > _METADATA_LIMIT:
        raise invalid("/metadata", f"has more than {_METADATA_LIMIT} entries")
    return found


def file_json(upload: Upload, links: Links) -> Json:
    """An upload as the API shows it: what OpenAI's SDK reads of a file, and what Replicate's does."""
    return {
        "id": upload.id,
        "object": "file",
        "bytes": upload.bytes,
        "created_at": int(upload.created_at),
        "expires_at": int(upload.expires_at),
        "filename": upload.name,
        "purpose": upload.purpose,
        "status": "processed",
        "name": upload.name,
        "content_type": upload.content_type,
        "size": upload.bytes,
        "width": upload.width,
        "height": upload.height,
        "etag": upload.sha256,
        "checksums": {"sha256": upload.sha256},
        "metadata": upload.metadata,
        "urls": {"get": links.file(upload.id), "content": links.file(upload.id, "content")},
    }
