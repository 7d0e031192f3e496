"""Uploads over HTTP: what is taken, what comes back, and to whom."""

from __future__ import annotations

import io
import json
import re
import zlib
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.test import TestResponse

from jobs.files.image_terms import INPUT_LIMIT
from tests.support.sample_images import animated_image, image_with_metadata, oversized_png, plain_image
from web.openapi.schemas import complete_schema
from web.services import Services
from web.v1.schemas.files import FileResource

BOUNDARY = "frontier"


def send(client: FlaskClient, data: bytes, name: str = "a.png", part: str = "file", **fields: Any) -> TestResponse:
    headers = fields.pop("headers", {})
    return client.post("/v1/files", data={part: (io.BytesIO(data), name), **fields}, headers=headers)


def raw(
    client: FlaskClient, body: bytes, content_type: str = f"multipart/form-data; boundary={BOUNDARY}"
) -> TestResponse:
    return client.post("/v1/files", data=body, headers={"Content-Type": content_type})


def part(name: str, content: bytes, *lines: str, filename: str | None = None) -> bytes:
    said = f'form-data; name="{name}"' + (f'; filename="{filename}"' if filename else "")
    head = "\r\n".join([f"--{BOUNDARY}", f"Content-Disposition: {said}", *lines, "", ""])
    return head.encode() + content + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()


def on_disk(services: Services) -> list[Path]:
    return [path for path in services.settings.artifacts_dir.rglob("*") if path.is_file()]


def test_a_picture_is_kept_and_has_the_fields_of_both_sdks(client: FlaskClient, services: Services) -> None:
    answer = send(
        client, image_with_metadata("JPEG", 6), "trip/beach.jpg", purpose="user_data", metadata='{"album": "sea"}'
    )
    assert answer.status_code == 201
    file = answer.get_json()
    assert re.fullmatch("file_[0-9A-HJKMNP-TV-Z]{26}", file["id"])
    assert answer.headers["Location"] == file["urls"]["get"] == f"http://localhost/v1/files/{file['id']}"
    assert (file["object"], file["status"], file["purpose"]) == ("file", "processed", "user_data")
    assert file["filename"] == file["name"] == "beach.jpg"
    assert (file["content_type"], file["width"], file["height"]) == ("image/jpeg", 30, 40)
    assert file["bytes"] == file["size"] == on_disk(services)[0].stat().st_size
    assert isinstance(file["created_at"], int)
    assert file["expires_at"] - file["created_at"] == services.settings.file_retention_seconds
    assert file["metadata"] == {"album": "sea"}
    assert client.get(f"/v1/files/{file['id']}").get_json() == file
    jsonschema_rs.Draft202012Validator(complete_schema(FileResource)).validate(file)


def test_the_content_is_the_picture_and_nothing_else(client: FlaskClient) -> None:
    file = send(client, image_with_metadata("JPEG", 6)).get_json()
    answer = client.get(f"/v1/files/{file['id']}/content", buffered=True)
    assert (answer.status_code, answer.content_type) == (200, "image/jpeg")
    assert b"canary" not in answer.data
    image = Image.open(io.BytesIO(answer.data))
    assert image.size == (30, 40)
    assert answer.headers["ETag"] == f'"{file["checksums"]["sha256"]}"'
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"] == f'inline; filename="{file["id"]}.jpg"'
    path = f"/v1/files/{file['id']}/content"
    assert client.get(path, headers={"If-None-Match": answer.headers["ETag"]}, buffered=True).status_code == 304
    assert client.get(path, headers={"Range": "bytes=0-3"}, buffered=True).data == answer.data[:4]
    assert client.get(path, headers={"Range": "bytes=9999999-"}).status_code == 416


