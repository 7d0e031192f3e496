"""Copies of pictures in another format or size."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image

from jobs import events
from jobs.files.image_terms import BadImage
from jobs.files.images import convert
from jobs.model import Output
from providers.echo.painting import paint
from tests.support.fake_worker import FakeWorker
from web.http.problems import Problem
from web.images import variants
from web.images.variants import ImageVariants
from web.services import Services


def finished(fake_worker: FakeWorker) -> str:
    lease = fake_worker.claim(fake_worker.submit())
    fake_worker.succeed(lease)
    return f"/v1/jobs/{lease.job.id}/outputs/0"


def opened(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


@pytest.mark.parametrize(
    ("query", "kind", "size"),
    [
        ("format=webp&width=32", "WEBP", (32, 32)),
        ("width=16", "PNG", (16, 16)),
        ("format=jpeg", "JPEG", (64, 64)),
        ("format=jpeg&width=4096", "JPEG", (64, 64)),
        ("width=1&utm_source=mail", "PNG", (1, 1)),
    ],
)
def test_a_copy_has_the_format_and_the_width(
    client: FlaskClient, fake_worker: FakeWorker, query: str, kind: str, size: tuple[int, int]
) -> None:
    address = finished(fake_worker)
    answer = client.get(f"{address}?{query}")
    assert (opened(answer.data).format, opened(answer.data).size) == (kind, size)
    assert answer.content_type == f"image/{kind.lower()}"
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer.headers["Content-Disposition"].endswith(kind.lower().replace("jpeg", "jpg") + '"')
    same = client.get(f"{address}?{query}", headers={"If-None-Match": answer.headers["ETag"]})
    assert (same.status_code, same.data) == (304, b"")
    for more in ({}, {"If-Match": answer.headers["ETag"]}):
        part = client.get(f"{address}?{query}", headers={"Range": "bytes=2-5", **more})
        assert (part.status_code, part.data) == (206, answer.data[2:6])


@pytest.mark.parametrize("query", ["format=png", "width=64", "width=4096", "format=png&width=100"])
def test_what_is_so_already_is_the_file_itself(client: FlaskClient, fake_worker: FakeWorker, query: str) -> None:
    address = finished(fake_worker)
    asked, plain = client.get(f"{address}?{query}"), client.get(address)
    assert (asked.data, asked.headers["ETag"]) == (plain.data, plain.headers["ETag"])


@pytest.mark.parametrize(
    "query",
    ["format=gif", "format=", "format=PNG", "format=png&format=png", "width=0", "width=16385", "width=1.5", "width=-1", "width=a", "width=%D9%A1"],
)  # fmt: skip
def test_another_wish_is_refused(client: FlaskClient, fake_worker: FakeWorker, query: str) -> None:
    answer = client.get(f"{finished(fake_worker)}?{query}")
    assert (answer.status_code, answer.get_json()["errors"][0]["parameter"]) == (422, query[: query.index("=")])


def test_a_text_has_no_copies_and_a_lost_file_neither(
    client: FlaskClient, fake_worker: FakeWorker, services: Services
) -> None:
    lease = fake_worker.claim(fake_worker.submit())
    fake_worker.write(lease, events.Succeeded, outputs=(Output(index=0, kind="text", text="two dogs"),))
    assert client.get(f"/v1/jobs/{lease.job.id}/outputs/0?width=8").status_code == 422
    address = finished(fake_worker)
    assert client.get(f"{address}?width=8").status_code == 200
    services.artifacts.delete(address.split("/")[3])
    assert client.get(f"{address}?width=8").status_code == 410


def test_a_copy_is_made_once(services: Services, serve: Callable[[Services], Flask], fake_worker: FakeWorker) -> None:
    made: list[str] = []

    class Counting(ImageVariants):
        def get(self, name: str, make: Callable[[], bytes], owner: str | None = None) -> bytes:
            return super().get(name, lambda: made.append(name) or make(), owner)  # type: ignore[func-returns-value]

    client = serve(replace(services, image_variants=Counting())).test_client()
    address = finished(fake_worker)
    first, again = (client.get(f"{address}?width=8").data for _ in range(2))
    assert first == again
    assert len(made) == 1


def test_old_copies_are_forgotten() -> None:
    kept = ImageVariants(kept_bytes=30)
    for name in ("a", "b", "c"):
        kept.get(name, lambda: b"0123456789")
    kept.get("a", lambda: b"other")
    kept.get("d", lambda: b"0123456789")
    assert kept.get("a", lambda: b"other") == b"0123456789"
    assert kept.get("b", lambda: b"made anew") == b"made anew"


def test_too_many_at_once_are_told_to_come_again() -> None:
    def deeper(depth: int) -> bytes:
        return kept.get(str(depth), lambda: deeper(depth + 1))

    kept = ImageVariants()
    with pytest.raises(Problem) as refused:
        deeper(0)
    assert (refused.value.code, refused.value.headers) == ("rate_limited", {"Retry-After": "2"})
    assert kept.get("x", lambda: b"x") == b"x"


def test_one_key_cannot_take_all_places() -> None:
    def deeper(depth: int) -> bytes:
        return kept.get(str(depth), lambda: deeper(depth + 1), "greedy")

    def last() -> bytes:
        assert kept.get("other", lambda: b"o", "modest") == b"o"
        raise BadImage

    kept = ImageVariants()
    with pytest.raises(Problem):
        deeper(0)
    tried = iter(range(100))

    def until_refused() -> bytes:
        try:
            return kept.get(f"again {next(tried)}", until_refused, "greedy")
        except Problem:
            return last()

    with pytest.raises(BadImage):
        until_refused()
    assert kept.get("x", lambda: b"x", "greedy") == b"x"


def test_many_who_look_at_the_same_wait_for_one_copy() -> None:
    kept, got, made = ImageVariants(), list[bytes](), list[bytes]()

    def look() -> None:
        got.append(kept.get("a", make))

    def make() -> bytes:
        if not made:
            made.append(b"first")
            for viewer in viewers:
                viewer.start()
            viewers[0].join(0.5)
            return b"first"
        return b"made again"

    viewers = [threading.Thread(target=look, daemon=True) for _ in range(variants.MOST_WAITING + 4)]
    look()
    for viewer in viewers:
        viewer.join(60)
    assert got == [b"first"] * (variants.MOST_WAITING + 5)


def test_a_copy_that_failed_is_tried_again() -> None:
    def fail() -> bytes:
        raise BadImage

    kept = ImageVariants()
    for _ in range(variants.MOST_WAITING + 1):
        with pytest.raises(BadImage):
            kept.get("a", fail)
    assert kept.get("a", lambda: b"a") == b"a"


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "CMYK", "I;16"])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_of_any_mode_can_be_copied(mode: str, kind: str) -> None:
    source = io.BytesIO()
    picture = opened(paint("x", 1, 40, 30))
    if mode in {"RGBA", "LA"}:
        picture.putalpha(0)
    picture.convert(mode).save(source, "JPEG" if mode == "CMYK" else "PNG")
    copy = opened(convert(source, kind, 20))
    assert (copy.format, copy.size) == (kind, (20, 15))
    if mode in {"RGBA", "LA"}:
        alike = copy.convert("RGBA").getpixel((0, 0))
        assert isinstance(alike, tuple)
        assert (alike[3] == 0) if kind != "JPEG" else (alike == (255, 255, 255, 255))
