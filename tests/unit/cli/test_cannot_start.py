"""What keeps a command from working is told in one line, which names what to change."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner

from cli.main import main
from tests.support.processes import ROOT


def run(
    *arguments: str,
    data: Path,
    environ: dict[str, str] | None = None,
    largest_file: int = resource.RLIM_INFINITY,
    **more: str,
) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DARKROOM_")}
    return subprocess.run(
        [sys.executable, "-P", "-m", *arguments],
        cwd=ROOT,
        env={**kept, "DARKROOM_DATA_DIR": str(data), "DARKROOM_HUB_URL": "", **(environ or {}), **more},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file)),
    )


def one_line(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 1, done.stdout + done.stderr
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    assert len(lines) == 1, "\n".join(lines)
    for word in words:
        assert word in lines[0]


#: Each of the commands, and each of the places; the long tests have all of both.
PLACES: Final = ("file", "file/below", "file/far/below")
COMMANDS: Final = (("up",), ("demo", "--exit"), ("keys", "list"), ("keys", "create", "a"))
PLACES_OF_COMMANDS: Final = [
    pytest.param(command, place, marks=() if command == COMMANDS[0] or place == PLACES[1] else pytest.mark.soak)
    for command in COMMANDS
    for place in PLACES
]


@pytest.mark.parametrize(("command", "place"), PLACES_OF_COMMANDS)
def test_a_data_directory_that_cannot_be_made(tmp_path: Path, command: tuple[str, ...], place: str) -> None:
    (tmp_path / "file").write_text("")
    one_line(run("cli", *command, data=tmp_path / place), str(tmp_path / "file"), "DARKROOM_DATA_DIR")


@pytest.mark.parametrize("name", ["up.lock", "redis/server.conf", "flower.password", "run/flower.conf.py"])
def test_a_folder_where_a_file_should_be(tmp_path: Path, name: str) -> None:
    (tmp_path / name / "x").mkdir(parents=True)
    one_line(run("cli", "up", data=tmp_path, DARKROOM_BIND="127.0.0.1:1"), name, "DARKROOM_DATA_DIR")


@pytest.mark.parametrize("name", ["redis", "run"])
def test_a_file_where_a_folder_should_be(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("")
    one_line(run("cli", "up", data=tmp_path, DARKROOM_BIND="127.0.0.1:1"), name, "DARKROOM_DATA_DIR")


@pytest.mark.parametrize("place", ["folder", "file/secret.key"])
@pytest.mark.parametrize("command", [("cli", "up"), ("gunicorn", "-c", "web/gunicorn_conf.py", "--check-config")])
def test_a_secret_key_that_cannot_be_read(tmp_path: Path, place: str, command: tuple[str, ...]) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    done = run(
        *command,
        data=tmp_path / "data",
        DARKROOM_SECRET_KEY_FILE=str(tmp_path / place),
        DARKROOM_REDIS_URL="redis://127.0.0.1:1/0",
        DARKROOM_LOG_FORMAT="console",
    )
    assert done.returncode in {1, 3}
    assert f"DARKROOM_SECRET_KEY_FILE={tmp_path / place}" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


#: One of each of the ways to fail: a process of its own shows it in each run. For the others the long tests start one.
IN_A_PROCESS: Final = (
    ("DARKROOM_CONFIG", "/nowhere/providers.toml"),
    ("DARKROOM_LEASE_SECONDS", "\u00b2"),
    ("DARKROOM_BIND", "8.8.8.8:8000"),
    ("DARKROOM_REDIS_URL", "redis://127.0.0.1:1/0"),
)
UNUSABLE: Final = (
    *IN_A_PROCESS,
    ("DARKROOM_CONFIG", f"/{'x' * 300}"),
    ("DARKROOM_CONFIG", "~nobody-of-this-name/x"),
    ("DARKROOM_DATA_DIR", "~nobody-of-this-name/x"),
    ("DARKROOM_SECRET_KEY_FILE", "~nobody-of-this-name/x"),
    ("DARKROOM_BIND", "127.0.0.1:0"),
    ("DARKROOM_BIND", "127.0.0.1:\u00b2"),
    ("DARKROOM_BIND", f"{'x' * 70}.example:80"),
    ("DARKROOM_FLOWER_BIND", "127.0.0.1:99999999999999999999"),
    ("DARKROOM_REDIS_URL", "localhost:6379"),
    ("DARKROOM_REDIS_URL", "redis://127.0.0.1:port/0"),
    ("DARKROOM_PUBLIC_URL", "http://[::1"),
    ("DARKROOM_HUB_URL", "huggingface.co"),
)


def named(name: str, value: str) -> str:
    """What the line must name."""
    return value.partition(":")[0] if name.endswith("BIND") else name


@pytest.mark.parametrize(("name", "value"), UNUSABLE)
def test_a_setting_that_cannot_be_used(tmp_path: Path, name: str, value: str) -> None:
    others = {other: None for other in os.environ if other.startswith("DARKROOM_")}
    environ = {**others, "DARKROOM_DATA_DIR": str(tmp_path), "DARKROOM_HUB_URL": "", name: value}
    done = CliRunner().invoke(main, ["up"], env=environ)
    assert isinstance(done.exception, SystemExit), done.exception
    one_line(subprocess.CompletedProcess(["up"], done.exit_code, done.output, ""), named(name, value))


@pytest.mark.parametrize(
    ("name", "value"),
    [pytest.param(*pair, marks=() if pair in IN_A_PROCESS else pytest.mark.soak) for pair in UNUSABLE],
)
def test_a_process_with_a_setting_that_cannot_be_used(tmp_path: Path, name: str, value: str) -> None:
    one_line(run("cli", "up", data=tmp_path, environ={name: value}), named(name, value))


def test_a_configuration_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "providers.toml").write_bytes(b"\xff\xfe")
    environ = {"DARKROOM_CONFIG": str(tmp_path / "providers.toml")}
    for command in (("up",), ("pause", "echo")):
        one_line(run("cli", *command, data=tmp_path, environ=environ), "providers.toml")


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        one_line(run("cli", "up", data=tmp_path, DARKROOM_BIND=bind), bind)
        one_line(run("cli", "up", data=tmp_path, DARKROOM_FLOWER_BIND=bind), bind)


def test_a_redis_that_is_away(tmp_path: Path) -> None:
    one_line(
        run("cli", "keys", "list", data=tmp_path, DARKROOM_REDIS_URL="redis://127.0.0.1:1/0"),
        "the job store cannot be reached",
    )


def test_a_full_disk(tmp_path: Path) -> None:
    """The limit of a file's size stands for it: the same error, without a file's name."""
    one_line(run("cli", "up", data=tmp_path, largest_file=0, PYTHONDONTWRITEBYTECODE="1"), "File too large")
    assert not (tmp_path / "secret.key").exists()
    assert not list(tmp_path.glob(".secret.key*"))
    assert run("cli", "keys", "list", data=tmp_path).returncode == 0