@pytest.mark.parametrize("name", ["file", "content"])
def test_both_sdks_names_of_the_part_are_known(client: FlaskClient, name: str) -> None:
    assert send(client, plain_image(), part=name, type="image/png").status_code == 201


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({"retention_seconds": "5"}, 5),
        ({"expires_after[anchor]": "created_at", "expires_after[seconds]": "3600"}, 3600),
    ],
)
def test_a_client_says_how_long_a_file_is_kept(client: FlaskClient, fields: dict[str, str], seconds: int) -> None:
    file = send(client, plain_image(), **fields).get_json()
    assert file["expires_at"] - file["created_at"] == seconds


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<!doctype html><script>alert(1)</script>",
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        b"%PDF-1.7",
        b"%!PS-Adobe-3.0 EPSF-3.0",
        b"PK\x03\x04",
        plain_image("GIF"),
        plain_image("BMP"),
        plain_image("PNG")[:60],
        animated_image("PNG"),
        animated_image("WEBP"),
        oversized_png(50_000, 50_000),
        oversized_png(9_000, 9_000),
        oversized_png(0, 10),
    ],
    ids=[
        "empty", "html", "svg", "pdf", "eps", "zip", "gif", "bmp", "cut", "animated png", "animated webp", "bomb",
        "silent bomb", "no width",
    ],
)  # fmt: skip
def test_what_is_no_picture_is_refused_and_not_kept(client: FlaskClient, services: Services, data: bytes) -> None:
    answer = send(client, data)
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.get_json()["errors"]] == ["/file"]
    assert on_disk(services) == []
    assert client.get("/v1/files").get_json()["data"] == []


def test_a_file_may_not_be_larger_than_said(client: FlaskClient, services: Services) -> None:
    for size, status in ((INPUT_LIMIT, 201), (INPUT_LIMIT + 1, 413), (INPUT_LIMIT + (1 << 20), 413)):
        answer = raw(client, part("file", plain_image().ljust(size, b"\0")) + END)
        assert (answer.status_code, answer.get_json().get("code")) == (status, None if status == 201 else "too_large")
    assert len(on_disk(services)) == 1


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        (END, 422, "/file"),
        (part("file", b"x"), 400, None),
        (part("file", b"x")[:20], 400, None),
        (b"no form at all", 400, None),
        (b"x" * 70_000 + part("file", plain_image()) + END, 400, None),
        (part("file", plain_image()) + END + b"x" * 5000, 400, None),
        (part("file", plain_image()) + part("file", plain_image()) + END, 422, "/file"),
        (part("file", plain_image()) + part("content", plain_image()) + END, 422, "/content"),
        (part("file", plain_image()) + part("purpose", b"a") + part("purpose", b"b") + END, 422, "/purpose"),
        (part("file", plain_image()) + part("colour", b"a") + END, 422, "/colour"),
        (part("file", plain_image()) + part("", b"a") + END, 422, "/"),
        (part("file", plain_image()) + part("purpose", b"a" * 65) + END, 422, "/purpose"),
        (part("file", plain_image()) + part("purpose", b"") + END, 422, "/purpose"),
        (part("file", plain_image()) + part("purpose", b"\xff") + END, 422, "/purpose"),
        (part("file", plain_image()) + part("purpose", b"a\r\nX: y") + END, 422, "/purpose"),
        (part("file", plain_image()) + part("metadata", b"a" * 9000) + END, 422, "/metadata"),
        (part("file", plain_image()) + part("metadata", b"[1]") + END, 422, "/metadata"),
        (part("file", plain_image()) + part("metadata", b'{"a": 1}') + END, 422, "/metadata"),
        (part("file", plain_image()) + part("metadata", b'{"a": "1", "a": "2"}') + END, 422, "/metadata"),
        (part("file", plain_image()) + part("metadata", b"{") + END, 422, "/metadata"),
        (part("file", plain_image()) + part("retention_seconds", b"0") + END, 422, "/retention_seconds"),
        (part("file", plain_image()) + part("retention_seconds", b"1e3") + END, 422, "/retention_seconds"),
        (part("file", plain_image()) + part("retention_seconds", b"99999999") + END, 422, "/retention_seconds"),
        (part("file", plain_image()) + part("expires_after[anchor]", b"now") + END, 422, "/expires_after[anchor]"),
        (part("file", plain_image(), "Content-Transfer-Encoding: base64") + END, 400, None),
        (part("file", plain_image(), "X-Long: " + "x" * 70_000) + END, 400, None),
        (f"--{BOUNDARY}\r\nContent-Type: image/png\r\n\r\n".encode() + plain_image() + b"\r\n" + END, 400, None),
        (f"--{BOUNDARY}\r\nContent-Disposition: form-data\r\n\r\nx\r\n".encode() + END, 422, "/None"),
        (f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="\xff"\r\n\r\nx\r\n'.encode("latin-1") + END, 400, None),
        (b"".join(part("purpose", b"a") for _ in range(2000)) + END, 422, "/purpose"),
    ],
)  # fmt: skip
def test_a_form_that_is_wrong_is_refused(
    client: FlaskClient, services: Services, body: bytes, status: int, pointer: str | None
) -> None:
    answer = raw(client, body)
    assert answer.status_code == status, answer.data
    assert [fault["pointer"] for fault in answer.get_json().get("errors", [])] == ([pointer] if pointer else [])
    assert on_disk(services) == []


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        f"multipart/form-data; boundary={'x' * 201}",
        f"multipart/mixed; boundary={BOUNDARY}",
        "application/x-www-form-urlencoded",
        "",
    ],
)
def test_only_a_form_is_taken(client: FlaskClient, content_type: str) -> None:
    assert raw(client, part("file", plain_image()) + END, content_type).status_code == 415


