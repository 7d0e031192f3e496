"""Every fault of the table is made, and what is expected is seen. Writes docs/reference/faults.md."""

from __future__ import annotations

import fcntl
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import pytest

from tests.chaos.deployment import LEASE_SECONDS, Deployment
from tests.chaos.faults import FAULTS, Fault
from tests.chaos.trial import NotHere, Trial
from tests.spaces.launcher import Spaces
from tests.support.processes import ROOT

pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]

_PAGE = """# Faults: what was done to the service, and what happened

Made by `./run soak tests/chaos/test_faults.py`; do not edit. Each fault is made with real processes (Redis, web, workers,
schedulers), a real Gradio app as upstream and a lease of {lease} s; `tests/chaos/faults.py` has the details. The checker
of [chaos.md](chaos.md) judges each run too: nothing may be lost, doubled, resurrected, unexplained or broken.

When a fault is run again, its row is replaced; the last column is the commit of that run.

{counts}

| | fault | made by | expected | seen | not shown | at |
|---|---|---|---|---|---|---|
{rows}
"""

#: The page is also where results are kept: a fault that is done again replaces its row, and the others stay.
_TABLE: Final = ROOT / "docs" / "reference" / "faults.md"
_NOT_HERE: Final = "**not run here**"
_NOT_RUN: Final = "**not run**"


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory, spaces: Spaces) -> Iterator[Deployment]:
    with Deployment(tmp_path_factory.mktemp("faults"), spaces, workers=2, own_machine=True) as deployment:
        deployment.start(workers=1)
        yield deployment


@pytest.fixture
def trial(deployment: Deployment, request: pytest.FixtureRequest) -> Iterator[Trial]:
    trial = Trial(deployment, request.node.callspec.id)
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


def test_there_are_42_faults() -> None:
    assert [fault.id for fault in FAULTS] == [f"F{number}" for number in range(1, 43)]
    assert all(fault.run or fault.open for fault in FAULTS), "a fault that is not run must say why"


# -- the page ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of a fault, and at which commit."""

    text: str = _NOT_RUN
    commit: str = ""


def _commit() -> str:
    asked = ["git", "rev-parse", "--short=7", "HEAD"]
    return subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()


def _kept(page: str) -> dict[str, Seen]:
    """The results on the page, of faults that are still made and expected as it says."""
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| F")]
    found = {row[0]: row for row in rows if len(row) >= 5}
    told = {fault.id: [fault.id, fault.fault, fault.injected, fault.expected] for fault in FAULTS}
    return {
        fault: Seen(found[fault][4], found[fault][-1].strip() if len(found[fault]) > 5 else "")
        for fault, texts in told.items()
        if fault in found and found[fault][:4] == texts
    }


def _note(fault: str, text: str) -> None:
    """Put a result into the page. Several parts of the table may be made at once."""
    with _TABLE.open("r+", encoding="utf-8") as page:
        fcntl.flock(page, fcntl.LOCK_EX)
        seen = {**_kept(page.read()), fault: Seen(text, _commit())}
        page.seek(0)
        page.truncate()
        page.write(_page(seen))


def _page(seen: Mapping[str, Seen]) -> str:
    run = [fault for fault in FAULTS if not seen.get(fault.id, Seen()).text.startswith("**")]
    part = sum(bool(fault.open) for fault in run)
    counts = (
        f"{len(run) - part} as expected, {part} in part (the column before the last says what is missing),"
        f" {len(FAULTS) - len(run)} not run."
    )
    rows = []
    for fault in FAULTS:
        found = seen.get(fault.id, Seen())
        texts = (
            fault.id,
            fault.fault,
            fault.injected,
            fault.expected,
            found.text,
            fault.open or "-",
            found.commit or "-",
        )
        rows.append(f"| {' | '.join(texts)} |")
    return _PAGE.format(lease=LEASE_SECONDS, counts=counts, rows="\n".join(rows))


def test_the_page_keeps_what_was_not_run_again() -> None:
    first, *others = FAULTS
    seen = {fault.id: Seen(f"{fault.id} was seen", "abc1234") for fault in others}
    page = _page(seen)
    assert _kept(page) == {first.id: Seen(commit="-"), **seen}
    changed = page.replace(others[0].injected, "another way", 1)
    assert others[0].id not in _kept(changed)
