"""Pictures over HTTP, through a worker, into real Gradio apps: what arrives there, and what stays here."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image

from cli.stack.redis_server import free_port
from jobs.files.input_files import FILE_LIMIT
from jobs.scheduling.pauses import Pauses
from providers.spec import InputFile
from tests.spaces.launcher import Space, Spaces, lines
from tests.support.component_cases import CUBE, FILM, PICTURE, SOUND, TABLE
from tests.support.eventually import eventually
from tests.support.processes import Stack

pytestmark = [pytest.mark.real, pytest.mark.live, pytest.mark.timeout(300)]

#: The other lines take their time: tests/integration/providers/gradio/test_live.py uploads to each of them in each run.
LINES = lines()
TIMEOUT = (5, 60)
SECONDS = 90.0


def photo(canary: str = "canary") -> bytes:
    """A photo that lies on its side and says where it was taken; its left half is red."""
    image = Image.new("RGB", (40, 30), "blue")
    image.paste("red", (0, 0, 20, 30))
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = canary
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0), 29: canary})
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", exif=exif, comment=canary.encode())
    return buffer.getvalue() + f"<script>{canary}</script>".encode()


class Photos(BaseHTTPRequestHandler):
    """A camera in the operator's own network."""

    def do_GET(self) -> None:
        if self.path == "/moved.jpg":
            self.send_response(302)
            self.send_header("Location", "/photo.jpg")
            self.end_headers()
            return
        data = photo() if self.path == "/photo.jpg" else b"<html>no photo</html>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def camera() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Photos)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture(scope="module")
def apps(spaces: Spaces, request: pytest.FixtureRequest) -> dict[str, Space]:
    """One of each line that a test of this run is for; they start side by side, and beside the stack."""
    tests = [item for item in request.session.items if isinstance(item, pytest.Function) and item.path == request.path]
    wanted = {"6", *(str(test.callspec.params["line"]) for test in tests if "line" in test.fixturenames)}
    return {line: spaces.start(line, "retouch.py") for line in sorted(wanted)}


@pytest.fixture(scope="module")
def every(spaces: Spaces) -> Space:
    """An app with a function for each component."""
    return spaces.start("6", "components.py")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, apps: dict[str, Space], every: Space) -> Iterator[Stack]:
    """The whole service, with these apps behind it."""
    folder: Path = tmp_path_factory.mktemp("pictures")
    tables = ['[egress]\nallow = ["127.0.0.1/32"]\n']
    for line, app in apps.items():
        for api_name, parameters in (
            ("retouch", '{ image = { argument = "picture", required = true } }'),
            ("mix", '{ base = { type = "image", required = true }, mask = { type = "image" } }'),
            ("collage", '{ images = { type = "images", required = true, argument = "pictures" } }'),
        ):
            name = f"{api_name}-{line.replace('.', '-')}"
            tables.append(
                f'[providers.{name}]\ndriver = "space"\nurl = "{app.url}"\napi_name = "{api_name}"\n'
                f'models = ["{name}"]\nparameters = {parameters}\n'
            )
    for name, kind, parameters in (
        ("audio", "audio", '{ sound = { type = "audio", required = true, argument = "value" } }'),
        ("file", "file", '{ document = { type = "file", argument = "value" } }'),
        ("files", "file", '{ documents = { type = "files", argument = "value" } }'),
        ("imagemask", "image", '{ image = { argument = "value" }, mask = { type = "image", argument = "value" } }'),
        (
            "multimodaltextbox",
            "text",
            '{ prompt = { argument = "value" }, clip = { type = "video", argument = "value" } }',
        ),
        ("checkboxgroup", "json", '{ styles = { type = "strings", enum = ["a", "b"], argument = "value" } }'),
        ("chatbot", "text", '{ history = { type = "json", argument = "value" } }'),
        ("gallery", "image", '{ images = { argument = "value" , type = "images" } }'),
    ):
        tables.append(
            f'[providers.every-{name}]\ndriver = "space"\nurl = "{every.url}"\napi_name = "{name}"\n'
            f'models = ["every-{name}"]\nkind = "{kind}"\nparameters = {parameters}\n'
        )
    config = folder / "providers.toml"
    config.write_text("\n".join(tables))
    with Stack(folder / "stack", environ={"DARKROOM_CONFIG": str(config)}) as running:
        running.whole()
        for app in (*apps.values(), every):
            app.wait()
        yield running


