"""A job in words, and its files on disk."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from rich.console import Console

from cli.commands.api.client import Api
from cli.commands.api.follow import Follower, failure, headline
from cli.commands.api.saving import save_outputs


@pytest.mark.parametrize(
    ("job", "line"),
    [
        ({"status": "succeeded", "finished_at": "2030-01-01T00:00:00Z"}, "succeeded"),
        ({"status": "queued"}, "queued"),
        (
            {"status": "queued", "queue": {"position": 3, "message": "All workers are busy."}},
            "queued, position 3: All workers are busy.",
        ),
        (
            {"status": "queued", "queue": {"message": "echo takes no jobs until 2030-01-01.", "eta_seconds": 61.2}},
            "queued, about 61 s: echo takes no jobs until 2030-01-01.",
        ),
        (
            {"status": "running", "queue": {"message": "echo has its own queue.", "upstream": {"rank": 2, "size": 5}}},
            "running, rank 2 of 5 there: echo has its own queue.",
        ),
        ({"status": "running", "progress": {"step": 7, "total": 28, "fraction": 0.25}}, "step 7 of 28"),
        ({"status": "running", "progress": {"stage": "waiting_upstream"}}, "waiting upstream"),
    ],
)  # fmt: skip
def test_a_job_says_in_one_line_what_it_does_or_waits_for(job: dict[str, Any], line: str) -> None:
    assert headline(job) == line


def test_a_failure_names_code_provider_and_whether_to_try_again() -> None:
    error = {"code": "provider_busy", "detail": "the queue is full", "provider": "flux", "retryable": True}
    text = failure({"id": "job_1", "status": "failed", "error": error})
    assert text == "job_1 failed: provider_busy (flux): the queue is full; submitting it again may help"
    assert failure({"id": "job_1", "status": "canceled"}) == "job_1 ended as canceled"


def _picture(kind: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGBA", (8, 8), (1, 2, 3, 200)).save(file, kind)
    return file.getvalue()


class _Files(Api):
    """An API that only has files."""

    def download(self, url: str) -> tuple[bytes, str]:
        assert url.startswith("/")
        return _picture("PNG"), "image/png"


def _outputs(*kinds: str) -> dict[str, Any]:
    rows = [{"index": n, "kind": kind, "url": f"/{n}", "text": "words"} for n, kind in enumerate(kinds)]
    return {"id": "job_01ABCDEFGH", "outputs": rows}


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Api:
    monkeypatch.chdir(tmp_path)
    return _Files("http://127.0.0.1:1")


@pytest.mark.parametrize(
    ("name", "kind"), [("a.webp", "WEBP"), ("a.jpg", "JPEG"), ("a.png", "PNG"), ("a.unknown", "PNG")]
)
def test_a_picture_is_saved_in_the_format_that_its_name_asks_for(files: Api, name: str, kind: str) -> None:
    (path,) = save_outputs(files, _outputs("image"), Path(name))
    with Image.open(path) as image:
        assert image.format == kind


def test_a_picture_in_its_own_format_is_saved_as_it_came(files: Api) -> None:
    (path,) = save_outputs(files, _outputs("image"), Path("a.png"))
    assert path.read_bytes() == _picture("PNG")


def test_without_a_name_the_job_gives_one_and_several_are_numbered(files: Api) -> None:
    assert [p.name for p in save_outputs(files, _outputs("image"), None)] == ["darkroom-abcdefgh.png"]
    assert [p.name for p in save_outputs(files, _outputs("image", "image"), Path("x.png"))] == ["x-1.png", "x-2.png"]


def test_a_text_is_a_file_only_where_one_was_asked_for(files: Api) -> None:
    assert save_outputs(files, _outputs("text"), None) == []
    (path,) = save_outputs(files, _outputs("text"), Path("t.txt"))
    assert path.read_text() == "words\n"


class _Writing(Api):
    """An API with one job, which writes bit by bit."""

    def watch(self, job_id: str) -> Iterator[dict[str, Any]]:
        for text in ("Once\x1b[31m", "Once upon a time " * 40 + "the end"):
            yield {"id": job_id, "status": "running", "progress": {"stage": "generating", "partial": text}}
            time.sleep(0.3)  # the board is drawn ten times a second
        yield {"id": job_id, "status": "succeeded", "finished_at": "2030-01-01T00:00:00Z"}


def test_a_text_is_seen_on_the_terminal_as_it_comes() -> None:
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=True, width=40, height=10)
    Follower(api=_Writing("http://127.0.0.1:1"), console=console).follow("job_1")
    assert "Once[31m" in shown.getvalue()
    assert "the end" in shown.getvalue()


def test_in_a_pipe_a_text_is_only_in_the_result() -> None:
    shown = io.StringIO()
    Follower(api=_Writing("http://127.0.0.1:1"), console=Console(file=shown)).follow("job_1")
    assert "Once" not in shown.getvalue()


def test_each_kind_is_saved_under_its_own_suffix(files: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "save", lambda _, path: path.write_bytes(b"x"))
    outputs = [
        {"index": 0, "kind": "audio", "url": "/0", "content_type": "audio/wav", "filename": "tone.wav"},
        {"index": 1, "kind": "json", "url": "/1", "data": None},
        {"index": 2, "kind": "midi", "url": "/2", "content_type": "audio/midi", "filename": "tune.mid"},
        {"index": 3, "kind": "text", "url": "/3", "text": "a", "sha256": "0" * 64, "content_type": "text/plain"},
        {"index": 4, "kind": "image", "url": "/4"},
    ]
    job = {"id": "job_01ABCDEFGH", "outputs": outputs}
    assert [path.suffix for path in save_outputs(files, job, None)] == [".wav", ".mid", ".txt", ".png"]
    assert [path.name for path in save_outputs(files, job, Path("x.webp"))] == [
        "x-1.wav", "x-2.json", "x-3.mid", "x-4.txt", "x-5.webp",
    ]  # fmt: skip
    assert Path("x-2.json").read_text() == "null\n"
