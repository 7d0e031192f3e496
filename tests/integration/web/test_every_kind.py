"""Every kind of output, through the whole service: over HTTP, by the command line, on the page.

A film, a sound, a 3D model, an archive, a table, a text that comes bit by bit, and a kind that a plug-in adds.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import wave
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import sseclient
from PIL import Image
from playwright.sync_api import Page, expect

from tests.support.api_client import ApiClient
from tests.support.processes import Stack

pytestmark = [pytest.mark.acceptance, pytest.mark.real]

SENTENCE = "Once upon a time there was a lighthouse <b>on</b> a rock"
TABLE = {"headers": ["a", "b"], "data": [[1, "x"], [2, None]]}
SCRIPT = [
    "video 2s", "caption Evening over hills", "audio 1s", "model", "file results.zip", f"data {json.dumps(TABLE)}",
    "file tune.mid", "file page.html", f"text {SENTENCE}", 'data {"<b>": [1.5]}',
]  # fmt: skip
KINDS = ["video", "audio", "model", "file", "json", "midi", "file", "text", "json"]
#: What a file of an unknown suffix holds.
PROMPT = "MThd"

PLUGIN = """
import media
from media.signatures import starts

MIDI = media.Format(kind="midi", content_type="audio/midi", suffixes=(".mid",), signature=starts(b"MThd"))


