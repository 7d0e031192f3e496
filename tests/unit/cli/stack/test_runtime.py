"""What a running service leaves for other commands, and who may own a data directory."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.errors import InUse
from cli.main import main
from cli.stack import redis_server, runtime
from tests.support.processes import ROOT

OWNER = """
import sys, time
from pathlib import Path
from cli.stack import runtime
folder = Path(sys.argv[1])
with runtime.lock(folder):
    facts = runtime.Runtime(pid=int(sys.argv[2]), url="http://127.0.0.1:1", flower_url="", redis_url="redis://:secret@x")
    runtime.write(folder / "runtime.json", facts)
    print("ready", flush=True)
    time.sleep(60)
"""
_FACTS = runtime.Runtime(pid=os.getpid(), url="http://127.0.0.1:1", flower_url="", redis_url="redis://:secret@x")


def test_addresses_are_read_back_by_their_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "runtime.json"
    with runtime.lock(tmp_path):
        path.write_text("an older one")
        path.chmod(0o644)
        runtime.write(path, _FACTS)
        assert runtime.read(path) == _FACTS
        assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', '{"pid": 1, "more": 2}'])
def test_a_damaged_file_is_no_service(tmp_path: Path, text: str) -> None:
    path = tmp_path / "runtime.json"
    with runtime.lock(tmp_path):
        path.write_text(text)
        assert runtime.read(path) is None


def test_a_service_that_was_killed_is_no_service_whoever_has_its_pid(tmp_path: Path) -> None:
    path = tmp_path / "runtime.json"
    assert runtime.read(path) is None
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path), str(os.getpid())], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert owner.stdout is not None
    owner.stdout.readline()
    assert runtime.read(path) == _FACTS
    owner.kill()
    owner.communicate()
    # Its pid is ours: it is alive, and no darkroom.
    assert path.exists()
    assert runtime.read(path) is None
    # Nor is it believed while a command has the directory for its own database.
    with runtime.lock(tmp_path):
        assert runtime.read(path) is None


def test_who_only_looks_keeps_nobody_from_starting(tmp_path: Path) -> None:
    path = tmp_path / "runtime.json"
    with runtime.lock(tmp_path):
        pass
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            runtime.read(path)

    readers = [threading.Thread(target=look) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for _ in range(50):
            with runtime.lock(tmp_path):
                pass
    finally:
        over.set()
        for reader in readers:
            reader.join()


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
