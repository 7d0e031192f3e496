"""``darkroom pause`` and ``resume``, on a real embedded server."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.commands.operator.database import connected
from cli.main import main
from jobs.record import keys
from jobs.scheduling.pauses import Pauses
from settings import load


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"DARKROOM_DATA_DIR": str(tmp_path / "data"), "DARKROOM_REDIS_URL": "", "DARKROOM_HUB_URL": ""}


def test_a_provider_and_everything_can_be_paused_and_go_on(environ: dict[str, str]) -> None:
    run = CliRunner()
    for arguments, words in (
        (["pause", "echo", "--reason", "its owner rebuilds it"], "echo is paused"),
        (["pause"], "everything is paused"),
    ):
        assert words in run.invoke(main, arguments, env=environ).output
    with connected(load(environ)) as connection:
        assert connection.redis.exists(keys.PAUSED) == 1
        assert connection.redis.hget(keys.provider("echo"), "paused") == b"1"
        pause = Pauses(connection).provider("echo").pause
        assert pause is not None
        assert (pause.setting, pause.reason, pause.by) == ("draining", "its owner rebuilds it", "operator")
    for arguments, words in (
        (["resume", "echo"], "echo goes on"),
        (["resume"], "everything goes on"),
        (["resume"], "was not paused"),
    ):
        assert words in run.invoke(main, arguments, env=environ).output


def test_a_provider_that_does_not_exist_is_not_paused(environ: dict[str, str]) -> None:
    done = CliRunner().invoke(main, ["pause", "ecko"], env=environ)
    assert done.exit_code == 1
    assert "there is no provider ecko" in done.output
