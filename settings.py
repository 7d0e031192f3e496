"""Every setting, as frozen data. Only this module reads the environment.

Entry points call :func:`load` once and pass the result on. The names of the
variables are a contract; docs/reference/settings.md is generated from
:data:`VARIABLES`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jobs.limits import NAMES, Limits


class SettingsError(ValueError):
    """A setting is missing or wrong. The text names the variable and says what to do."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable: its default as text, and what it means."""

    name: str
    default: str
    meaning: str


_LIMIT: Final = " `none` removes the limit; a key can have its own."

VARIABLES: Final = (
    Variable("DARKROOM_BIND", "127.0.0.1:8000", "Address of the HTTP API, as host:port."),
    Variable("DARKROOM_REDIS_URL", "", "URL of Redis or Valkey, 6.2 or newer. Empty: an embedded server is started."),
    Variable("DARKROOM_DATA_DIR", ".darkroom", "Folder for artifacts, secrets and the data of the embedded server."),
    Variable("DARKROOM_CONFIG", "", "A TOML file with providers and models. Empty: only the built-in ones."),
    Variable("DARKROOM_PUBLIC_URL", "", "Address that clients use, for links. Empty: taken from each request."),
    Variable(
        "DARKROOM_HUB_URL", "https://huggingface.co", "Address of the Hugging Face Hub. Empty: the Hub is not asked."
    ),
    Variable("DARKROOM_FLOWER_BIND", "127.0.0.1:5555", "Address of the Flower dashboard, as host:port."),
    Variable("DARKROOM_WORKER_CONCURRENCY", "256", "Jobs that one worker process runs at once."),
    Variable(
        "DARKROOM_SECRET_KEY_FILE",
        "",
        "File with 32 random bytes in base64. Empty: secret.key in the data directory, created if missing."
        " More lines: older keys, which the first one has replaced.",
    ),
    Variable(
        "DARKROOM_LEASE_SECONDS", "15", "Seconds without a heartbeat until a worker's jobs go to another attempt."
    ),
    Variable(
        "DARKROOM_EMBED_RECIPE",
        "on",
        "on or off: whether image files contain how they were made (prompt, parameters, provider). A job can say otherwise.",
    ),
    Variable(
        "DARKROOM_REQUEST_SECONDS",
        "30",
        "Seconds a client may take to send the headers, and the body unless it arrives at 16 KB/s or more.",
    ),
    Variable(
        "DARKROOM_SWEEP_SECONDS",
        "3600",
        "Seconds between sweeps for orphaned files. A file found orphaned twice in a row is deleted.",
    ),
    Variable(
        "DARKROOM_FILE_RETENTION_SECONDS", "86400", "Seconds an uploaded file is kept. An upload can say otherwise."
    ),
    Variable("DARKROOM_FILE_BYTES", "1073741824", "Total bytes of the uploaded files of one API key."),
    Variable("DARKROOM_LOG_FORMAT", "", "json or console. Empty: console on a terminal, else json."),
    Variable("DARKROOM_LOG_LEVEL", "info", "debug, info or warning. Secrets are hidden at every level."),
    Variable(
        "DARKROOM_LIMIT_SUBMITS_PER_MINUTE",
        "6000",
        f"Jobs that one key may submit per minute, in all processes together.{_LIMIT}",
    ),
    Variable(
        "DARKROOM_LIMIT_READS_PER_MINUTE",
        "60000",
        f"Other requests of one key per minute. Each web process counts its own.{_LIMIT}",
    ),
    Variable(
        "DARKROOM_LIMIT_INPUT_BYTES_PER_DAY",
        "10737418240",
        f"Bytes of one key's submissions and uploaded files per 24 hours.{_LIMIT}",
    ),
    Variable("DARKROOM_LIMIT_STREAMS", "500", f"Open event streams of one key, in all processes together.{_LIMIT}"),
    Variable("DARKROOM_LIMIT_QUEUED", "10000", f"Queued jobs of one key.{_LIMIT}"),
    Variable("DARKROOM_LIMIT_RUNNING", "1000", f"Running jobs of one key.{_LIMIT}"),
    Variable("DARKROOM_LIMIT_USER_QUEUED", "1000", f"Queued jobs of one end user (`metadata.user`).{_LIMIT}"),
    Variable("DARKROOM_LIMIT_USER_RUNNING", "100", f"Running jobs of one end user.{_LIMIT}"),
    Variable("DARKROOM_TEST_MODE", "", "For tests of Darkroom itself: on allows DARKROOM_TEST_FAILPOINTS."),
    Variable(
        "DARKROOM_TEST_FAILPOINTS", "", "For tests of Darkroom itself: points at which a process crashes or hangs."
    ),
)


@dataclass(frozen=True, slots=True)
class Bind:
    """A host and a port to listen on."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host in {"localhost", "::1"} or self.host.startswith("127.")

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one process. :data:`VARIABLES` says what each field means."""

    bind: Bind
    redis_url: str
    data_dir: Path
    config: Path | None
    public_url: str
    hub_url: str
    flower_bind: Bind
    worker_concurrency: int
    secret_key_file: Path
    lease_seconds: int
    embed_recipe: bool
    request_seconds: int
    sweep_seconds: int
    file_retention_seconds: int
    file_bytes: int
    log_format: str
    log_level: str
    limits: Limits
    failpoints: str = ""

    def require_redis(self) -> str:
        """The Redis URL.

        Raises:
            SettingsError: It is empty.
        """
        if not self.redis_url:
            raise SettingsError("DARKROOM_REDIS_URL is empty: `darkroom up` starts a server and sets it")
        return self.redis_url

    @property
    def artifacts_dir(self) -> Path:
        """Folder of the finished files."""
        return self.data_dir / "artifacts"

    @property
    def identity_file(self) -> Path:
        """File with the id of the right database (:mod:`jobs.record.identity`)."""
        return self.data_dir / "database.id"

    @property
    def runtime_file(self) -> Path:
        """File in which ``darkroom up`` leaves its addresses for other commands."""
        return self.data_dir / "runtime.json"