def test_a_compressed_body_is_refused(client: FlaskClient) -> None:
    body = zlib.compress(part("file", plain_image()) + END)
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", "Content-Encoding": "deflate"}
    assert client.post("/v1/files", data=body, headers=headers).status_code == 415


def test_a_name_is_only_a_text(client: FlaskClient) -> None:
    for given, shown in (
        ("../../etc/passwd", "passwd"),
        ("a" * 400, "a" * 255),
        ("\u202egnp.exe", "gnp.exe"),
        ("", "picture"),
        ("/", "picture"),
        ("<img src=x>.png", "<img src=x>.png"),
    ):
        body = part("file", plain_image(), filename=given or None) + END
        file = raw(client, body).get_json()
        assert file["filename"] == shown
        answer = client.get(f"/v1/files/{file['id']}/content", buffered=True)
        assert answer.headers["Content-Disposition"] == f'inline; filename="{file["id"]}.png"'


def test_a_list_has_parts(client: FlaskClient) -> None:
    ids = sorted((send(client, plain_image()).get_json()["id"] for _ in range(3)), reverse=True)
    first = client.get("/v1/files?limit=2")
    body = first.get_json()
    assert [file["id"] for file in body["data"]] == ids[:2]
    assert body["results"] == body["data"]
    assert body["has_more"] is True
    assert 'rel="next"' in first.headers["Link"]
    rest = client.get(f"/v1/files?limit=2&cursor={body['next_cursor']}").get_json()
    assert ([file["id"] for file in rest["data"]], rest["has_more"]) == (ids[2:], False)
    after = client.get(f"/v1/files?limit=2&after={ids[1]}").get_json()
    assert ([file["id"] for file in after["data"]], after["has_more"]) == (ids[2:], False)
    for query in ("limit=0", "limit=101", "cursor=x", "order=asc", "after=x"):
        assert client.get(f"/v1/files?{query}").status_code == 422


def test_a_deleted_file_is_as_unknown_as_one_that_never_was(client: FlaskClient, services: Services) -> None:
    file = send(client, plain_image()).get_json()
    path = f"/v1/files/{file['id']}"
    assert client.delete(path).status_code == 204
    unknown = client.get("/v1/files/file_01ARZ3NDEKTSV4RRFFQ69G5FAV").get_json()
    for answer in (client.get(path), client.get(f"{path}/content"), client.delete(path)):
        assert answer.status_code == 404
        assert answer.get_json()["detail"] == unknown["detail"]
    assert on_disk(services) == []


def test_openais_sdk_can_read_that_a_file_is_gone(client: FlaskClient) -> None:
    file = send(client, plain_image()).get_json()
    answer = client.delete(f"/v1/files/{file['id']}", headers={"X-Stainless-Lang": "python"})
    assert (answer.status_code, answer.get_json()) == (200, {"id": file["id"], "object": "file", "deleted": True})
    assert client.get(f"/v1/files/{file['id']}").status_code == 404


