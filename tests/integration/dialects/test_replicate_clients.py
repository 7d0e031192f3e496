"""Unmodified Replicate clients against the whole service: only the address and the key are ours.

Each program in ``tests/clients`` runs once, with many cases; the tests look at what each case found.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from PIL import Image

from tests.spaces import environments
from tests.spaces.launcher import Spaces
from tests.support import client_programs
from tests.support.client_service import PAINTER, Service, opened
from tests.support.sample_images import plain_image

# The service, three apps and three interpreters start: that takes more than a minute on a machine that is busy.
pytestmark = [pytest.mark.real, pytest.mark.live, pytest.mark.timeout(300)]

FIRST: Final = (
    "run", "run_version", "run_long", "run_polled", "run_with_file", "text", "stream", "predictions", "cancel", "models",
    "files", "webhook", "no_key", "no_model", "no_version", "no_seed", "no_training", "failed",
)  # fmt: skip
#: What the app writes for a prompt.
WRITTEN: Final = "You said {} and I wrote this."
_TABLE: Final = '[providers.{name}]\ndriver = "space"\nurl = "{url}"\napi_name = "{function}"\nkind = "{kind}"\nmodels = ["{name}"]\n'
_RETOUCH: Final = 'parameters = { image = { type = "image", required = true, argument = "picture" } }\n'


@pytest.fixture(scope="module")
def service(spaces: Spaces, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    line = environments.TESTED[-1]
    painter, studio, retoucher = (spaces.start(line, app) for app in ("flux_schnell.py", "studio.py", "retouch.py"))
    tables = [
        f'[providers.{PAINTER}]\nurl = "{painter.url}"\nspace = ""\n',
        f'[models.flux-schnell]\nproviders = ["{PAINTER}"]\n',
        # Those that crash have their own, since five failures in a row close one.
        *(
            _TABLE.format(name=name, url=studio.url, function="write", kind="text")
            for name in ("write", "crash-1", "crash-2", "crash-node")
        ),
        _TABLE.format(name="retouch", url=retoucher.url, function="retouch", kind="image") + _RETOUCH,
        '[egress]\nallow = ["127.0.0.1/32"]\n',
    ]
    with opened(tmp_path_factory.mktemp("replicate"), tables, painter, studio, retoucher) as service:
        yield service


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> str:
    file: Path = tmp_path_factory.mktemp("picture") / "black.png"
    file.write_bytes(plain_image())
    return str(file)


@pytest.fixture(scope="module")
def first(service: Service, picture: str) -> Any:
    """What version 1 found."""
    return client_programs.python(
        "client-replicate-1", "replicate_1.py", *FIRST,
        REPLICATE_BASE_URL=service.stack.url, REPLICATE_API_TOKEN=service.key, REPLICATE_POLL_INTERVAL="0.1",
        PICTURE=picture,
    ).found()  # fmt: skip


def image_in(text: str) -> Image.Image:
    image = Image.open(io.BytesIO(base64.b64decode(text)))
    image.load()
    return image


@pytest.mark.parametrize("case", ["run", "run_version", "run_long", "run_polled"])
@pytest.mark.client("client-replicate-1", "replicate", "run")
def test_a_picture_comes_as_a_file(service: Service, first: Any, case: str) -> None:
    found = first[case]
    assert found["kinds"] == ["FileOutput"]
    assert image_in(found["files"][0]).size == (64, 64)
    (job,) = service.jobs(f"{case.replace('_', ' ')} 1")
    assert (job["status"], job["model"], job["metadata"]["dialect"]) == ("succeeded", "flux-schnell", "replicate")
    assert job.get("warnings", []) == (["Ignored: input.output_format."] if case == "run" else [])


@pytest.mark.client("client-replicate-1", "replicate", "run", "files.create")
def test_a_file_can_go_in(first: Any) -> None:
    """The app inverts what it gets, and it gets black."""
    for way in ("uploaded", "inline"):
        (made,) = first["run_with_file"][way]["files"]
        assert image_in(made).convert("RGB").getpixel((5, 5)) == (255, 255, 255)


@pytest.mark.client("client-replicate-1", "replicate", "run", "stream")
def test_a_text_comes_whole_and_bit_by_bit(first: Any) -> None:
    assert first["text"]["output"] == [WRITTEN.format("text 1")]
    assert "".join(first["text"]["parts"]) == WRITTEN.format("text version 1")
    events = first["stream"]["events"]
    outputs = [data for kind, data, _ in events if kind == "output"]
    assert "".join(outputs) == WRITTEN.format("stream 1")
    assert len(outputs) > 1
    assert events[-1][:2] == ["done", "{}"]
    assert len({mark for _, _, mark in events}) == len(events)


@pytest.mark.client(
    "client-replicate-1", "replicate", "predictions.create", "predictions.get", "predictions.list", "predictions.cancel",
    "prediction.wait", "prediction.progress",
)  # fmt: skip
def test_a_prediction_is_a_job(service: Service, first: Any) -> None:
    found = first["predictions"]
    (job,) = service.jobs("predictions 1")
    assert (found["id"], found["status"], found["model"]) == (job["id"], "succeeded", "darkroom/flux-schnell")
    assert found["logs"] == f"Using seed: {job['outputs'][0]['seed']}\n"
    fraction, step, total = found["progress"]
    assert (total, 0 <= step <= 20, fraction) == (20, True, step * 100 // 20 / 100)
    assert (found["same"], found["listed"]) == (True, True)
    assert (first["cancel"]["status"], first["cancel"]["output"]) == ("canceled", None)
    assert service.get(f"/v1/jobs/{first['cancel']['id']}")["status"] == "canceled"


@pytest.mark.client(
    "client-replicate-1", "replicate", "models.list", "models.get", "models.search", "versions.list", "versions.get",
    "accounts.current", "hardware.list", "collections.list",
)  # fmt: skip
def test_models_are_listed(first: Any) -> None:
    found = first["models"]
    assert {"darkroom/echo", "darkroom/flux-schnell", "darkroom/write"} <= set(found["listed"])
    assert (found["one"], found["prompt"]["type"]) == ("darkroom/flux-schnell", "string")
    assert "flux-schnell" in found["found"]
    assert (found["account"], found["hardware"], found["collections"]) == ("user", [], [])


@pytest.mark.client("client-replicate-1", "replicate", "files.create", "files.get", "files.list", "files.delete")
def test_files(first: Any) -> None:
    assert first["files"] == {"name": "black.png", "metadata": {"album": "sea"}, "listed": True, "deleted": True}


@pytest.mark.client("client-replicate-1", "replicate", "webhooks.default.secret", "webhooks.validate")
def test_a_webhook_gets_the_prediction(first: Any) -> None:
    messages = first["webhook"]["messages"]
    assert {one["id"] for one in messages} == {first["webhook"]["id"]}
    assert sorted((one["status"], one["output"] is None) for one in messages) == [
        ("processing", False), ("processing", True), ("succeeded", False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("case", "kind", "status", "words"),
    [
        ("no_key", "ReplicateError", 401, "Send a valid key"),
        ("no_model", "ReplicateError", 404, "there is no model 'sdxl'"),
        ("no_version", "ReplicateError", 404, "there is no model"),
        ("no_seed", "ReplicateError", 422, "/input/seed"),
        ("no_training", "ReplicateError", 404, "no such route"),
        ("failed", "ModelError", "failed", "the app failed"),
    ],
)
def test_an_error_has_its_class(first: Any, case: str, kind: str, status: object, words: str) -> None:
    found = first[case]
    assert (found["class"], found["status"]) == (kind, status)
    assert words in found["detail"]
    if case == "failed":
        assert json.loads(found["stream"])["detail"] == found["detail"]