def _bind(name: str, text: str) -> Bind:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise SettingsError(f"{name}={text!r}: give host:port, for example 127.0.0.1:8000")
    return Bind(host.strip("[]") or "127.0.0.1", int(port))


def _positive(name: str, text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise SettingsError(f"{name}={text!r}: give a whole number of at least 1")
    return int(text)


def _switch(name: str, text: str) -> bool:
    if text not in {"on", "off"}:
        raise SettingsError(f"{name}={text!r}: give on or off")
    return text == "on"


def _limit(name: str, text: str) -> int | None:
    try:
        return None if text == "none" else _positive(name, text)
    except SettingsError as error:
        raise SettingsError(f"{error}, or none") from None


def _limits(value: Mapping[str, str]) -> Limits:
    """Each field of :class:`jobs.limits.Limits` has its variable."""
    names = {field: f"DARKROOM_LIMIT_{field.upper()}" for field in NAMES}
    return Limits(**{field: _limit(name, value[name]) for field, name in names.items()})


def _failpoints(mode: str, rules: str) -> str:
    if mode not in {"", "on"}:
        raise SettingsError(f"DARKROOM_TEST_MODE={mode!r}: give on or nothing")
    if rules and mode != "on":
        raise SettingsError("DARKROOM_TEST_FAILPOINTS makes processes crash; it needs DARKROOM_TEST_MODE=on")
    return rules


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings.

    Args:
        environ: Variables to read in place of the process environment.

    Raises:
        SettingsError: A value is malformed, or a named file does not exist.
    """
    source = os.environ if environ is None else environ
    value = {v.name: source.get(v.name, "").strip() or v.default for v in VARIABLES}
    data_dir = Path(value["DARKROOM_DATA_DIR"]).expanduser().absolute()
    config = Path(value["DARKROOM_CONFIG"]).expanduser() if value["DARKROOM_CONFIG"] else None
    if config is not None and not config.is_file():
        raise SettingsError(f"DARKROOM_CONFIG={config}: there is no such file")
    log_format = value["DARKROOM_LOG_FORMAT"]
    if log_format not in {"", "json", "console"}:
        raise SettingsError(f"DARKROOM_LOG_FORMAT={log_format!r}: give json, console or nothing")
    log_level = value["DARKROOM_LOG_LEVEL"].lower()
    if log_level not in {"debug", "info", "warning"}:
        raise SettingsError(f"DARKROOM_LOG_LEVEL={log_level!r}: give debug, info or warning")
    key_file = value["DARKROOM_SECRET_KEY_FILE"]
    return Settings(
        bind=_bind("DARKROOM_BIND", value["DARKROOM_BIND"]),
        redis_url=value["DARKROOM_REDIS_URL"],
        data_dir=data_dir,
        config=config,
        public_url=value["DARKROOM_PUBLIC_URL"].rstrip("/"),
        # Empty means no Hub here, so it does not fall back to the default.
        hub_url=source.get("DARKROOM_HUB_URL", value["DARKROOM_HUB_URL"]).strip().rstrip("/"),
        flower_bind=_bind("DARKROOM_FLOWER_BIND", value["DARKROOM_FLOWER_BIND"]),
        worker_concurrency=_positive("DARKROOM_WORKER_CONCURRENCY", value["DARKROOM_WORKER_CONCURRENCY"]),
        secret_key_file=Path(key_file).expanduser() if key_file else data_dir / "secret.key",
        lease_seconds=_positive("DARKROOM_LEASE_SECONDS", value["DARKROOM_LEASE_SECONDS"]),
        embed_recipe=_switch("DARKROOM_EMBED_RECIPE", value["DARKROOM_EMBED_RECIPE"]),
        request_seconds=_positive("DARKROOM_REQUEST_SECONDS", value["DARKROOM_REQUEST_SECONDS"]),
        sweep_seconds=_positive("DARKROOM_SWEEP_SECONDS", value["DARKROOM_SWEEP_SECONDS"]),
        file_retention_seconds=_positive("DARKROOM_FILE_RETENTION_SECONDS", value["DARKROOM_FILE_RETENTION_SECONDS"]),
        file_bytes=_positive("DARKROOM_FILE_BYTES", value["DARKROOM_FILE_BYTES"]),
        log_format=log_format,
        log_level=log_level,
        limits=_limits(value),
        failpoints=_failpoints(value["DARKROOM_TEST_MODE"], value["DARKROOM_TEST_FAILPOINTS"]),
    )


def reference() -> str:
    """docs/reference/settings.md: every variable, from :data:`VARIABLES`."""
    rows = [f"| `{v.name}` | {f'`{v.default}`' if v.default else ''} | {v.meaning} |" for v in VARIABLES]
    return "\n".join(
        [
            "# Settings",
            "",
            "Environment variables of every process. Made by `./run docs`; do not edit.",
            "",
            "| variable | default | meaning |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )
