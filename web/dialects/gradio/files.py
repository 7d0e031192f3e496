"""Files up and down: uploads for the inputs of calls, and what jobs made."""

from __future__ import annotations

import re
from typing import Annotated, Final

from flask import Blueprint, Response

import media
from jobs import ids
from jobs.files.uploads import Label
from jobs.resources.base import about
from web.dialects.gradio.declared import CREDENTIAL, TAG, Routes, json_answer, refusal
from web.dialects.gradio.telling import path_end
from web.http.file_response import IF_NONE_MATCH, RANGE, SAME
from web.http.operation import Answer, Operation, ok
from web.http.problems import Problem
from web.http.validation import BodyReader, RequestBody
from web.services import services
from web.v1 import files as native
from web.v1 import results

blueprint: Final = Blueprint("gradio_files", __name__)
_routes: Final = Routes(blueprint)

_TYPES: Final = dict.fromkeys(media.FORMATS)
#: The part of the form that has the file.
_PART: Final = "files"
_NAME_LIMIT: Final = 255
_UPLOADED: Final = re.compile(rf"({ids.FILE})(?:/[^/]*)?")
_MADE: Final = re.compile(rf"({ids.JOB})/([0-9]{{1,6}})(?:/[^/]*)?")


class UploadedFile(RequestBody, frozen=True, kw_only=True):
    """A form with a file."""

    files: Annotated[str, about("The file; one with each request.", format="binary")]


UPLOAD: Final = BodyReader(UploadedFile, name="GradioUpload")


@_routes.add(
    "POST", "/upload",
    Operation(
        "gradioUpload", TAG, "submit", body=UPLOAD, body_type="multipart/form-data",
        answers=(ok("What to name the file by, in a list.", None),),
        errors=("invalid_input", "too_large", "unsupported_media", "quota_exceeded", "storage_error"),
        credential=CREDENTIAL, refusal=refusal,
    ),
)  # fmt: skip
def upload(name: str) -> Response:
    """Upload a file.

    As by `POST /v1/files`, whose list it is in: an image is made anew from its pixels.
    """
    del name
    seconds = services().settings.file_retention_seconds
    with native.form_of((_PART,), ()) as form:
        filename = form.filename[:_NAME_LIMIT]
        kept, _ = native.keep(form, Label(name=filename, purpose="gradio", seconds=seconds, metadata={}))
    return json_answer([f"{kept.id}/{path_end(filename)}"])


@_routes.add(
    "GET", "/file=<path:path>",
    Operation(
        "gradioFile", TAG, "read", parameters=(IF_NONE_MATCH, RANGE),
        answers=(
            Answer(200, "The file.", _TYPES, headers=("ETag", "Accept-Ranges")),
            Answer(206, "The range.", _TYPES, headers=("ETag", "Content-Range")),
            SAME,
        ),
        errors=("not_found", "gone", "precondition_failed", "range_not_satisfiable"),
        credential=CREDENTIAL, refusal=refusal,
    ),
)  # fmt: skip
def file(name: str, path: str) -> Response:
    """Get a file.

    An upload, or an output of a job, by the path that an answer has named.
    """
    del name
    if (found := _UPLOADED.fullmatch(path)) is not None:
        return native.content_of(found[1])
    if (found := _MADE.fullmatch(path)) is not None:
        return results.output_file(found[1], int(found[2]))
    raise Problem("not_found", "There is no such file of yours.")
