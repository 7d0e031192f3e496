"""A job in words, and its files on disk."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cli.commands.api.client import Api
from cli.commands.api.follow import failure, headline, save_outputs


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
