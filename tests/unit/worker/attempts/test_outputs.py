"""How a result was made is told with it: in the job, and in the files."""

from __future__ import annotations

import io
import json
import time
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from jobs import events
from jobs.model import Job
from jobs.scheduling import health
from jobs.states import apply
from jobs.version import VERSION
from providers import Completed, InlineFile, ModelSpec, Param, ProviderSpec, Text
from tests.support.worker_parts import WorkerParts, done, picture
from worker.attempts.outputs import ingest
from worker.attempts.recipes import recipe_of

MODEL = ModelSpec(
    name="painter-1",
    aliases=("scripted",),
    params=(
        Param(name="prompt"),
        Param(name="seed", type="integer", maximum=2**31 - 1),
        Param(name="randomize_seed", type="boolean"),
    ),
)
SPEC = ProviderSpec(
    name="scripted", label="x", url="https://me-painter.hf.space", models=(MODEL,), space="me/painter"
)  # fmt: skip
JOB = Job(
    id="job_01ARZ3NDEKTSV4RRFFQ69G5FAV", owner="o", user="o", model="scripted", route=("scripted",), given={},
    input={"prompt": "x", "seed": 0}, created_at=5.0,
)  # fmt: skip

STARTED = events.Started(at=9.0, provider="scripted", worker="w2", input={"prompt": "x"})


def said_in(parts: WorkerParts, job: Job, index: int = 0) -> Any:
    with parts.artifacts.open(job.id, str(job.outputs[index].sha256)) as file:
        return json.loads(Image.open(io.BytesIO(file.read())).info["darkroom"])


# -- what it holds ------------------------------------------------------------


def test_it_names_the_model_the_space_and_our_version() -> None:
    recipe = recipe_of(JOB, SPEC, None, "0abc")
    assert (recipe.model, recipe.space, recipe.url, recipe.revision) == (
        "painter-1", "me/painter", "https://me-painter.hf.space", "0abc",
    )  # fmt: skip
    assert (recipe.job_id, recipe.at, recipe.version) == (JOB.id, 5.0, VERSION)


@pytest.mark.parametrize(
    "url",
    ["http://192.168.1.5:7860", "https://192.168.1.5", "http://me.hf.space", "https://painter.lan", "https://gpu", "https://me.hf.space:8443", ""],
)  # fmt: skip
def test_an_address_of_the_operators_own_network_stays_there(url: str) -> None:
    assert recipe_of(JOB, replace(SPEC, url=url), None, None).url is None


@pytest.mark.parametrize(
    ("used", "seed", "fixed"),
    [
        ({"seed": 0, "randomize_seed": True}, 77, {"seed": 77, "randomize_seed": False}),
        ({"seed": 7, "randomize_seed": False}, 7, {"seed": 7}),
        ({"seed": 7}, None, {"seed": 7}),
        ({"seed": 0, "randomize_seed": True}, None, {}),
        ({"seed": 7}, 2**40, {}),
        ({}, None, {}),
    ],
)
def test_it_holds_the_seed_that_makes_the_same_again(used: Any, seed: int | None, fixed: Any) -> None:
    job = Job(**{name: getattr(JOB, name) for name in JOB.__struct_fields__} | {"input": used})
    assert recipe_of(job, SPEC, seed, None).fixed == fixed


def test_a_model_that_takes_no_seed_gets_none() -> None:
    model = replace(MODEL, params=(Param(name="prompt"),))
    assert recipe_of(JOB, replace(SPEC, models=(model,)), 7, None).fixed == {}


# -- where it is written ------------------------------------------------------


def test_job_and_files_say_the_same(parts: WorkerParts) -> None:
    job = parts.run(Completed((InlineFile("a.png", picture()), InlineFile("b.png", picture("blue"))), 7))
    assert job.recipe is not None
    for index in (0, 1):
        said = said_in(parts, job, index)
        assert (said["job_id"], said["model"], said["provider"], said["index"]) == (
            job.id,
            "scripted",
            "scripted",
            index,
        )
        assert said["input"] == {"prompt": "x"}
        assert said["darkroom"] == job.recipe.version


def test_a_job_can_leave_it_out_of_its_files(parts: WorkerParts) -> None:
    job = parts.run(done(), embed_recipe=False)
    assert job.recipe is not None
    with parts.artifacts.open(job.id, str(job.outputs[0].sha256)) as file:
        assert not Image.open(io.BytesIO(file.read())).info


def test_a_text_has_one_too(parts: WorkerParts) -> None:
    assert parts.run(Completed((Text("a red square"),), None), kind="text").recipe is not None


def test_another_attempt_stores_the_same_file(parts: WorkerParts) -> None:
    """So an attempt that dies after it has stored its file leaves no orphan."""
    job = parts.claim(parts.submit()).job
    time.sleep(0.01)
    later = apply(apply(job, events.Requeued(at=parts.store.now(), outcome="lost")), STARTED)
    assert later.attempts != job.attempts
    for attempt in (job, later):
        ingest(attempt, done(), SPEC, None, parts.parts, lambda _: None)
    assert len(parts.files(job.id)) == 1


def test_the_spaces_commit_comes_from_the_last_probe(parts: WorkerParts) -> None:
    parts.measures.update("scripted", lambda record, at: health.probed(record, "s", None, at, "0abc"))
    driver = parts.script(done())
    driver.spec = replace(driver.spec, space="me/painter")
    runner = parts.runner()
    runner.run()
    assert said_in(parts, parts.job(runner.job_id))["revision"] == "0abc"
    again = parts.measures.update("scripted", lambda record, at: health.probed(record, "s", None, at))
    assert again.revision == "0abc"
