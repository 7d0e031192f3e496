"""An upload as a client sends it and as the API shows it. Pure."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, UnsetType, field

from jobs.files.image_terms import INPUT_LIMIT, SIDE_LIMIT
from jobs.files.input_files import FILE_LIMIT
from jobs.files.uploads import Label, Upload
from jobs.resources import examples
from jobs.resources.base import Count, FileId, Links, ListOf, Resource, Sha256, UnixTime, Url, about, optional
from web.http.json_body import parse
from web.http.multipart import Form
from web.http.problems import Problem, invalid
from web.http.validation import BodyReader, RequestBody, or_none
from web.v1.schemas.jobs import LONGEST_RETENTION

_SECONDS: Final = "expires_after[seconds]"
_ANCHOR: Final = "expires_after[anchor]"
_NAME_LIMIT: Final = 255
_METADATA_LIMIT: Final = 16
_SHA256_EXAMPLE: Final = "8d0c1f3a" * 8
_File = Annotated[str, Meta(extra_json_schema={"format": "binary"})]
_Seconds = Annotated[int, Meta(ge=1, le=LONGEST_RETENTION)]


class UploadForm(RequestBody, frozen=True, kw_only=True):
    """A form with a file."""

    file: (
        Annotated[
            _File,
            about(
                f"An image (PNG, JPEG or WebP, at most {INPUT_LIMIT >> 20} MiB and {SIDE_LIMIT} pixels a side), or another"
                f" file of at most {FILE_LIMIT >> 20} MiB."
            ),
        ]
        | UnsetType
    ) = UNSET
    content: Annotated[_File, about("The same under another name: one of the two.")] | UnsetType = UNSET
    purpose: Annotated[str, Meta(min_length=1, max_length=64, description="A word of yours; it comes back.")] = "vision"
    filename: Annotated[str | UnsetType, about("How you call it, where its part does not say so.")] = UNSET
    metadata: Annotated[
        str | UnsetType, about(f"A JSON object of at most {_METADATA_LIMIT} texts of yours; it comes back.")
    ] = UNSET
    retention_seconds: Annotated[_Seconds | UnsetType, about("How long it is kept; a day by default.")] = UNSET
    type: Annotated[str | UnsetType, about("Not needed: the file itself says what it is.")] = UNSET
    anchor: Annotated[Literal["created_at"] | UnsetType, about("As OpenAI's SDK says from when it is kept.")] = field(
        default=UNSET, name=_ANCHOR
    )
    seconds: Annotated[_Seconds | UnsetType, about("As OpenAI's SDK says how long it is kept.")] = field(
        default=UNSET, name=_SECONDS
    )


UPLOAD: Final = BodyReader(
    UploadForm,
    name="Upload",
    extra={"anyOf": [{"required": ["file"]}, {"required": ["content"]}]},
    examples={
        "image": {
            "summary": "An image that is kept for an hour",
            "value": {"purpose": "vision", "retention_seconds": 3600},
        }
    },
)
#: The part that holds the file: as OpenAI's SDK calls it, and as Replicate's does. And all other parts.
FILES: Final = ("file", "content")
#: A text of ``metadata`` as version 2 of Replicate's client sends each.
METADATA_FIELD: Final = re.compile(r"metadata\[([^\[\]]+)\]")
FIELDS: Final = tuple(name for name in UploadForm.__struct_encode_fields__ if name not in FILES)


def label_of(form: Form, seconds: int) -> Label:
    """What a form says about its file, which is kept for so many seconds by default.

    Raises:
        Problem: 422 with every fault of its fields.
    """
    single = {name: text for name, text in form.texts.items() if METADATA_FIELD.fullmatch(name)}
    texts: dict[str, object] = {form.part: "", **{name: form.texts[name] for name in form.texts.keys() - single.keys()}}
    for name in ("retention_seconds", _SECONDS):
        texts |= {name: _whole(form.texts[name])} if name in form.texts else {}
    told = UPLOAD.read(texts)
    return Label(
        name=_name(or_none(told.filename) or form.filename),
        purpose=told.purpose,
        seconds=or_none(told.seconds) or or_none(told.retention_seconds) or seconds,
        metadata=_metadata(or_none(told.metadata) or "{}", {name[9:-1]: text for name, text in single.items()}),
    )


def _whole(text: str) -> int | str:
    """A whole number in plain digits; anything else stays a text, for the check to refuse."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text


