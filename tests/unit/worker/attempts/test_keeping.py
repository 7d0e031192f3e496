"""Every kind of output is kept as what it is, and what one breaks costs only that one."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from jobs.model import Job, Status
from media import FORMATS, OutputLimits
from providers import Completed, Data, FileOutput, InlineFile, Text
from providers.echo import samples
from tests.support.sample_images import animated_image
from tests.support.worker_parts import WorkerParts, picture
from worker.attempts.keeping import filename_of
from worker.attempts.parts import Timings

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.fixture
def parts(parts: WorkerParts) -> WorkerParts:
    parts.timings = Timings(refetch=0.0)
    return parts


def kept(parts: WorkerParts, *outputs: Any, kind: str = "file", warnings: tuple[str, ...] = ()) -> Job:
    return parts.run(Completed(outputs, None, warnings), kind=kind)


def content(parts: WorkerParts, job: Job, index: int = 0) -> bytes:
    with parts.artifacts.open(job.id, str(job.outputs[index].sha256)) as file:
        return file.read()


@pytest.mark.parametrize(
    ("data", "kind", "content_type", "filename"),
    [
        (samples.film([picture()]), "video", "video/webm", "a.webm"),
        (samples.sound(0.1), "audio", "audio/wav", "a.wav"),
        (samples.mesh(), "model", "model/gltf-binary", "a.glb"),
        (samples.archive("x"), "file", "application/zip", "a.zip"),
        (b"\0weights", "file", "application/octet-stream", "a.data"),
    ],
)
def test_a_file_is_kept_as_it_came_under_its_kind(
    parts: WorkerParts, data: bytes, kind: str, content_type: str, filename: str
) -> None:
    job = kept(parts, FileOutput(InlineFile("../x/a.data", data), label="Result", caption="as\x00 asked"), kind=kind)
    (output,) = job.outputs
    assert (output.kind, output.content_type, output.filename) == (kind, content_type, filename)
    assert (output.label, output.caption, output.bytes) == ("Result", "as asked", len(data))
    assert content(parts, job) == data
    assert job.warnings == ()


@pytest.mark.parametrize("data", [animated_image("GIF"), animated_image("WEBP"), SVG], ids=["gif", "webp", "svg"])
def test_an_image_that_cannot_be_ours_is_kept_as_it_came(parts: WorkerParts, data: bytes) -> None:
    job = kept(parts, InlineFile("a.png", data), kind="image")
    assert (job.outputs[0].kind, content(parts, job)) == ("image", data)


def test_the_signature_wins_over_what_the_app_says(parts: WorkerParts) -> None:
    job = kept(parts, FileOutput(InlineFile("a.mp4", samples.sound(0.1)), "video"), kind="audio")
    assert job.outputs[0].kind == "audio"
    assert job.warnings == ("output 0 is kept as audio (audio/wav): the app said video",)


def test_a_film_that_is_none_is_a_bad_output_where_a_film_is_wanted(parts: WorkerParts) -> None:
    job = kept(parts, FileOutput(InlineFile("a.mp4", b"<html>"), "video"), kind="video")
    assert job.error is not None
    assert (job.error.code, job.error.detail) == ("bad_output", "the provider gave no video; what it gave: files")


def test_json_is_in_the_record_and_safe(parts: WorkerParts) -> None:
    job = kept(parts, Data({"a": [1, float("nan"), 2**70], "b\ud800": "\x00x"}, "Table"), kind="json")
    (output,) = job.outputs
    assert (output.kind, output.label) == ("json", "Table")
    assert output.data == {"a": [1, None, str(2**70)], "b": "x"}


def test_null_is_a_value(parts: WorkerParts) -> None:
    assert kept(parts, Data(None), kind="json").outputs[0].data is None


def test_json_without_an_end_costs_only_itself(parts: WorkerParts) -> None:
    deep: Any = []
    for _ in range(5000):
        deep = [deep]
    job = kept(parts, Data(deep), Data(1), Data(object()), kind="json")
    assert [output.data for output in job.outputs] == [1]
    assert len(job.warnings) == 2


def test_what_is_too_long_for_the_record_is_a_file(parts: WorkerParts) -> None:
    parts.limits = OutputLimits(inline_bytes=10)
    job = kept(parts, Text("12345678"), Text("äöü"), Data("a long one"), kind="text")
    first, second, third = job.outputs
    assert (first.text, first.sha256) == ("12345678", None)
    assert (second.text, content(parts, job, 1).decode()) == ("ä", "äöü")
    assert second.content_type == "text/plain; charset=utf-8"
    assert (third.kind, third.content_type, content(parts, job, 2)) == ("json", "application/json", b'"a long one"')
    assert len(job.warnings) == 2


def test_of_too_many_the_first_ones_are_kept_and_the_rest_is_named(parts: WorkerParts) -> None:
    parts.limits = OutputLimits(outputs=2)
    job = kept(parts, *(Text(str(number)) for number in range(5)), kind="text", warnings=("the app also said x",))
    assert [output.text for output in job.outputs] == ["0", "1"]
    assert job.warnings == ("the app also said x", "3 of 5 outputs are not kept: the limit is 2")


def test_a_provider_can_have_its_own_limits(parts: WorkerParts) -> None:
    driver = parts.script(Completed((Text("a"), Text("b")), None), kind="text")
    driver.spec = replace(driver.spec, limits={"outputs": 1, "no_news": 5.0})
    runner = parts.runner()
    runner.run()
    assert len(parts.job(runner.job_id).outputs) == 1


def test_a_file_that_is_too_large_costs_only_itself_and_leaves_nothing(parts: WorkerParts) -> None:
    parts.limits = OutputLimits(file_bytes=1000, image_bytes=2000)
    job = kept(parts, InlineFile("a.bin", b"\0" * 1001), InlineFile("b.bin", b"\0" * 1000))
    assert [output.bytes for output in job.outputs] == [1000]
    assert job.warnings == ("one output less: output 0 is larger than 1000 bytes, the limit of its kind",)
    assert [path.name for path in parts.files(job.id)] == [job.outputs[0].sha256]


def test_the_files_of_a_job_have_a_limit_together(parts: WorkerParts) -> None:
    parts.limits = OutputLimits(job_bytes=2500)
    job = kept(parts, *(InlineFile(f"{n}.bin", bytes([n]) * size) for n, size in enumerate((1000, 2000, 1500))))
    assert [(output.index, output.bytes) for output in job.outputs] == [(0, 1000), (1, 1500)]
    assert job.warnings == ("one output less: output 1 is too much: 2500 bytes are the limit of a job's files",)
    assert len(parts.files(job.id)) == 2


@dataclass(frozen=True)
class Large:
    """A file of any size that is nowhere in memory."""

    name: str
    size: int

    def read(self, limit: int) -> bytes:
        raise AssertionError(limit)

    def pieces(self, limit: int) -> Iterator[bytes]:
        assert self.size <= limit
        piece = b"\0" * (1 << 20)
        for _ in range(self.size // len(piece)):
            yield piece


def test_a_large_file_costs_no_memory(parts: WorkerParts) -> None:
    tracemalloc.start()
    try:
        job = kept(parts, Large("a.bin", 200 << 20))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (job.status, job.outputs[0].bytes) == (Status.SUCCEEDED, 200 << 20)
    assert most < 30 << 20


@pytest.mark.parametrize(
    ("name", "content_type", "filename"),
    [
        ("mesh.GLB", "model/gltf-binary", "mesh.glb"),
        ("a b;rm -rf.exe", "application/zip", "a b_rm -rf.zip"),
        ("model.safetensors", "application/octet-stream", "model.safetensors"),
        ("x.html\u202e", "application/octet-stream", "x.html"),
        ("..", "application/octet-stream", "file.bin"),
        ("C:\\a\\b.txt", "text/plain", "b.txt"),
        ("", "text/csv", "file.csv"),
    ],
)
def test_a_file_has_a_name_that_no_system_trips_over(name: str, content_type: str, filename: str) -> None:
    assert filename_of(name, FORMATS[content_type]) == filename