def upload(stack: Stack, data: bytes, name: str = "photo.jpg", **fields: str) -> Any:
    answer = requests.post(f"{stack.url}/v1/files", files={"file": (name, data)}, data=fields, timeout=TIMEOUT)
    assert answer.status_code == 201, answer.text
    return answer.json()


def submit(stack: Stack, model: str, **given: object) -> Any:
    answer = requests.post(f"{stack.url}/v1/jobs", json={"model": model, "input": given}, timeout=TIMEOUT)
    assert answer.status_code == 202, answer.text
    return answer.json()


def wait_until_gone(stack: Stack, file_id: str) -> None:
    eventually(lambda: not list(stack.folder.rglob(f"{file_id}/*")), "the file is deleted", within=SECONDS)


def finished(stack: Stack, job: Any) -> Any:
    stack.wait_for_status([job["id"]], seconds=SECONDS)
    return requests.get(f"{stack.url}/v1/jobs/{job['id']}", timeout=TIMEOUT).json()


def picture_of(job: Any) -> Image.Image:
    assert job["status"] == "succeeded", job.get("error")
    data = requests.get(job["outputs"][0]["url"], timeout=TIMEOUT).content
    return Image.open(io.BytesIO(data)).convert("RGB")


def noted(space: Space, function: str) -> Any:
    notes: list[Any] = [note for note in space.notes() if note["function"] == function]
    return notes[-1]["arguments"]


def of_line(model: str, line: str) -> str:
    return f"{model}-{line.replace('.', '-')}"


Way = Callable[[Stack, str], str]
WAYS: dict[str, Way] = {
    "inline": lambda *_: "data:image/jpeg;base64," + base64.b64encode(photo()).decode(),
    "id": lambda stack, _: str(upload(stack, photo())["id"]),
    "own address": lambda stack, _: str(upload(stack, photo())["urls"]["get"]),
    "address": lambda _, camera: f"{camera}/photo.jpg",
    "address that moved": lambda _, camera: f"{camera}/moved.jpg",
}


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("way", WAYS)
def test_a_space_gets_the_pixels_upright_and_nothing_else(
    stack: Stack, apps: dict[str, Space], camera: str, line: str, way: str
) -> None:
    source = WAYS[way](stack, camera)
    job = finished(stack, submit(stack, of_line("retouch", line), image=source))
    made = picture_of(job)
    # Upright: what was on the left is on top, and inverted.
    assert made.size == (30, 40)
    top, bottom = made.getpixel((15, 4)), made.getpixel((15, 35))
    assert isinstance(top, tuple)
    assert isinstance(bottom, tuple)
    assert top[0] < 60 < 200 < top[2]
    assert bottom[2] < 60 < 200 < bottom[0]
    found = noted(apps[line], "retouch")["picture"]
    assert (found["size"], found["format"]) == ([30, 40], "JPEG")
    assert (found["exif"], found["gps"], found["canary"]) == (0, 0, False)
    assert not set(found["info"]) & {"exif", "icc_profile", "comment", "xmp"}


def test_nothing_of_what_a_picture_hid_is_kept_anywhere(stack: Stack, camera: str) -> None:
    """The sweep: files, Redis, logs, answers. It would find what it looks for: the camera's own copy has it."""
    assert b"canary" in photo()
    job = finished(stack, submit(stack, of_line("retouch", "6"), image=WAYS["id"](stack, camera)))
    assert job["status"] == "succeeded"
    for path in (stack.folder / "data" / "artifacts").rglob("*"):
        assert not path.is_file() or b"canary" not in path.read_bytes(), path
    stack.redis.settle()
    assert b"canary" not in stack.redis_text()
    assert "canary" not in stack.logs()
    assert "canary" not in json.dumps(job)


