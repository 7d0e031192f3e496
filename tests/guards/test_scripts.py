"""States, limits, keys and numbers are declared once, in Python; the Lua scripts name them and repeat none."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path

import fakeredis
import pytest

from jobs.limits import NAMES
from jobs.model import Status
from jobs.record import constants, keys
from jobs.record.keys import Key
from jobs.record.script_loader import prelude

ROOT = Path(__file__).parents[2]
SCRIPTS = {path.stem: path for path in (ROOT / "jobs" / "record" / "scripts").glob("*.lua")}
DECLARED = {
    "Status": set(Status.__members__),
    "Limits": set(NAMES),
    "keys": {name for name, value in vars(keys).items() if isinstance(value, Key)},
}


def code(name: str) -> str:
    """A script without its comments."""
    return re.sub(r"--.*", "", SCRIPTS[name].read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_repeats_no_declaration(name: str) -> None:
    words = set(re.findall(r"['\"]([^'\"]*)['\"]", code(name)))
    assert words & {*Status, *NAMES} == set()
    assert [word for word in words if word.startswith(keys.PREFIX)] == []


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_names_only_what_is_declared(name: str) -> None:
    for table, members in DECLARED.items():
        assert set(re.findall(rf"\b{table}\.(\w+)", code(name))) <= members
    numbers = set(re.findall(r"(?<![\w.'])[A-Z][A-Z_]+(?![\w'])", code(name))) - {"ARGV", "KEYS"}
    assert numbers <= {name for name in vars(constants) if name.isupper()} | {"QUEUE"}


def test_no_module_writes_a_key_by_hand() -> None:
    modules = {path for part in ("cli", "jobs", "web", "worker") for path in (ROOT / part).rglob("*.py")}
    modules.remove(ROOT / "jobs" / "record" / "keys.py")
    assert [path for path in modules if re.search(r"f?['\"]dr:", path.read_text(encoding="utf-8"))] == []


def test_a_new_state_reaches_the_scripts() -> None:
    class More(StrEnum):
        QUEUED = "queued"
        RUNNING = "running"
        ABANDONED = "abandoned"
        is_terminal = Status.is_terminal
        is_unsuccessful = Status.is_unsuccessful

    probe = "return {Status.ABANDONED, ended[Status.ABANDONED] and 1, ended[Status.QUEUED] or 0}"
    answer = fakeredis.FakeRedis().eval(f"{prelude(More, set(re.findall('[a-zA-Z]+', probe)))}\n{probe}", 0)
    assert answer == [b"abandoned", 1, 0]
