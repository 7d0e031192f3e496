"""``darkroom accept-database``, and ``up`` on a database that lost its jobs, on a real embedded server."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.commands.operator.database import connected
from cli.errors import CannotStart
from cli.main import main
from cli.stack.redis_server import free_port
from cli.stack.service import Stopper, running
from jobs.access.api_key_store import ApiKeyStore
from jobs.record.identity import DatabaseIdentity
from settings import load


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {
        "DARKROOM_BIND": f"127.0.0.1:{free_port()}",
        "DARKROOM_FLOWER_BIND": f"127.0.0.1:{free_port()}",
        "DARKROOM_DATA_DIR": str(tmp_path / "data"),
        "DARKROOM_REDIS_URL": "",
        "DARKROOM_HUB_URL": "",
    }


def test_a_database_that_lost_its_jobs_is_used_only_after_the_operator_said_so(environ: dict[str, str]) -> None:
    settings, run = load(environ), CliRunner()
    with connected(settings) as connection:
        first = DatabaseIdentity(connection.client, settings.identity_file, initialise=True).check()
    assert "nothing to accept" in run.invoke(main, ["accept-database"], env=environ).output
    shutil.rmtree(settings.data_dir / "redis")

    with (
        pytest.raises(CannotStart, match=r"lost all jobs.*darkroom accept-database"),
        running(settings, Stopper(), lambda *_: None),
    ):
        pytest.fail("it started")
    assert run.invoke(main, ["accept-database"], env=environ, input="n\n").exit_code == 1
    done = run.invoke(main, ["accept-database"], env=environ, input="y\n")
    assert "is accepted" in done.output
    with connected(settings) as connection:
        identity = DatabaseIdentity(connection.client, settings.identity_file)
        assert identity.look() == "right"
        assert identity.id != first
        # Whether there were keys is lost as well: nobody comes in without one, until the operator says so.
        assert ApiKeyStore(connection).locked()
    assert "asks for no key" in run.invoke(main, ["keys", "open"], env=environ).output
    with connected(settings) as connection:
        assert not ApiKeyStore(connection).locked()


def test_a_fresh_installation_has_nothing_to_accept(environ: dict[str, str]) -> None:
    done = CliRunner().invoke(main, ["accept-database", "--yes"], env=environ)
    assert (done.exit_code, "nothing to accept" in done.output) == (1, True)
