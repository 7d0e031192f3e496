"""What the containers run: secrets and the first key, made once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from cli import container
from jobs.access.api_key_store import ApiKeyStore
from jobs.record.connection import Connection


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
        assert len(ApiKeyStore(Connection(client)).list()) == 1


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "a.new").write_text("half")  # an earlier try that died
    assert container.keep(tmp_path / "a", "whole")
    assert not container.keep(tmp_path / "a", "other")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("a", "whole")]
