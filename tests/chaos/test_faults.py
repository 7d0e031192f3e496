"""Every fault of the table is made, and what is expected is seen. Writes docs/reference/faults.md."""

from __future__ import annotations

import fcntl
import json
import subprocess
from collections.abc import Iterator, Mapping
from typing import Final

import pytest

from tests.chaos.faults import FAULTS, Fault
from tests.chaos.house import LEASE_SECONDS, House
from tests.chaos.trial import NotHere, Trial
from tests.spaces.launcher import Spaces
from tests.stack import ROOT

pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]

_PAGE = """# Faults: what is done to the service, and what comes of it

Made by `./run soak tests/chaos/test_faults.py`; do not edit. Each fault is done to real processes (Redis, web, workers,
schedulers) with a real Gradio app as upstream and a lease of {lease} s; `tests/chaos/faults.py` says exactly how. In
every row the checker of [chaos.md](chaos.md) judged the run as well: nothing lost, doubled, resurrected, unexplained
or broken.

{counts}

| | fault | made by | expected | seen | not shown |
|---|---|---|---|---|---|
{rows}
"""

#: What was seen in this checkout since its last commit: a fault that failed on a busy machine can be done again alone.
_RESULTS: Final = ROOT / "build" / "faults.json"
_NOT_HERE: Final = "**not run here**"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, spaces: Spaces) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("faults"), spaces, workers=2, own_machine=True) as house:
        house.start(workers=1)
        yield house


@pytest.fixture
def trial(house: House, request: pytest.FixtureRequest) -> Iterator[Trial]:
    trial = Trial(house, request.node.callspec.id)
    yield trial
    trial.make_whole()


@pytest.mark.parametrize("fault", [pytest.param(fault, id=fault.id) for fault in FAULTS if fault.run])
def test_a_fault_has_the_expected_result(fault: Fault, trial: Trial) -> None:
    assert fault.run is not None
    try:
        _note(fault.id, fault.run(trial))
    except NotHere as reason:
        _note(fault.id, f"{_NOT_HERE}: {reason}")
        pytest.skip(str(reason))


def test_the_table_is_written_when_every_fault_was_run() -> None:
    seen = _results()
    if missing := [fault.id for fault in FAULTS if fault.run and fault.id not in seen]:
        pytest.skip(f"{', '.join(missing)} were not run since the last commit, or failed: the table stays as it is")
    (ROOT / "docs" / "reference" / "faults.md").write_text(_page(seen), encoding="utf-8")


def test_there_are_42_faults() -> None:
    assert [fault.id for fault in FAULTS] == [f"F{number}" for number in range(1, 43)]
    assert all(fault.run or fault.open for fault in FAULTS), "a fault that is not run must say why"


def _commit() -> str:
    asked = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return asked.stdout.strip()


def _results() -> dict[str, str]:
    if not _RESULTS.exists():
        return {}
    kept = json.loads(_RESULTS.read_text(encoding="utf-8"))
    seen: dict[str, str] = kept["seen"]
    return seen if kept["commit"] == _commit() else {}


def _note(fault: str, seen: str) -> None:
    _RESULTS.parent.mkdir(exist_ok=True)
    # Two parts of the table may be made at once.
    with _RESULTS.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        kept = {"commit": _commit(), "seen": {**_results(), fault: seen}}
        _RESULTS.write_text(json.dumps(kept), encoding="utf-8")


def _page(seen: Mapping[str, str]) -> str:
    run = [fault for fault in FAULTS if fault.run and not seen[fault.id].startswith(_NOT_HERE)]
    part = sum(bool(fault.open) for fault in run)
    whole = len(run) - part
    counts = f"{whole} as expected, {part} in part (the last column says what is missing), {len(FAULTS) - whole - part} not run."
    rows = [
        f"| {fault.id} | {fault.fault} | {fault.injected} | {fault.expected} "
        f"| {seen.get(fault.id, '**not run**')} | {fault.open} |"
        for fault in FAULTS
    ]
    return _PAGE.format(lease=LEASE_SECONDS, counts=counts, rows="\n".join(rows))
