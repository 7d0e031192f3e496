"""What a running service leaves for other commands, and who may own a data directory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.errors import InUse
from cli.main import main
from cli.stack import redis_server, runtime

_FACTS = runtime.Runtime(pid=os.getpid(), url="http://127.0.0.1:1", flower_url="", redis_url="redis://:secret@x")


def test_addresses_are_read_back_by_their_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "runtime.json"
    path.write_text("an older one")
    path.chmod(0o644)
    runtime.write(path, _FACTS)
    assert runtime.read(path) == _FACTS
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"pid": 1}', '{"pid": "x", "url": "", "flower_url": "", "redis_url": ""}']
)
def test_a_damaged_file_is_no_service(tmp_path: Path, text: str) -> None:
    path = tmp_path / "runtime.json"
    path.write_text(text)
    assert runtime.read(path) is None


def test_a_service_that_died_is_no_service(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    runtime.write(tmp_path / "f", runtime.Runtime(pid=gone.pid, url="", flower_url="", redis_url=""))
    assert runtime.read(tmp_path / "f") is None


def test_a_data_directory_has_one_owner(tmp_path: Path) -> None:
    with runtime.lock(tmp_path), pytest.raises(InUse, match="already runs on"), runtime.lock(tmp_path):
        raise AssertionError("two owners")
    with runtime.lock(tmp_path):
        pass


@pytest.mark.real
def test_keys_are_made_listed_and_revoked_while_the_service_is_down(tmp_path: Path) -> None:
    environ = {
        "DARKROOM_DATA_DIR": str(tmp_path / 'with space and "quote"'),
        "DARKROOM_REDIS_URL": "",
        "COLUMNS": "300",
    }

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["keys", *arguments], env=environ)

    key = run("create", "bot", "--scope", "read").output.strip()
    (row,) = [line.split() for line in run("list").output.splitlines() if "bot" in line]
    assert row[1:4] == ["bot", f"…{key[-4:]}", "read"]
    assert "is revoked" in run("revoke", row[0]).output
    assert "there is no valid key" in run("revoke", row[0]).output
    assert "revoked 20" in run("list").output
    assert "no scope wizard" in run("create", "bot", "--scope", "wizard").output


@pytest.mark.real
def test_the_embedded_server_wants_its_password_and_shows_it_to_nobody(tmp_path: Path) -> None:
    import redis

    server = redis_server.prepare(tmp_path)
    with server.running():
        assert server.password not in " ".join(server.argv)
        assert server.config_file.stat().st_mode & 0o777 == 0o600
        stranger = redis.Redis(port=server.port)
        with pytest.raises(redis.AuthenticationError):
            stranger.ping()
        stranger.close()
