"""What the containers run: secrets and the first key, made once."""

from __future__ import annotations

import socket
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

import settings
from cli import container
from jobs.access.api_key_store import ApiKeyStore
from jobs.record import keys
from jobs.record.connection import Connection
from jobs.record.keys import ms


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, redis_server: str) -> Iterator[tuple[Path, Path]]:
    monkeypatch.setattr(container, "_redis_url", lambda _: redis_server)
    secrets, broker = tmp_path / "secrets", tmp_path / "broker"
    secrets.mkdir()
    broker.mkdir()
    yield secrets, broker
    with redis.Redis.from_url(redis_server) as client:
        client.flushdb()


@pytest.mark.real
def test_init_makes_secrets_and_one_key_and_prints_it_once(
    folders: tuple[Path, Path], redis_server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    secrets, broker = folders
    container.init(secrets, broker)
    key = (secrets / "api.key").read_text().strip()
    assert f"first API key: {key}\n" in capsys.readouterr().out
    files = {path: path.read_text() for folder in folders for path in folder.iterdir()}
    assert {path.name for path in files} == {"api.key", "flower.password", "secret.key", "redis.password", "redis.conf"}
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in files)
    assert f"requirepass {(broker / 'redis.password').read_text()}" in (broker / "redis.conf").read_text()

    container.init(secrets, broker)
    assert key not in capsys.readouterr().out
    assert {path: path.read_text() for path in files} == files
    with redis.Redis.from_url(redis_server) as client:
        assert ApiKeyStore(Connection(client)).find(key) is not None
        assert len(list(ApiKeyStore(Connection(client)).each())) == 1


@pytest.mark.real
def test_a_worker_is_healthy_while_its_heartbeat_is_recent(redis_server: str, tmp_path: Path) -> None:
    found = settings.load({"DARKROOM_REDIS_URL": redis_server, "DARKROOM_DATA_DIR": str(tmp_path)})
    with redis.Redis.from_url(redis_server) as client:
        client.flushdb()
        now, name = Connection(client).now(), f"{socket.gethostname()}-1-ab"
        assert not container.is_healthy("worker", found)
        client.zadd(keys.WORKERS, {name: ms(now - 5)})
        assert not container.is_healthy("worker", found), "its heartbeat is over"
        client.zadd(keys.WORKERS, {name: ms(now + 60)})
        assert container.is_healthy("worker", found)
        client.flushdb()


def test_the_image_and_the_package_have_every_module() -> None:
    root = Path(container.__file__).parents[1]
    package = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = {name.partition(".")[0] for name in package["packages"]}
    taken = set((root / ".dockerignore").read_text().split())
    assert {f"!{name}.py" for name in package["py-modules"]} | {f"!{name}" for name in folders} <= taken
    found = {path.parent.relative_to(root) for folder in folders for path in (root / folder).rglob("__init__.py")}
    assert {".".join(path.parts) for path in found} == set(package["packages"])
    assert {path.stem for path in root.glob("*.py")} == set(package["py-modules"])
