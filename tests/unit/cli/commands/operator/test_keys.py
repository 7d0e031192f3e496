"""``darkroom keys``, on a real embedded server."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.commands.operator.database import connected
from cli.main import main
from jobs.access.api_key_store import ApiKeyStore
from jobs.access.api_keys import is_well_formed
from settings import load


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {
        "DARKROOM_DATA_DIR": str(tmp_path / "data"), "DARKROOM_REDIS_URL": "", "DARKROOM_HUB_URL": "", "COLUMNS": "300",
    }  # fmt: skip


def test_a_keys_whole_life(environ: dict[str, str]) -> None:
    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["keys", *arguments], env=environ)

    first = run("create", "bot", "--scope", "submit", "--limit", "running=2", "--limit", "queued=none").output.strip()
    assert is_well_formed(first)
    with connected(load(environ)) as connection:
        record = ApiKeyStore(connection).find(first)
    assert record is not None
    assert (record.scopes, record.limits) == (("submit",), {"running": 2, "queued": "none"})

    assert "is changed" in run("change", record.id, "--name", "robot", "--limit", "queued=default").output
    second = run("rotate", record.id, "--overlap", "2").output.strip()
    assert is_well_formed(second)
    table = run("list").output
    for words in ("robot", "submit", "running=2", f"…{second[-4:]}", f"…{first[-4:]} works until"):
        assert words in table
    assert first not in table
    assert "a key is valid" in run("open").output

    assert "is revoked" in run("revoke", record.id).output
    assert "revoked 20" in run("list").output
    for arguments in (("revoke", record.id), ("rotate", record.id), ("change", record.id, "--name", "x")):
        refused = run(*arguments)
        assert refused.exit_code == 1
        assert "there is no valid key" in refused.output
    with connected(load(environ)) as connection:
        assert ApiKeyStore(connection).locked()
    assert "asks for no key" in run("open").output
    with connected(load(environ)) as connection:
        assert not ApiKeyStore(connection).locked()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--scope", "root"), "there is no scope root"),
        (("--limit", "cats=1"), "there is no limit cats"),
        (("--limit", "queued=0"), "give queued= with a whole number"),
        (("--limit", "queued"), "give queued= with a whole number"),
    ],
)
def test_what_cannot_be_is_refused(environ: dict[str, str], arguments: tuple[str, ...], words: str) -> None:
    refused = CliRunner().invoke(main, ["keys", "create", "bot", *arguments], env=environ)
    assert refused.exit_code == 1
    assert words in refused.output
