"""What real workers and a real scheduler count, as an operator's Prometheus reads it from the web face."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import requests

from tests.support.eventually import eventually
from tests.support.processes import Stack

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]


def test_the_counts_of_all_processes_are_on_one_page(tmp_path: Path) -> None:
    with Stack(tmp_path / "stack") as stack:
        stack.scheduler()
        first = stack.worker("first")
        stack.web()

        def counted(series: str) -> float:
            text = requests.get(f"{stack.url}/metrics", timeout=10).text
            found = re.search(rf"^{re.escape(series)} (\S+)$", text, re.MULTILINE)
            return float(found[1]) if found else 0.0

        ended = [stack.submit("image") for _ in range(3)] + [stack.submit("fail crashed")]
        stack.wait_for_status(ended)
        killed = stack.submit("progress 10 3s")
        stack.wait_for_status([killed], "running")
        eventually(
            lambda: counted('darkroom_claims_total{outcome="claimed"}') == 5, "the first worker's counts are there"
        )
        first.kill()
        stack.worker("second")
        stack.wait_for_status([killed], "succeeded")

        for series, sum_of_both in {
            'darkroom_attempts_total{outcome="succeeded",provider="echo"}': 4,
            'darkroom_attempts_total{outcome="provider_error",provider="echo"}': 1,
            'darkroom_attempt_seconds_count{provider="echo"}': 5,
            'darkroom_claims_total{outcome="claimed"}': 6,
            'darkroom_outputs_total{kind="image"}': 4,
            'darkroom_scheduler_jobs_total{action="requeued"}': 1,
        }.items():
            eventually(lambda s=series, n=sum_of_both: counted(s) == n, f"{series} is {sum_of_both}", within=15)  # type: ignore[misc]
        assert counted('darkroom_scheduler_rounds_total{outcome="done"}') > 3
        assert counted("darkroom_output_bytes_total") > 100
        assert counted('darkroom_events_written_total{type="progressed"}') > 4
