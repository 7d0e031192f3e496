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

from jobs.scheduling.pauses import Pauses
from tests.spaces.environments import TESTED
from tests.spaces.launcher import Spaces
from tests.support import client_programs, environments
from tests.support.client_service import PAINTER, Service, opened
from tests.support.eventually import eventually
from tests.support.pages import HOW_TO, blocks, run
from tests.support.sample_images import plain_image

# The service, three apps and three interpreters start: that takes more than a minute on a machine that is busy.
pytestmark = [pytest.mark.real, pytest.mark.live, pytest.mark.timeout(300)]

FIRST: Final = (
    "run", "run_version", "run_long", "run_polled", "run_with_file", "text", "stream", "predictions", "cancel", "models",
    "files", "webhook", "no_key", "no_model", "no_version", "no_seed", "no_training", "failed",
)  # fmt: skip
SECOND: Final = (
    "run", "run_version", "run_long", "run_async", "run_with_file", "text", "stream", "use", "predictions", "cancel",
    "models", "files", "webhook", "no_key", "no_model", "no_seed", "no_deployment", "failed",
)  # fmt: skip
NODE: Final = (
    "node_run", "node_run_long", "node_run_with_file", "node_text", "node_stream", "node_predictions", "node_models",
    "node_files", "node_webhook", "node_no_key", "node_no_model", "node_no_seed", "node_failed", "node_failed_stream",
)  # fmt: skip
#: What the app writes for a prompt.
WRITTEN: Final = "You said {} and I wrote this."
_TABLE: Final = '[providers.{name}]\ndriver = "space"\nurl = "{url}"\napi_name = "{function}"\nkind = "{kind}"\nmodels = ["{name}"]\n'
_RETOUCH: Final = 'parameters = { image = { type = "image", required = true, argument = "picture" } }\n'