@pytest.mark.parametrize("line", LINES)
def test_two_pictures_under_names_of_their_own(stack: Stack, apps: dict[str, Space], camera: str, line: str) -> None:
    file = upload(stack, photo())
    job = finished(stack, submit(stack, of_line("mix", line), base=file["id"], mask=f"{camera}/photo.jpg"))
    assert picture_of(job).size == (30, 40)
    found = noted(apps[line], "mix")
    assert found["base"]["sha256"] == found["mask"]["sha256"]
    # Gradio 4.44 writes a picture anew before its function sees it.
    assert found["base"]["sha256"] == file["checksums"]["sha256"] or line == "4.44"


@pytest.mark.parametrize("line", LINES)
def test_a_gallery_of_pictures_that_come_in_different_ways(
    stack: Stack, apps: dict[str, Space], camera: str, line: str
) -> None:
    given = [WAYS[way](stack, camera) for way in ("inline", "id", "address")]
    job = finished(stack, submit(stack, of_line("collage", line), images=given))
    assert picture_of(job).size == (90, 40)
    found = noted(apps[line], "collage")["pictures"]
    assert [one["canary"] for one in found] == [False] * 3


def test_a_job_that_was_accepted_needs_its_upload_no_more(stack: Stack) -> None:
    pauses = Pauses(stack.connection)
    pauses.pause(None)
    try:
        deleted, ended = upload(stack, photo()), upload(stack, photo(), retention_seconds="1")
        jobs = [submit(stack, of_line("retouch", "6"), image=file["id"]) for file in (deleted, ended)]
        assert requests.delete(deleted["urls"]["get"], timeout=TIMEOUT).status_code == 204
        for file in (deleted, ended):
            wait_until_gone(stack, file["id"])
            assert requests.get(file["urls"]["get"], timeout=TIMEOUT).status_code == 404
    finally:
        pauses.resume(None)
    for job in jobs:
        assert picture_of(finished(stack, job)).size == (30, 40)


def test_a_failed_job_says_what_to_do_and_not_what_is_behind_the_walls(stack: Stack, camera: str) -> None:
    closed = free_port()
    for url in (f"http://127.0.0.1:{closed}/a.png", f"http://localhost:{closed}/a.png", f"{camera}/none.jpg"):
        job = finished(stack, submit(stack, of_line("retouch", "6"), image=url))
        assert (job["status"], job["error"]["code"]) == ("failed", "invalid_input")
        assert "127.0.0.1" not in job["error"]["detail"]
        assert str(closed) not in job["error"]["detail"]
        assert "image" in job["error"]["detail"]


def test_uploads_keep_nobody_waiting_and_are_bounded(stack: Stack) -> None:
    """Large pictures take a processor seconds to read and write; a poll takes its turn all the same."""
    buffer = io.BytesIO()
    Image.effect_noise((2000, 2000), 60).convert("RGB").save(buffer, "PNG")
    large = buffer.getvalue()

    def endless() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
        for _ in range((FILE_LIMIT >> 16) + 50):
            yield b"x" * (1 << 16)

    def flood() -> int:
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        try:
            return requests.post(f"{stack.url}/v1/files", data=endless(), headers=headers, timeout=TIMEOUT).status_code
        except requests.ConnectionError:
            return 413  # it was answered, and closed, before all was sent

    with ThreadPoolExecutor(16) as pool:
        uploads = [pool.submit(upload, stack, large) for _ in range(4)]
        floods = [pool.submit(flood) for _ in range(2)]
        polls = [pool.submit(requests.get, f"{stack.url}/v1/models", timeout=TIMEOUT) for _ in range(60)]
        assert {poll.result().status_code for poll in polls} == {200}
        assert {one.result()["width"] for one in uploads} == {2000}
        assert {one.result() for one in floods} == {413}
    for one in uploads:
        requests.delete(one.result()["urls"]["get"], timeout=TIMEOUT)


