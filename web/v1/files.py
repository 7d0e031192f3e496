"""Images that a client uploads, to use them in jobs."""

from __future__ import annotations

import re

from flask import Blueprint, Response, request

from jobs import ids
from jobs.files.images import INPUT_LIMIT, BadImage, clean
from jobs.resources.base import FileId
from web.http.auth import caller
from web.http.file_response import IF_NONE_MATCH, IMAGES, RANGE, SAME, stored_file
from web.http.headers import header
from web.http.multipart import Form
from web.http.operation import Answer, Operation, Parameter, ok
from web.http.problems import invalid
from web.http.query import only, refuse, whole_number
from web.http.responses import PRIVATE, json_response
from web.http.threads import aside
from web.services import services
from web.v1 import idempotency
from web.v1.context import links
from web.v1.lists import CURSOR, LIMIT, listing, place_of
from web.v1.schemas.files import FIELDS, FILES, UPLOAD, DeletedFile, FileList, FileResource, file_resource, label_of

blueprint = Blueprint("files", __name__)


@blueprint.post("/files")
@Operation(
    "uploadFile",
    "Files",
    "submit",
    body=UPLOAD,
    body_type="multipart/form-data",
    parameters=(idempotency.KEY,),
    answers=(
        Answer(
            status=201,
            description="The stored file.",
            content={"application/json": FileResource},
            headers=("Location", idempotency.REPLAYED),
        ),
    ),
    errors=(
        "invalid_input", "idempotency_key_reused", "not_found", "too_large", "unsupported_media", "quota_exceeded",
        "storage_error",
    ),
)  # fmt: skip
def upload() -> Response:
    """Upload an image.

    It is decoded and encoded again: upright, in sRGB, and without EXIF (place, camera) or anything else that the file
    contained. Use its `id` where a job takes an image. A job keeps its own copy, even if you delete the upload.
    """
    found, owner = services(), caller().owner
    found.uploads.check_room(owner)
    with Form(files=FILES, fields=FIELDS, limit=INPUT_LIMIT, folder=found.settings.artifacts_dir) as form:
        form.read(request)
        found.rate_limiter.charge_upload(owner, caller().limits, form.size)
        label = label_of(form, found.settings.file_retention_seconds)
        marks = idempotency.marks({"file": form.sha256, "filename": form.filename, **form.texts})
        try:
            data, image = aside(lambda: clean(form.file))
        except BadImage as error:
            raise invalid(f"/{form.part}", f"cannot be used: {error}") from None
    made, replayed = found.uploads.add(owner, data, image, label, marks)
    answer = json_response(file_resource(made, links()), 201, {**PRIVATE, "Location": links().file(made.id)})
    return idempotency.say_replayed(answer) if replayed else answer


@blueprint.get("/files")
@Operation(
    "listFiles",
    "Files",
    "read",
    parameters=(
        LIMIT,
        CURSOR,
        Parameter(
            name="after",
            place="query",
            description="The last `id` of the previous answer. OpenAI's SDK sends it instead of `cursor`.",
            schema=FileId,
        ),
    ),
    answers=(
        Answer(
            status=200,
            description="Your files, newest first.",
            content={"application/json": FileList},
            headers=("Link",),
        ),
    ),
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
        Answer(status=200, description="The image.", content=IMAGES, headers=("ETag", "Accept-Ranges")),
        Answer(status=206, description="The range.", content=IMAGES, headers=("ETag", "Content-Range")),
        SAME,
    ),
    errors=("not_found", "gone", "range_not_satisfiable"),
)
def content(file_id: str) -> Response:
    """Get a file.

    The stored file, which was encoded again after the upload. The ETag is its SHA-256.
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
        Answer(status=204, description="The file is deleted."),
        Answer(
            status=200,
            description="The same for OpenAI's SDK (`X-Stainless-Lang`), which expects a body.",
            content={"application/json": DeletedFile},
        ),
    ),
    errors=("not_found",),
)
def delete(file_id: str) -> Response:
    """Delete a file now.

    Accepted jobs keep their own copy until they are deleted.
    """
    services().uploads.delete(file_id, caller().owner)
    if header(request, "X-Stainless-Lang"):
        return json_response(DeletedFile(id=file_id))
    return Response(status=204)