def register():
    media.register(media.OutputKind(name="midi", plural="tunes"), [MIDI])
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole service, with an installed package that adds a kind."""
    folder = tmp_path_factory.mktemp("kinds")
    told = folder / "packages" / "darkroom_midi-0.1.dist-info"
    told.mkdir(parents=True)
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: darkroom-midi\nVersion: 0.1\n")
    (told / "entry_points.txt").write_text("[darkroom.kinds]\nmidi = darkroom_midi:register\n")
    (folder / "packages" / "darkroom_midi.py").write_text(PLUGIN)
    with Stack(folder / "stack", environ={"PYTHONPATH": str(folder / "packages")}) as stack:
        stack.whole()
        yield stack


@pytest.fixture(scope="module")
def client(running: Stack) -> ApiClient:
    return ApiClient(running.url)


@pytest.fixture(scope="module")
def job(client: ApiClient) -> dict[str, Any]:
    """A finished job with an output of each kind."""
    seen = client.run("echo", input={"prompt": PROMPT, "script": SCRIPT, "width": 320, "height": 192})
    assert seen.job["status"] == "succeeded", seen.job
    return seen.job


def fetch(client: ApiClient, output: dict[str, Any], **headers: str) -> requests.Response:
    return client.http.get(output["url"], headers=headers)


def test_each_output_is_listed_as_what_it_is(client: ApiClient, job: dict[str, Any]) -> None:
    outputs = job["outputs"]
    assert [output["kind"] for output in outputs] == KINDS
    assert outputs[0]["caption"] == "Evening over hills"
    assert outputs[4]["data"] == TABLE
    assert outputs[7]["text"] == SENTENCE
    assert [output.get("filename") for output in outputs[:4]] == ["film.webm", "tone.wav", "mesh.glb", "results.zip"]
    assert "warnings" not in job
    film, sound = outputs[:2]
    assert (film["width"], film["height"], film["duration"], film["frame_rate"]) == (320, 192, 2.0, 8.0)
    assert sound["duration"] == 1.0
    (listed,) = client.http.get(f"{client.url}/v1/jobs", params={"limit": 1}).json()["data"]
    assert listed["outputs"] == outputs


@pytest.mark.parametrize(
    ("index", "content_type", "disposition"),
    [
        (0, "video/webm", "inline"),
        (1, "audio/wav", "inline"),
        (2, "model/gltf-binary", "attachment"),
        (3, "application/zip", "attachment"),
        (4, "application/json", "attachment"),
        (5, "audio/midi", "attachment"),
        (6, "application/octet-stream", "attachment"),
        (7, "text/plain; charset=utf-8", "attachment"),
    ],
)
def test_each_file_is_served_as_its_kind_and_never_runs(
    client: ApiClient, job: dict[str, Any], index: int, content_type: str, disposition: str
) -> None:
    answer = fetch(client, job["outputs"][index])
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == content_type
    assert answer.headers["Content-Disposition"].startswith(f"{disposition}; filename=")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    if "bytes" in job["outputs"][index]:
        assert len(answer.content) == job["outputs"][index]["bytes"]


@pytest.mark.parametrize(("index", "sides"), [(0, (320, 192)), (1, (512, 128))])
def test_a_film_and_a_sound_have_a_poster(
    client: ApiClient, job: dict[str, Any], index: int, sides: tuple[int, int]
) -> None:
    output = job["outputs"][index]
    for address in (output["poster"], f"{output['url']}?width=64"):
        answer = client.http.get(address)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/webp")
    assert Image.open(io.BytesIO(client.http.get(output["poster"]).content)).size == sides
    living = client.http.get(job["urls"]["image"])
    assert Image.open(io.BytesIO(living.content)).size == (320, 192)


def test_the_files_are_whole(client: ApiClient, job: dict[str, Any]) -> None:
    with wave.open(io.BytesIO(fetch(client, job["outputs"][1]).content)) as sound:
        assert sound.getnframes() == sound.getframerate()
    with zipfile.ZipFile(io.BytesIO(fetch(client, job["outputs"][3]).content)) as archive:
        assert archive.read("echo.txt").decode() == PROMPT


@pytest.mark.parametrize(
    ("asked", "first", "last"), [("bytes=0-", 0, None), ("bytes=100-199", 100, 199), ("bytes=-10", -10, None)]
)
def test_a_player_gets_the_parts_that_it_asks_for(
    client: ApiClient, job: dict[str, Any], asked: str, first: int, last: int | None
) -> None:
    whole = fetch(client, job["outputs"][0]).content
    part = fetch(client, job["outputs"][0], Range=asked)
    assert (part.status_code, part.headers["Accept-Ranges"]) == (206, "bytes")
    assert part.content == whole[first : None if last is None else last + 1]
    assert part.headers["Content-Range"].endswith(f"/{len(whole)}")


def test_a_text_comes_bit_by_bit_to_streams_and_pollers(client: ApiClient) -> None:
    submitted = client.submit("echo", input={"script": [f"partial 2s {SENTENCE}"]})
    texts, polled = [], []
    with client.http.get(submitted["urls"]["events"], headers={"Accept": "text/event-stream"}, stream=True) as answer:
        for event in sseclient.SSEClient(answer.iter_content(None)).events():
            if event.event == "partial":
                texts.append(json.loads(event.data)["text"])
                polled.append(client.get(submitted["id"]).get("progress", {}).get("partial"))
            if event.event == "end":
                final = json.loads(event.data)
                break
    assert 3 <= len(texts) <= 10
    assert all(SENTENCE.startswith(text) for text in texts)
    assert texts == sorted(texts, key=len)
    seen = [text for text in polled if text]
    assert seen
    assert all(SENTENCE.startswith(text) for text in seen)
    assert "partial" not in final["progress"]
    assert [output["text"] for output in final["outputs"]] == [SENTENCE]


def command_line(
    *arguments: str, folder: Path, module: str = "cli", **environ: str
) -> subprocess.CompletedProcess[str]:
    root = str(Path(__file__).parents[3])
    path = os.pathsep.join(filter(None, (root, environ.pop("PYTHONPATH", ""))))
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=folder, env={**os.environ, "PYTHONPATH": path, **environ}, capture_output=True, text=True, timeout=60,
        check=True,
    )  # fmt: skip


def test_the_command_line_saves_and_prints_each(running: Stack, tmp_path: Path) -> None:
    done = command_line(
        "generate", PROMPT, "--model", "echo", "--param", f"script={json.dumps(SCRIPT)}",
        folder=tmp_path, DARKROOM_URL=running.url,
    )  # fmt: skip
    suffixes = [path.suffix for path in sorted(tmp_path.iterdir())]
    assert suffixes == [".webm", ".wav", ".glb", ".zip", ".mid", ".html"]
    assert json.dumps(TABLE, indent=2) in done.stdout
    assert SENTENCE + "\n" in done.stdout


def test_a_target_names_each_by_its_kind(running: Stack, tmp_path: Path) -> None:
    script = json.dumps(["audio", "data [1]", "image"])
    target = ("-o", "out.jpg")
    command_line(
        "generate", PROMPT, "--model", "echo", "--param", f"script={script}", *target,
        folder=tmp_path, DARKROOM_URL=running.url,
    )  # fmt: skip
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out-1.wav", "out-2.json", "out-3.jpg"]
    assert (tmp_path / "out-3.jpg").read_bytes().startswith(b"\xff\xd8")


def test_a_run_without_the_service_saves_each_too(running: Stack, tmp_path: Path) -> None:
    script = ";".join(SCRIPT)
    done = command_line(
        "run", "echo", f"prompt={PROMPT}", f"script={script}",
        folder=tmp_path, module="providers", PYTHONPATH=running.environ["PYTHONPATH"],
    )  # fmt: skip
    assert {path.suffix for path in tmp_path.iterdir()} == {".webm", ".wav", ".glb", ".zip", ".mid", ".html"}
    assert SENTENCE in done.stdout


@pytest.mark.browser
def test_the_page_plays_and_shows_each(page: Page, running: Stack, job: dict[str, Any]) -> None:
    page.goto(f"{running.url}/#{job['id']}")
    expect(page.locator("#state")).to_have_text("Done")
    for name, seconds in (("video", 2.0), ("audio", 1.0)):
        player = page.locator(f"#outputs {name}")
        page.wait_for_function("name => document.querySelector(`#outputs ${name}`).readyState >= 2", arg=name)
        assert player.evaluate("one => one.duration") == pytest.approx(seconds, abs=0.2)
    assert page.locator("#outputs video").evaluate("one => [one.videoWidth, one.videoHeight]") == [320, 192]
    expect(page.locator("#outputs small")).to_have_text("Evening over hills")
    assert page.locator("#outputs tr").all_inner_texts() == ["a\tb", "1\tx", "2\t"]
    expect(page.locator("#outputs pre")).to_have_text(json.dumps({"<b>": [1.5]}, indent=2))
    expect(page.locator("#outputs .said")).to_have_text(SENTENCE)
    links = page.locator("#outputs .download a")
    assert links.all_inner_texts() == [
        "film.webm", "tone.wav", "mesh.glb", "results.zip", "tune.mid", "page.html",
    ]  # fmt: skip
    with page.expect_download() as begun:
        page.get_by_text("results.zip").click()
    assert begun.value.suggested_filename == "results.zip"
    expect(page.locator("#reel li").first).to_be_visible()
    if os.environ.get("DARKROOM_SCREENSHOTS"):
        page.screenshot(path=f"{os.environ['DARKROOM_SCREENSHOTS']}/kinds.png", full_page=True)


@pytest.mark.browser
def test_a_picture_with_a_script_is_shown_and_its_script_never_runs(
    page: Page, running: Stack, client: ApiClient
) -> None:
    script = ["image", "file drawn.svg", "file page.html"]
    job = client.run("echo", input={"script": script}).job
    page.goto(f"{running.url}/#{job['id']}")
    drawn = page.locator("#outputs img")
    expect(drawn).to_have_js_property("naturalWidth", 64)
    address = str(drawn.get_attribute("src"))
    assert "sig=" in address
    # Opened as a page of its own, it is saved.
    with page.expect_download() as begun:
        page.evaluate("address => { location.href = address; }", address)
    assert begun.value.suggested_filename.endswith(".svg")


@pytest.mark.browser
def test_the_page_shows_a_text_as_it_comes(page: Page, running: Stack, client: ApiClient) -> None:
    submitted = client.submit("echo", input={"script": [f"partial 4s {SENTENCE}", "progress 1"]})
    page.goto(f"{running.url}/#{submitted['id']}")
    expect(page.locator("#words.said")).to_contain_text("Once upon")
    expect(page.locator("#state")).not_to_have_text("Done")
    expect(page.locator("#state")).to_have_text("Done", timeout=15_000)
    expect(page.locator("#outputs .said")).to_have_text(SENTENCE)
