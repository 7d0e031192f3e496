"""Failpoints do nothing unless armed, and fire exactly where and when a rule says."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import settings
from jobs import failpoints

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def disarm() -> Iterator[None]:
    yield
    failpoints.arm("")


@pytest.fixture
def acted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    seen: list[str] = []
    monkeypatch.setattr(failpoints.Rule, "act", lambda rule: seen.append(rule.place))
    return seen


def test_nothing_happens_without_a_rule(acted: list[str]) -> None:
    for place in failpoints.PLACES:
        failpoints.failpoint(place)
    assert acted == []


def test_a_rule_acts_once_at_the_first_passing(acted: list[str]) -> None:
    failpoints.arm("after_claim:kill")
    for _ in range(3):
        failpoints.failpoint("downloading")
        failpoints.failpoint("after_claim")
    assert acted == ["after_claim"]


@pytest.mark.parametrize(("nth", "times"), [("@1", 1), ("@3", 1), ("@9", 0), ("@*", 5)])
def test_a_rule_acts_at_the_passing_that_it_names(acted: list[str], nth: str, times: int) -> None:
    failpoints.arm(f"accepted:sleep=1{nth}")
    for _ in range(5):
        failpoints.failpoint("accepted")
    assert len(acted) == times


def test_a_tag_narrows_a_rule(acted: list[str]) -> None:
    failpoints.arm("after_checkpoint/posted:stop@*")
    failpoints.failpoint("after_checkpoint", "painter", "posting")
    failpoints.failpoint("after_checkpoint", "painter", "posted")
    failpoints.failpoint("after_checkpoint")
    assert acted == ["after_checkpoint"]


@pytest.mark.parametrize(
    "text", ["after_claim", "after_claim:explode", "nowhere:kill", "after_claim:kill@-1", "a b:kill"]
)
def test_a_malformed_rule_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="failpoint"):
        failpoints.arm(text)


def test_kill_is_a_real_sigkill() -> None:
    program = (
        "from jobs import failpoints as f; f.arm('accepted:kill@2'); f.failpoint('accepted'); f.failpoint('accepted')"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False, timeout=30)
    assert done.returncode == -signal.SIGKILL


def test_rules_outside_test_mode_are_refused() -> None:
    rules = {"DARKROOM_TEST_FAILPOINTS": "after_claim:kill"}
    with pytest.raises(settings.SettingsError, match="DARKROOM_TEST_MODE=on"):
        settings.load(rules)
    with pytest.raises(settings.SettingsError, match="give on or nothing"):
        settings.load({**rules, "DARKROOM_TEST_MODE": "yes"})
    assert settings.load({**rules, "DARKROOM_TEST_MODE": "on"}).failpoints == "after_claim:kill"
    assert settings.load({}).failpoints == ""


def test_every_place_is_in_the_code_and_every_call_names_a_place() -> None:
    files = [file for room in ("jobs", "worker", "web") for file in (ROOT / room).rglob("*.py")]
    called = {name for file in files for name in re.findall(r'\bfailpoint\("(\w+)"', file.read_text(encoding="utf-8"))}
    assert called == set(failpoints.PLACES)