def test_the_command_line_uploads_what_it_is_given(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(photo())
    made = tmp_path / "made.png"
    command = [sys.executable, "-P", "-m", "cli", "generate", "--model", of_line("retouch", "6")]
    command += ["--image", str(tmp_path / "photo.jpg"), "-o", str(made), "--url", stack.url]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    with Image.open(made) as image:
        assert image.size == (30, 40)


def inline(file: InputFile) -> str:
    return f"data:{file.content_type};base64,{base64.b64encode(file.data).decode()}"


def arrived(every: Space) -> Any:
    return every.notes()[-1]["arguments"]["value"]  # type: ignore[index]


def kept(job: Any) -> list[tuple[str, str]]:
    assert job["status"] == "succeeded", job.get("error")
    return [(output["kind"], output.get("content_type", "")) for output in job["outputs"]]


@pytest.mark.parametrize("how", ["uploaded", "inline"])
def test_a_sound_goes_in_and_a_sound_comes_out(stack: Stack, every: Space, how: str) -> None:
    source = upload(stack, SOUND.data, "tone.wav")["id"] if how == "uploaded" else inline(SOUND)
    job = finished(stack, submit(stack, "every-audio", sound=source))
    assert arrived(every) == ["file", ".wav", len(SOUND.data)]
    assert kept(job) == [("audio", "audio/wav")]
    again = requests.post(f"{stack.url}/v1/jobs/{job['id']}/rerun", timeout=TIMEOUT)
    assert again.status_code == 202, again.text
    assert kept(finished(stack, again.json())) == [("audio", "audio/wav")]
    assert arrived(every) == ["file", ".wav", len(SOUND.data)]


def test_files_of_any_kind_keep_their_endings(stack: Stack, every: Space) -> None:
    table, cube = upload(stack, TABLE.data, "scores.csv"), upload(stack, CUBE.data, "cube.glb")
    assert (table["content_type"], cube["content_type"]) == ("text/csv", "model/gltf-binary")
    assert "width" not in table
    job = finished(stack, submit(stack, "every-files", documents=[table["id"], cube["id"]]))
    assert arrived(every) == [["file", ".csv", len(TABLE.data)], ["file", ".glb", len(CUBE.data)]]
    assert kept(job) == [("file", "text/csv"), ("file", "text/plain")]
    content = requests.get(f"{stack.url}/v1/files/{table['id']}/content", timeout=TIMEOUT)
    assert content.content == TABLE.data
    assert content.headers["Content-Disposition"].startswith("attachment")


def test_what_is_not_what_it_is_for_is_refused_where_it_is_named(stack: Stack) -> None:
    sound = upload(stack, SOUND.data, "tone.wav")["id"]
    for model, given, pointer in (
        ("retouch-6", {"image": sound}, "/input/image"),
        ("every-audio", {"sound": upload(stack, photo())["id"]}, "/input/sound"),
        ("every-audio", {"sound": inline(TABLE)}, "/input/sound"),
        ("every-checkboxgroup", {"styles": ["c"]}, "/input/styles/0"),
    ):
        answer = requests.post(f"{stack.url}/v1/jobs", json={"model": model, "input": given}, timeout=TIMEOUT)
        assert answer.status_code == 422, answer.text
        assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]
    files = {"file": ("photo.png", SOUND.data)}
    assert requests.post(f"{stack.url}/v1/files", files=files, timeout=TIMEOUT).status_code == 422


def test_parameters_for_one_input_arrive_together(stack: Stack, every: Space) -> None:
    picture = inline(PICTURE)
    job = finished(stack, submit(stack, "every-imagemask", image=picture, mask=picture))
    seen = ["picture", 64, 48]
    assert arrived(every) == {"background": seen, "layers": [seen], "composite": seen}
    assert [output["label"] for output in job["outputs"][1:]] == ["background", "layer 1"]
    job = finished(stack, submit(stack, "every-multimodaltextbox", prompt="look", clip=inline(FILM)))
    assert arrived(every) == {"text": "look", "files": [["file", ".webm", len(FILM.data)]]}
    assert [kind for kind, _ in kept(job)] == ["text", "image"]


def test_an_answer_keeps_what_is_beside_it(stack: Stack, every: Space) -> None:
    job = finished(stack, submit(stack, "every-chatbot", history=[{"role": "user", "content": "how warm?"}]))
    assert [kind for kind, _ in kept(job)] == ["text", "json"]
    assert job["outputs"][0]["text"] == "It is warm."
    assert job["outputs"][1]["label"] == "conversation"
    job = finished(stack, submit(stack, "every-gallery", images=[inline(PICTURE)]))
    assert [output["caption"] for output in job["outputs"]] == ["seed 11", "seed 12"]