def _name(given: str) -> str:
    """The last part of a path, as it can be shown; no file of ours is ever called so."""
    last = given.replace("\\", "/").rpartition("/")[2]
    return "".join(char for char in last if char.isprintable())[:_NAME_LIMIT] or "picture"


def _metadata(text: str, single: dict[str, str]) -> dict[str, str]:
    try:
        found = parse(text.encode())
    except Problem:
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise invalid("/metadata", "must be a JSON object of texts")
    if len(found | single) > _METADATA_LIMIT:
        raise invalid("/metadata", f"has more than {_METADATA_LIMIT} entries")
    return found | single


class FileUrls(Resource, frozen=True, kw_only=True):
    """Addresses of a file."""

    get: Annotated[Url, about("The file's record; a job takes this address as a file.", example=examples.FILE_URL)]
    content: Annotated[Url, about("The file.", example=f"{examples.FILE_URL}/content")]


class FileChecksums(Resource, frozen=True, kw_only=True):
    """What a file's bytes sum up to."""

    sha256: Annotated[Sha256, about("In hex.", example=_SHA256_EXAMPLE)]


class FileResource(Resource, frozen=True, kw_only=True):
    """An uploaded file. It has the fields of OpenAI's and of Replicate's files."""

    id: Annotated[FileId, about("What a job takes as a file.", example=examples.FILE)]
    object: Literal["file"] = "file"
    bytes: Annotated[Count, about("Size of the file as it is kept; `size` says the same.", example=412880)]
    created_at: Annotated[UnixTime, about("Unix seconds, as OpenAI's SDK reads it.", example=1795186200)]
    expires_at: Annotated[UnixTime, about("When it is deleted, in Unix seconds.", example=1795272600)]
    filename: Annotated[str, about("Your name for it; `name` says the same.", example="lighthouse.jpg")]
    purpose: Annotated[str, about("As the upload said.", example="vision")]
    status: Literal["processed"] = "processed"
    name: Annotated[str, about("The same as `filename`.", example="lighthouse.jpg")]
    content_type: Annotated[str, about("Its type, by its first bytes.", example="image/jpeg")]
    size: Annotated[Count, about("The same as `bytes`.", example=412880)]
    etag: Annotated[str, about("Its SHA-256 in hex.", example=_SHA256_EXAMPLE)]
    checksums: FileChecksums
    metadata: Annotated[dict[str, str], about("As the upload said.", example={"album": "sea"})]
    urls: FileUrls
    width: Annotated[Count | UnsetType, about("Of an image, in pixels.", example=1536)] = UNSET
    height: Annotated[Count | UnsetType, about("Of an image, in pixels.", example=1024)] = UNSET


class FileList(ListOf[FileResource], frozen=True, kw_only=True):
    """A part of the list of files. `results` is the same as `data`, for Replicate's SDK."""

    results: Annotated[list[FileResource], about("The same as `data`.")]


class DeletedFile(Resource, frozen=True, kw_only=True):
    """What OpenAI's SDK reads after it deleted a file."""

    id: Annotated[FileId, about("Its id.", example=examples.FILE)]
    object: Literal["file"] = "file"
    deleted: Literal[True] = True


def file_resource(upload: Upload, links: Links) -> FileResource:
    """An upload as the API shows it."""
    return FileResource(
        id=upload.id,
        bytes=upload.bytes,
        created_at=int(upload.created_at),
        expires_at=int(upload.expires_at),
        filename=upload.name,
        purpose=upload.purpose,
        name=upload.name,
        content_type=upload.content_type,
        size=upload.bytes,
        width=optional(upload.width),
        height=optional(upload.height),
        etag=upload.sha256,
        checksums=FileChecksums(sha256=upload.sha256),
        metadata=upload.metadata,
        urls=FileUrls(get=links.file(upload.id), content=links.file(upload.id, "content")),
    )
