"""The programs of the service on one machine, as data."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cli.stack.redis_server import RedisServer
from cli.stack.supervise import Program
from settings import Settings

#: The folder of the packages. Programs run in it, since Celery puts its working directory first on the import path.
ROOT: Final = Path(__file__).resolve().parents[2]
#: Seconds for running jobs to end after SIGTERM. The next worker picks up jobs that still run then.
DRAIN_SECONDS: Final = 45
#: Tasks that Flower remembers, about 8 kB each. Its default would take 0.8 GB.
_FLOWER_TASKS: Final = 5000
_FLOWER_USER: Final = "darkroom"

_PYTHON: Final = (sys.executable, "-P", "-m")

WEB: Final = (*_PYTHON, "gunicorn", "-c", str(ROOT / "web" / "gunicorn_conf.py"))
SCHEDULER: Final = (*_PYTHON, "worker.scheduler")
WORKER: Final = (
    *(sys.executable, "-W", "ignore:You're running the worker with superuser", "-P", "-m"),
    "worker",
)


def flower(config: Path) -> tuple[str, ...]:
    """Flower's command line. Its options are in a file because they contain the password."""
    return (*_PYTHON, "worker.flower", str(config))


def flower_config(host: str, port: int, password: str) -> str:
    """Flower's options: it asks for the password, and nothing can be changed in it."""
    options = {
        "address": host,
        "port": port,
        "basic_auth": [f"{_FLOWER_USER}:{password}"],
        "read_only": True,
        "max_tasks": _FLOWER_TASKS,
        "persistent": False,
    }
    return "".join(f"{name} = {value!r}\n" for name, value in options.items())


def stack(server: RedisServer | None, flower_conf: Path) -> tuple[Program, ...]:
    """The whole service. All programs stop together, the worker after its jobs, and Redis after them."""
    programs = (
        Program(name="flower", argv=flower(flower_conf), order=20),
        Program(name="worker", argv=WORKER, order=20, stop_seconds=DRAIN_SECONDS),
        Program(name="scheduler", argv=SCHEDULER, order=20),
        Program(name="web", argv=WEB, order=20),
    )
    if server is None:
        return programs
    return (Program(name="redis", argv=server.argv, order=10, stop_seconds=30, lock=server.lock_file), *programs)


def environ(settings: Settings, redis_url: str, base: Mapping[str, str]) -> dict[str, str]:
    """The environment of the programs: ``base`` with every setting given."""
    return {
        **base,
        "DARKROOM_BIND": str(settings.bind),
        "DARKROOM_REDIS_URL": redis_url,
        "DARKROOM_DATA_DIR": str(settings.data_dir),
        "DARKROOM_CONFIG": str(settings.config.absolute()) if settings.config else "",
        "DARKROOM_PUBLIC_URL": settings.public_url,
        "DARKROOM_HUB_URL": settings.hub_url,
        "DARKROOM_FLOWER_BIND": str(settings.flower_bind),
        "DARKROOM_SECRET_KEY_FILE": str(settings.secret_key_file.absolute()),
        # The programs write into pipes; only this process knows whether a person reads along.
        "DARKROOM_LOG_FORMAT": settings.log_format or ("console" if sys.stdout.isatty() else "json"),
        "PYTHONUNBUFFERED": "1",
    }
