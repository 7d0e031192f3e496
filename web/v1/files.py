"""Files that a client uploads, to use them in jobs."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from flask import Blueprint, Response, request

from jobs import ids
from jobs.files.image_terms import INPUT_LIMIT, BadImage
from jobs.files.images import clean
from jobs.files.input_files import FILE_LIMIT, check, is_image
from jobs.files.uploads import FileInfo, Label, Upload
from jobs.idempotency import Idempotency
from jobs.resources.base import FileId
from media import HEAD
from web.http.file_response import IF_NONE_MATCH, IMAGES, RANGE, SAME, stored_file
from web.http.headers import REPLAYED, header, may_be_repeated
from web.http.multipart import Form
from web.http.operation import Answer, Operation, Parameter, json_response, ok, only, refuse, whole_number
from web.http.problems import Problem, invalid
from web.http.reply import PRIVATE
from web.http.threads import aside
from web.services import caller, links, services
from web.v1 import idempotency
from web.v1.lists import CURSOR, LIMIT, listing, place_of
from web.v1.schemas.files import (
    FIELDS,
    FILES,
    METADATA_FIELD,
    UPLOAD,
    DeletedFile,
    FileList,
    FileResource,
    file_resource,
    label_of,
)

blueprint = Blueprint("files", __name__)


@blueprint.post("/files")
@Operation(
    "uploadFile",
    "Files",
    "submit",
    body=UPLOAD,
    body_type="multipart/form-data",
    parameters=(idempotency.KEY,),
    answers=(ok("The stored file.", FileResource, ("Location", REPLAYED), status=201),),
    errors=(
        "invalid_input", "idempotency_key_reused", "not_found", "too_large", "unsupported_media", "quota_exceeded",
        "storage_error",
    ),
)  # fmt: skip
def upload() -> Response:
    """Upload a file.

    An image is decoded and encoded again: upright, in sRGB, and without EXIF (place, camera) or anything else that the
    file contained. Any other file is kept as it is, and its first bytes say what it is. Use its `id` where a job takes a
    file. A job keeps its own copy, even if you delete the upload.
    """
    with form_of(FILES, FIELDS, METADATA_FIELD) as form:
        label = label_of(form, services().settings.file_retention_seconds)
        made, replayed = keep(form, label)
    answer = json_response(file_resource(made, links()), 201, {**PRIVATE, "Location": links().file(made.id)})
    return idempotency.say_replayed(answer) if replayed else answer


@contextmanager
def form_of(files: Collection[str], fields: Collection[str], more: re.Pattern[str] | None = None) -> Iterator[Form]:
    """The form with a file in the current request; see :class:`web.http.multipart.Form`.

    Raises:
        Problem: It is none, or is too large.
        UploadsFull: The caller has no room for a file.
    """
    found = services()
    if not may_be_repeated(request.environ):
        # Before the body is read. With a key, whether it was sent before is known only afterwards.
        found.uploads.check_room(caller().owner)
    folder = found.settings.artifacts_dir
    with Form(files=files, fields=fields, limit=FILE_LIMIT, folder=folder, more=more) as form:
        form.read(request)
        yield form


def keep(form: Form, label: Label) -> tuple[Upload, bool]:
    """Keep the file of the current request's form.

    Returns:
        The upload, and whether an earlier sending of the request made it.

    Raises:
        Problem: It cannot be used.
        UploadsFull: The caller has no room for it.
        ArtifactError: It could not be stored.
    """
    found, owner = services(), caller().owner
    marks = idempotency.marks({"file": form.sha256, "filename": form.filename, **form.texts})
    made = _made(marks, owner)
    if made is not None:
        return made, True
    found.uploads.check_room(owner)
    found.rate_limiter.charge_upload(owner, caller().limits, form.size)
    data, info = _checked(form, label.name)
    return found.uploads.add(owner, data, info, label, marks)


def _made(marks: Idempotency, owner: str) -> Upload | None:
    """The upload that an earlier sending of the request made."""
    first = None if marks.key is None else services().store.first_of(marks)
    return None if first is None else services().uploads.get(first, owner)


def _checked(form: Form, name: str) -> tuple[bytes, FileInfo]:
    """What is kept of the file: an image made anew, any other file as it came."""
    size = form.size
    form.file.seek(0)
    head = form.file.read(HEAD)
    form.file.seek(0)
    try:
        if is_image(head, name):
            if size > INPUT_LIMIT:
                raise Problem("too_large", f"The image has more than {INPUT_LIMIT} bytes.")
            data, image = aside(lambda: clean(form.file))
            return data, FileInfo(image.content_type, image.width, image.height)
        data = form.file.read()
        return data, FileInfo(check(data, name, None).content_type)
    except BadImage as error:
        raise invalid(f"/{form.part}", f"cannot be used: {error}") from None


@blueprint.get("/files")
@Operation(
    "listFiles",
    "Files",
    "read",
    parameters=(
        LIMIT,
        CURSOR,
        Parameter(
            "after",
            "query",
            "The last `id` of the previous answer. OpenAI's SDK sends it instead of `cursor`.",
            schema=FileId,
        ),
    ),
    answers=(ok("Your files, newest first.", FileList, ("Link",)),),
    errors=("invalid_input",),
)
def list_files() -> Response:
    """List your files.

    `results` is the same as `data`, for Replicate's SDK.
    """
    parameters = only(request, "limit", "cursor", "after")
    limit = whole_number(parameters, "limit", 20, 1, LIMIT.schema["maximum"])
    owner = caller().owner
    reader = f"{owner}/files"
    # A place in this list is an id, so this one needs no seal.
    after = parameters.pop("after", None)
    if after is not None and not re.fullmatch(ids.FILE, after):
        raise refuse("after", "must be the id of a file")
    place = after or place_of(parameters, reader)
    uploads, following = services().uploads.page(owner, cursor=place, limit=limit)
    data = [file_resource(one, links()) for one in uploads]
    page = FileList(data=data, results=data, has_more=following is not None)
    return listing(page, following, parameters, reader)


@blueprint.get("/files/<file:file_id>")
@Operation("getFile", "Files", "read", answers=(ok("The record.", FileResource),), errors=("not_found",))
def get(file_id: str) -> Response:
    """Get a file's record."""
    return json_response(file_resource(services().uploads.get(file_id, caller().owner), links()), headers=PRIVATE)


