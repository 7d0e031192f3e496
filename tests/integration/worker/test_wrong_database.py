"""Real processes whose Redis comes back empty: they say so, do nothing, and go on when the right one is back."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from jobs.record.identity import DatabaseIdentity
from tests.support.eventually import eventually
from tests.support.processes import Stack, worker_command

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]

SAID = "lost all jobs"


def test_nothing_is_lost_while_the_right_database_is_away(tmp_path: Path) -> None:
    with Stack(tmp_path / "stack") as stack:
        parts = [stack.scheduler(), stack.worker(), stack.web()]
        running = stack.submit("wait 15s", "image")
        stack.wait_for_status([running], "running")
        files = stack.folder / "redis" / "appendonlydir"

        stack.redis.crash()
        files.rename(files.with_name("away"))
        stack.redis.start()
        eventually(lambda: all(SAID in part.output for part in parts), "every process says it")
        assert "accept-database" in _not_ready(stack)
        assert requests.get(f"{stack.url}/v1/jobs/{running}", timeout=10).status_code == 503
        body = {"model": "echo", "input": {"prompt": "x"}}
        refused = requests.post(f"{stack.url}/v1/jobs", json=body, timeout=10)
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "30")
        assert not [key for key in stack.client.keys("dr:*") if key not in {b"dr:control", b"dr:probe"}]

        stack.redis.kill()
        files.rename(files.with_name("empty"))
        files.with_name("away").rename(files)
        stack.redis.start()
        (job,) = stack.wait_for_status([running], seconds=60)
        assert (job.status, len(job.attempts)) == ("succeeded", 1)
        assert {part.output.count(SAID) for part in parts[:2]} == {1}, "said more than once"


def test_the_operator_may_give_up_what_was_in_it(tmp_path: Path) -> None:
    with Stack(tmp_path / "stack") as stack:
        worker = stack.whole()
        lost = stack.submit("wait 60s")
        stack.wait_for_status([lost], "running")
        stack.client.flushall()
        worker.wait_for(SAID)
        assert "accept-database" in _not_ready(stack)
        late = [stack.start(name, worker_command(name)) for name in ("stopped", "patient")]
        for part in late:
            part.wait_for(SAID)
        assert late[0].terminate() == 0
        DatabaseIdentity(stack.client, tmp_path / "stack" / "data" / "database.id").accept()

        def ready() -> bool:
            return requests.get(f"{stack.url}/readyz", timeout=10).ok

        eventually(ready, "it is ready again")
        late[1].wait_for("worker ready")
        stack.wait_for_status([stack.submit("image")], "succeeded")
        assert requests.get(f"{stack.url}/v1/jobs/{lost}", timeout=10).status_code == 404
        assert stack.client.smembers("dr:providers"), "nobody told the new database of the providers"


def _not_ready(stack: Stack) -> str:
    answer = requests.get(f"{stack.url}/readyz", timeout=10)
    assert answer.status_code == 503
    return str(answer.json()["checks"]["database"])