def test_another_keys_file_is_as_unknown_as_one_that_never_was(public_app: Flask) -> None:
    store = public_app.extensions["darkroom"].keys
    one, other = ({"Authorization": f"Bearer {store.create(name)[1]}"} for name in ("one", "other"))
    client = public_app.test_client()
    file = send(client, plain_image(), headers=one).get_json()
    for path in (f"/v1/files/{file['id']}", "/v1/files/file_01ARZ3NDEKTSV4RRFFQ69G5FAV"):
        for method, more in (("GET", ""), ("GET", "/content"), ("DELETE", "")):
            answer = client.open(path + more, method=method, headers=other)
            assert (answer.status_code, answer.get_json()["detail"]) == (404, "There is no file with this id.")
    assert client.get("/v1/files", headers=other).get_json()["data"] == []
    job = {"model": "janus-pro-7b", "input": {"prompt": "what?", "image": file["id"]}}
    assert client.post("/v1/jobs", json=job, headers=other).status_code == 422
    assert client.post("/v1/jobs", json=job, headers=one).status_code == 202


@pytest.mark.parametrize("environ", [{"DARKROOM_FILE_BYTES": "1"}])
def test_a_key_has_only_so_much_room(client: FlaskClient, services: Services) -> None:
    answer = send(client, plain_image())
    assert (answer.status_code, answer.get_json()["code"]) == (429, "quota_exceeded")
    assert on_disk(services) == []


def test_the_same_request_again_gives_the_same_file(client: FlaskClient, services: Services) -> None:
    headers = {"Idempotency-Key": "k-1"}
    first = send(client, plain_image(), headers=headers)
    again = send(client, plain_image(), headers=headers)
    assert (again.status_code, again.get_json()) == (201, first.get_json())
    assert again.headers["Idempotency-Replayed"] == "true"
    other = send(client, plain_image("JPEG"), headers=headers)
    assert (other.status_code, other.get_json()["code"]) == (422, "idempotency_key_reused")
    assert len(on_disk(services)) == 1


# -- files in jobs ------------------------------------------------------------


def ask(client: FlaskClient, image: str) -> TestResponse:
    return client.post("/v1/jobs", json={"model": "janus-pro-7b", "input": {"prompt": "what is it?", "image": image}})


@pytest.mark.parametrize("how", ["id", "get", "content"])
def test_a_job_takes_a_file_and_outlives_it(client: FlaskClient, services: Services, how: str) -> None:
    file = send(client, plain_image()).get_json()
    job = ask(client, file["id"] if how == "id" else file["urls"][how]).get_json()
    digest = file["checksums"]["sha256"]
    assert job["input"]["image"] == f"sha256:{digest}"
    client.delete(f"/v1/files/{file['id']}")
    with services.artifacts.open(job["id"], digest) as kept:
        assert kept.read()
    again = client.post(f"/v1/jobs/{job['id']}/rerun")
    assert (again.status_code, again.get_json()["input"]["image"]) == (202, job["input"]["image"])


@pytest.mark.parametrize(
    "image",
    [
        "file_01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "http://localhost/v1/files/file_01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "http://localhost/v1/files/file_01ARZ3NDEKTSV4RRFFQ69G5FAV/content",
    ],
)
def test_an_unknown_file_is_refused_where_it_is_named(client: FlaskClient, services: Services, image: str) -> None:
    answer = ask(client, image)
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.get_json()["errors"]] == ["/input/image"]
    assert "POST /v1/files" in answer.get_json()["detail"]
    assert services.queue.overview().queued == 0


def test_a_file_in_a_history_is_found_too(client: FlaskClient) -> None:
    file = send(client, plain_image()).get_json()
    parts = [{"type": "text", "text": "and this?"}, {"type": "image_url", "image_url": {"url": file["urls"]["get"]}}]
    body = {"model": "janus-pro-7b", "input": {"messages": [{"role": "user", "content": parts}]}}
    answer = client.post("/v1/jobs", json=body)
    assert answer.status_code == 202, answer.data
    assert answer.get_json()["input"]["image"] == f"sha256:{file['checksums']['sha256']}"


def test_a_dry_run_takes_a_file_and_keeps_nothing(client: FlaskClient, services: Services) -> None:
    file = send(client, plain_image()).get_json()
    body = json.dumps({"model": "janus-pro-7b", "input": {"prompt": "what?", "image": file["id"]}})
    answer = client.post("/v1/jobs?dry_run=1", data=body, content_type="application/json")
    assert answer.get_json()["input"]["image"] == f"sha256:{file['checksums']['sha256']}"
    assert len(on_disk(services)) == 1