@blueprint.get("/files/<file:file_id>/content")
@Operation(
    "getFileContent",
    "Files",
    "read",
    parameters=(IF_NONE_MATCH, RANGE),
    answers=(
        Answer(200, "The image.", IMAGES, headers=("ETag", "Accept-Ranges")),
        Answer(206, "The range.", IMAGES, headers=("ETag", "Content-Range")),
        SAME,
    ),
    errors=("not_found", "gone", "precondition_failed", "range_not_satisfiable"),
)
def content(file_id: str) -> Response:
    """Get a file.

    The stored file; an image was encoded again after the upload. The ETag is its SHA-256.
    """
    return content_of(file_id)


def content_of(file_id: str) -> Response:
    """The file of one of the caller's uploads.

    Raises:
        UploadNotFound: There is none, or it is another key's.
    """
    found = services().uploads.get(file_id, caller().owner)
    file = services().uploads.open(found)
    return stored_file(file, found.bytes, found.sha256, found.content_type, found.id)


@blueprint.delete("/files/<file:file_id>")
@Operation(
    "deleteFile",
    "Files",
    "submit",
    answers=(
        Answer(204, "The file is deleted."),
        ok("The same for OpenAI's SDK (`X-Stainless-Lang`), which expects a body.", DeletedFile),
    ),
    errors=("not_found",),
)
def delete(file_id: str) -> Response:
    """Delete a file now.

    Accepted jobs keep their own copy until they are deleted.
    """
    services().uploads.delete(file_id, caller().owner)
    if header(request.environ, "X-Stainless-Lang"):
        return json_response(DeletedFile(id=file_id))
    return Response(status=204)
