"""What the containers of docker-compose.yml run: ``python -m cli.container NAME``.

``init`` creates the secrets and the first API key. ``web``, ``worker``, ``scheduler`` and ``flower`` run the program of
that name. ``health NAME`` exits with 0 if that program is healthy. Any other NAME is a ``darkroom`` command.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import sys
from pathlib import Path
from typing import Final, NoReturn, cast

import redis
import requests

import settings as configuration
from cli.stack import programs
from cli.stack.private_files import keep
from cli.stack.redis_server import OPTIONS, wait_for
from jobs.access.api_key_store import ApiKeyStore
from jobs.record import keys
from jobs.record.connection import Connection
from jobs.record.keys import ms
from jobs.vault import Vault
from settings import Settings, SettingsError

#: Volumes of docker-compose.yml: the first is only for the services, Redis reads the second as well.
SECRETS: Final = Path("/secrets")
BROKER: Final = Path("/broker")
_REDIS_HOST: Final = "redis"
_START_SECONDS: Final = 120.0

_REDIS_CONF: Final = "bind 0.0.0.0\nport 6379\nrequirepass {password}\ndir /data\n" + "".join(
    f"{name} {value}\n" for name, value in OPTIONS.items()
)


def init(secrets_dir: Path, broker_dir: Path) -> None:
    """Create what is missing: passwords, the secret key, and the first API key, which is printed once.

    The file of the first key also tells that it was created before: no new one is created after all keys are revoked.
    """
    keep(secrets_dir / "flower.password", secrets.token_urlsafe(18) + "\n")
    Vault.from_file(secrets_dir / "secret.key")
    keep(broker_dir / "redis.password", secrets.token_urlsafe(32) + "\n")
    password = (broker_dir / "redis.password").read_text(encoding="utf-8").strip()
    keep(broker_dir / "redis.conf", _REDIS_CONF.format(password=password))
    if (secrets_dir / "api.key").exists():
        print("the secrets and the first API key were made before")
        return
    url = _redis_url(broker_dir)
    wait_for(url, _START_SECONDS)
    with contextlib.closing(redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5)) as client:
        _, key = ApiKeyStore(Connection(client)).create("first")
    keep(secrets_dir / "api.key", key + "\n")
    print(f"first API key: {key}")
    print("It is not shown again; it is also in the volume of secrets, as api.key.")


def _redis_url(broker_dir: Path) -> str:
    password = (broker_dir / "redis.password").read_text(encoding="utf-8").strip()
    return f"redis://:{password}@{_REDIS_HOST}:6379/0"


def loaded() -> Settings:
    """The settings. DARKROOM_REDIS_URL defaults to the Redis of Compose, with its password."""
    settings = configuration.load()
    if settings.redis_url:
        return settings
    return configuration.load({**os.environ, "DARKROOM_REDIS_URL": _redis_url(BROKER)})


def _become(argv: tuple[str, ...], settings: Settings) -> NoReturn:
    os.chdir(programs.ROOT)
    os.execve(argv[0], argv, programs.environ(settings, settings.redis_url, os.environ))  # noqa: S606 - no shell


def _flower(settings: Settings) -> tuple[str, ...]:
    password = (SECRETS / "flower.password").read_text(encoding="utf-8").strip()
    config = Path("/tmp/flower.conf.py")  # noqa: S108 - the container's own, in memory
    config.unlink(missing_ok=True)
    keep(config, programs.flower_config(settings.flower_bind.host, settings.flower_bind.port, password))
    return programs.flower(config)


def is_healthy(name: str, settings: Settings) -> bool:
    """Whether the program of this container works.

    The web process answers ``/readyz`` and Flower ``/healthcheck``; a worker has a recent heartbeat in Redis; for the
    scheduler, Redis answers.
    """
    if name in {"web", "flower"}:
        port = settings.bind.port if name == "web" else settings.flower_bind.port
        path = "readyz" if name == "web" else "healthcheck"
        return requests.get(f"http://127.0.0.1:{port}/{path}", timeout=4).ok
    with contextlib.closing(redis.Redis.from_url(settings.redis_url, socket_timeout=4)) as client:
        if name == "scheduler":
            return bool(client.ping())
        now = ms(Connection(client).now())
        alive = cast("list[bytes]", client.zrange(keys.WORKERS, now, "+inf", byscore=True))
        return any(worker.decode().startswith(f"{socket.gethostname()}-") for worker in alive)


def main(arguments: list[str]) -> None:
    """Run the program of the container."""
    name, *rest = arguments
    if name == "init":
        init(SECRETS, BROKER)
        return
    try:
        settings = loaded()
    except SettingsError as error:
        sys.exit(f"{name}: cannot start: {error}")
    if name == "health":
        sys.exit(0 if is_healthy(rest[0], settings) else 1)
    if name == "flower":
        _become(_flower(settings), settings)
    argv = {"web": programs.WEB, "worker": programs.WORKER, "scheduler": programs.SCHEDULER}.get(name)
    _become(argv or (sys.executable, "-P", "-m", "cli", *arguments), settings)


if __name__ == "__main__":
    main(sys.argv[1:])
