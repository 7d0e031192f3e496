"""Many jobs at once on one worker, and a worker that is killed under its jobs, with a real Gradio app upstream."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.spaces.launcher import Space, Spaces
from tests.support.eventually import eventually
from tests.support.processes import Process, Stack

pytestmark = [pytest.mark.live, pytest.mark.acceptance]

#: A thread pool keeps its threads, and a connection pool its connections: these are bounded, not leaked.
CONNECTIONS = 64 + 2 + 10


@pytest.fixture(scope="module")
def app(spaces: Spaces) -> Space:
    """An app whose asynchronous function takes as many jobs at once as come."""
    return spaces.get("6", SPACE_MAX_THREADS="400")


@pytest.fixture(scope="module")
def stack(app: Space, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with that app as its provider ``together``."""
    folder = tmp_path_factory.mktemp("many")
    config = folder / "providers.toml"
    config.write_text(
        f'[providers.together]\ndriver = "space"\nurl = "{app.url}"\napi_name = "/together"\n'
        'models = ["together"]\nkind = "text"\nparameters = { prompt = { default = "", argument = "text" }, seconds = 4.0 }\n'
    )
    environ = {"DARKROOM_CONFIG": str(config), "DARKROOM_WORKER_CONCURRENCY": "256"}
    with Stack(folder / "stack", environ=environ) as stack:
        stack.scheduler()
        yield stack


def sockets(process: Process) -> int:
    """Sockets that the process has open."""
    links = Path(f"/proc/{process.popen.pid}/fd").iterdir()
    return sum(1 for link in links if link.exists() is False and "socket" in str(link.readlink()))


def threads(process: Process) -> int:
    """Threads of the process."""
    return len(list(Path(f"/proc/{process.popen.pid}/task").iterdir()))


def submit(stack: Stack, name: str, seconds: float) -> str:
    return stack.submit(model="together", input={"prompt": name, "seconds": seconds})


def test_two_hundred_jobs_at_once_on_one_worker_leave_nothing_open(stack: Stack, app: Space) -> None:
    worker = stack.worker()
    stack.wait_for_status([submit(stack, "warm-up", 0.1)])

    def run() -> tuple[int, int]:
        ids = [submit(stack, f"many {number}", 4.0) for number in range(200)]
        stack.wait_for_status(ids, "running", "succeeded")
        jobs = stack.wait_for_status(ids, seconds=90)
        assert {job.status for job in jobs} == {"succeeded"}
        assert [len(job.attempts) for job in jobs] == [1] * 200
        eventually(lambda: sockets(worker) <= CONNECTIONS, "the sockets to the app are closed")
        return threads(worker), sockets(worker)

    once = run()
    again = run()
    assert again[0] <= max(once[0], 256) + 8
    assert again[1] <= CONNECTIONS
    assert len(stack.client.client_list()) <= CONNECTIONS + 30
    started = [note["text"] for note in app.notes() if str(note.get("text", "")).startswith("many ")]
    assert len(started) == 400
    assert worker.terminate() == 0


def test_a_killed_worker_loses_no_job(stack: Stack, app: Space) -> None:
    worker = stack.worker("victim")
    ids = [submit(stack, f"killed {number}", 3.0) for number in range(20)]
    stack.wait_for_status(ids, "running")
    worker.kill()
    stack.worker("heir")
    jobs = stack.wait_for_status(ids, seconds=60)
    assert {job.status for job in jobs} == {"succeeded"}
    assert all([attempt.outcome for attempt in job.attempts] == ["lost", "succeeded"] for job in jobs)
    started = [str(note["text"]) for note in app.notes() if str(note.get("text", "")).startswith("killed ")]
    assert all(started.count(name) <= 2 for name in set(started))