@pytest.fixture(scope="module")
def service(spaces: Spaces, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    line = TESTED[-1]
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
def environ(service: Service, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a program needs to know. Version 2 and the package for Node want the address with ``/v1``."""
    file: Path = tmp_path_factory.mktemp("picture") / "black.png"
    file.write_bytes(plain_image())
    return {
        "REPLICATE_BASE_URL": f"{service.stack.url}/v1",
        "REPLICATE_API_TOKEN": service.key,
        "REPLICATE_POLL_INTERVAL": "0.1",
        "PICTURE": str(file),
    }


@pytest.fixture(scope="module")
def first(service: Service, environ: dict[str, str]) -> Any:
    """What version 1 found."""
    given = {**environ, "REPLICATE_BASE_URL": service.stack.url}
    return client_programs.python("client-replicate-1", "replicate_1.py", *FIRST, **given).found()


@pytest.fixture(scope="module")
def second(environ: dict[str, str]) -> Any:
    """What version 2 found."""
    return client_programs.python("client-replicate-2", "replicate_2.py", *SECOND, **environ).found()


@pytest.fixture(scope="module")
def in_node(environ: dict[str, str]) -> Any:
    """What the package for Node found."""
    return client_programs.node("replicate.mjs", *NODE, **environ).found()


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


@pytest.mark.parametrize("case", ["run", "run_version", "run_long", "run_async"])
@pytest.mark.client("client-replicate-2", "replicate", "Replicate.run", "AsyncReplicate.run")
def test_version_2_gets_a_picture_as_a_file(service: Service, second: Any, case: str) -> None:
    found = second[case]
    assert found["kinds"] == ["AsyncFileOutput" if case == "run_async" else "FileOutput"]
    assert image_in(found["files"][0]).size == (64, 64)
    assert len(service.jobs(f"{case.replace('_', ' ')} 2")) == 1


@pytest.mark.client("client-replicate-2", "replicate", "run", "use", "stream", "files.create")
def test_version_2_gives_a_file_and_reads_a_text(second: Any) -> None:
    for way in ("uploaded", "inline"):
        (made,) = second["run_with_file"][way]["files"]
        assert image_in(made).convert("RGB").getpixel((5, 5)) == (255, 255, 255)
    found = second["text"]
    assert (found["output"], found["used"]) == ([WRITTEN.format("text 2")], WRITTEN.format("used 2"))
    assert "".join(found["parts"]) == WRITTEN.format("parts 2")
    assert "".join(second["stream"]["parts"]) == WRITTEN.format("stream 2")
    assert second["use"]["begin"] == "data:image/webp;base64"


@pytest.mark.client(
    "client-replicate-2", "replicate", "predictions.create", "predictions.get", "predictions.list", "predictions.cancel",
    "predictions.wait", "models.predictions.create",
)  # fmt: skip
def test_version_2_sees_a_job_as_a_prediction(service: Service, second: Any) -> None:
    found = second["predictions"]
    (job,) = service.jobs("predictions 2")
    assert found == {
        "id": job["id"],
        "first": "starting",
        "status": "succeeded",
        "model": "darkroom/flux-schnell",
        "logs": f"Using seed: {job['outputs'][0]['seed']}\n",
        "total_time": True,
        "listed": True,
        "earlier": False,
        "same": True,
    }
    assert second["cancel"]["status"] == "canceled"
    assert (second["cancel"]["deadline"], bool(second["cancel"]["late"])) == (True, True)


@pytest.mark.client(
    "client-replicate-2", "replicate", "models.list", "models.get", "models.search", "models.versions.list",
    "models.versions.get", "account.get", "hardware.list", "collections.list", "files.get", "files.list", "files.delete",
    "webhooks.default.secret.get",
)  # fmt: skip
def test_version_2_lists_models_and_files(second: Any) -> None:
    found = second["models"]
    assert {"darkroom/echo", "darkroom/flux-schnell", "darkroom/write"} <= set(found["listed"])
    assert (found["one"], found["prompt"]["type"]) == ("darkroom/flux-schnell", "string")
    assert "flux-schnell" in found["found"]
    assert (found["account"], found["hardware"], found["collections"]) == ("user", [], [])
    assert second["files"] == {"metadata": {"album": "sea"}, "listed": True, "deleted": True}
    assert second["webhook"]["key"].startswith("whsec_")


@pytest.mark.parametrize(
    ("case", "kind", "status", "words"),
    [
        ("no_key", "AuthenticationError", 401, "Send a valid key"),
        ("no_model", "NotFoundError", 404, "there is no model 'sdxl'"),
        ("no_seed", "UnprocessableEntityError", 422, "/input/seed"),
        ("no_deployment", "NotFoundError", 404, "no such route"),
        ("failed", "ModelError", "failed", "the app failed"),
    ],
)
def test_an_error_has_its_class_in_version_2(second: Any, case: str, kind: str, status: object, words: str) -> None:
    found = second[case]
    assert (found["class"], found["status"]) == (kind, status)
    assert words in found["detail"]


@pytest.mark.client("client-node", "replicate", "run", "stream", "files.create")
def test_the_package_for_node_runs_models(service: Service, in_node: Any) -> None:
    (made,) = in_node["node_run"]
    assert (made["kind"], made["type"], image_in(made["file"]).size) == ("FileOutput", "image/webp", (64, 64))
    assert len(in_node["node_run_long"]["found"]) == 1
    assert {"starting", "processing", "succeeded"} >= set(in_node["node_run_long"]["statuses"])
    (retouched,) = in_node["node_run_with_file"]
    assert image_in(retouched["file"]).convert("RGB").getpixel((5, 5)) == (255, 255, 255)
    assert in_node["node_text"]["output"] == [WRITTEN.format("text node")]
    events = in_node["node_stream"]["events"]
    outputs = [data for kind, data, _ in events if kind == "output"]
    assert "".join(outputs) == WRITTEN.format("stream node")
    assert len(outputs) > 1
    assert events[-1][:2] == ["done", "{}"]
    assert len(service.jobs("run long node")) == 1


@pytest.mark.client(
    "client-node", "replicate", "predictions.create", "predictions.list", "predictions.cancel", "wait", "models.list",
    "models.get", "models.search", "models.versions.list", "models.versions.get", "accounts.current", "hardware.list",
    "files.get", "files.list", "files.delete", "webhooks.default.secret.get", "validateWebhook", "parseProgressFromLogs",
)  # fmt: skip
def test_the_package_for_node_sees_predictions_models_and_files(service: Service, in_node: Any) -> None:
    found = in_node["node_predictions"]
    (job,) = service.jobs("predictions node")
    assert (found["id"], found["status"], found["listed"], found["canceled"]) == (
        job["id"],
        "succeeded",
        True,
        "canceled",
    )
    assert 20 in found["totals"]
    models = in_node["node_models"]
    assert {"darkroom/echo", "darkroom/flux-schnell", "darkroom/write"} <= set(models["listed"])
    assert (models["one"], models["prompt"]["type"], models["account"], models["hardware"]) == (
        "flux-schnell", "string", "user", [],
    )  # fmt: skip
    assert "flux-schnell" in models["found"]
    assert in_node["node_files"] == {"metadata": {"album": "sea"}, "listed": True, "deleted": True}
    hook = in_node["node_webhook"]
    assert hook["valid"] == [True]
    assert [(one["id"], one["status"]) for one in hook["messages"]] == [(hook["id"], "succeeded")]


@pytest.mark.parametrize(
    ("case", "kind", "status", "words"),
    [
        ("node_no_key", "ApiError", 401, "Send a valid key"),
        ("node_no_model", "ApiError", 404, "there is no model 'sdxl'"),
        ("node_no_seed", "ApiError", 422, "/input/seed"),
        ("node_failed", "Error", None, "Prediction failed: the app failed"),
        ("node_failed_stream", "Error", None, '"detail":"the app failed'),
    ],
)
def test_an_error_has_its_class_in_node(in_node: Any, case: str, kind: str, status: object, words: str) -> None:
    found = in_node[case]
    assert (found["class"], found.get("status")) == (kind, status)
    assert words in found["detail"]


def test_a_client_that_asks_again_after_a_crash_gets_its_first_job(service: Service, environ: dict[str, str]) -> None:
    """Version 2 says that it asks again; the package for Node does not."""
    pauses = Pauses(service.stack.connection)
    pauses.pause(PAINTER)
    running = [
        client_programs.python("client-replicate-2", "replicate_2.py", "interrupted", **environ),
        client_programs.node("replicate.mjs", "node_interrupted", **environ),
    ]
    eventually(lambda: len(service.get("/v1/jobs", q="interrupted")["data"]) == len(running), "all wait", within=60)
    service.kill_the_web()
    pauses.resume(PAINTER)
    python, node = (program.found() for program in running)
    (job,) = service.jobs("interrupted 2")
    assert python["interrupted"] == {"id": job["id"], "status": "succeeded", "replayed": "true"}
    (made,) = node["node_interrupted"]
    assert image_in(made["file"]).size == (64, 64)
    for prompt in ("interrupted 2", "interrupted node"):
        assert len(service.jobs(prompt)) == len(service.calls(prompt)) == 1


def test_the_program_on_the_page_makes_a_picture(service: Service, tmp_path: Path) -> None:
    environments.require("client-replicate-1")
    (text,) = blocks(HOW_TO / "use-replicate-clients.md", "python")
    (tmp_path / "lighthouse.py").write_text(text)
    program = [str(environments.interpreter("client-replicate-1")), "lighthouse.py"]
    run(program, tmp_path, service.stack.url, DARKROOM_API_KEY=service.key)
    with Image.open(tmp_path / "lighthouse.webp") as image:
        assert image.size == (512, 512)
