"""Every setting, as frozen data. Only this module reads the environment.

Entry points call :func:`load` once and pass the result on. The names of the variables are a contract;
docs/reference/settings.md is generated from :data:`VARIABLES`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from jobs.limits import NAMES, Limits
from media import DEFAULT_LIMITS, OutputLimits
from settings.variables import VARIABLES, Variable, reference

__all__ = ["VARIABLES", "Bind", "Settings", "SettingsError", "Variable", "load", "reference"]


class SettingsError(ValueError):
    """A setting is missing or wrong. The text names the variable and says what to do."""


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
    dialects: tuple[str, ...]
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
    tombstone_days: int
    log_format: str
    log_level: str
    limits: Limits
    outputs: OutputLimits = DEFAULT_LIMITS
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
    def providers_file(self) -> Path:
        """The file with providers and models. Without a setting it need not exist."""
        return self.config or self.data_dir / "providers.toml"

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


_HIGHEST_PORT: Final = 65535


def _is_number(text: str) -> bool:
    """Whether it is a whole number; digits of other scripts are none, and 18 digits are enough for any setting."""
    return text.isascii() and text.isdigit() and len(text) <= 18


def _path(name: str, text: str) -> Path:
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError as error:
        raise SettingsError(f"{name}={text}: there is no such home directory") from error


def _url(name: str, text: str, *schemes: str) -> str:
    try:
        parts = urlsplit(text)
        # Its parts are taken out when they are asked for: that is when a port that is none is noticed.
        well_formed = parts.scheme in schemes and bool(parts.hostname or parts.path) and parts.port != 0
    except ValueError:
        well_formed = False
    if text and not well_formed:
        # The text may hold a password.
        raise SettingsError(f"{name}: give a URL that begins with {' or '.join(f'{scheme}://' for scheme in schemes)}")
    return text


def _file(name: str, text: str) -> Path:
    path = _path(name, text)
    try:
        # Path.is_file says no for what does not exist, and raises for what cannot be looked at.
        there = path.is_file()
    except OSError as error:
        raise SettingsError(f"{name}={path}: {error.strerror}") from error
    if not there:
        raise SettingsError(f"{name}={path}: there is no such file")
    return path


def _bind(name: str, text: str) -> Bind:
    host, colon, port = text.rpartition(":")
    if not colon or not _is_number(port) or not 0 < int(port) <= _HIGHEST_PORT:
        raise SettingsError(f"{name}={text!r}: give host:port, for example 127.0.0.1:8000")
    return Bind(host.strip("[]") or "127.0.0.1", int(port))


def _whole(name: str, text: str, least: int = 1) -> int:
    if not _is_number(text) or int(text) < least:
        raise SettingsError(f"{name}={text!r}: give a whole number of at least {least}")
    return int(text)


def _one_of(name: str, text: str, *allowed: str) -> str:
    if text not in allowed:
        *others, last = [word or "nothing" for word in allowed]
        raise SettingsError(f"{name}={text!r}: give {', '.join(others)} or {last}")
    return text


def _limit(name: str, text: str) -> int | None:
    try:
        return None if text == "none" else _whole(name, text)
    except SettingsError as error:
        raise SettingsError(f"{error}, or none") from None


def _limits(value: Mapping[str, str]) -> Limits:
    """Each field of :class:`jobs.limits.Limits` has its variable."""
    names = {field: f"DARKROOM_LIMIT_{field.upper()}" for field in NAMES}
    return Limits(**{field: _limit(name, value[name]) for field, name in names.items()})


def _outputs(value: Mapping[str, str]) -> OutputLimits:
    """Each field of :class:`media.OutputLimits` has its variable."""
    fields = ("image_bytes", "image_pixels", "file_bytes", "job_bytes", "inline_bytes")
    names = {"outputs": "DARKROOM_OUTPUTS", **{field: f"DARKROOM_OUTPUT_{field.upper()}" for field in fields}}
    return OutputLimits(**{field: _whole(name, value[name]) for field, name in names.items()})


def _failpoints(mode: str, rules: str) -> str:
    if _one_of("DARKROOM_TEST_MODE", mode, "on", "") != "on" and rules:
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
    data_dir = _path("DARKROOM_DATA_DIR", value["DARKROOM_DATA_DIR"])
    hub_url = source.get("DARKROOM_HUB_URL", value["DARKROOM_HUB_URL"])
    key_file = value["DARKROOM_SECRET_KEY_FILE"]
    return Settings(
        bind=_bind("DARKROOM_BIND", value["DARKROOM_BIND"]),
        redis_url=_url("DARKROOM_REDIS_URL", value["DARKROOM_REDIS_URL"], "redis", "rediss", "unix"),
        data_dir=data_dir,
        config=_file("DARKROOM_CONFIG", value["DARKROOM_CONFIG"]) if value["DARKROOM_CONFIG"] else None,
        public_url=_url("DARKROOM_PUBLIC_URL", value["DARKROOM_PUBLIC_URL"].rstrip("/"), "http", "https"),
        dialects=tuple(word.strip() for word in value["DARKROOM_DIALECTS"].split(",")),
        # Empty means no Hub here, so it does not fall back to the default.
        hub_url=_url("DARKROOM_HUB_URL", hub_url.strip().rstrip("/"), "http", "https"),
        flower_bind=_bind("DARKROOM_FLOWER_BIND", value["DARKROOM_FLOWER_BIND"]),
        worker_concurrency=_whole("DARKROOM_WORKER_CONCURRENCY", value["DARKROOM_WORKER_CONCURRENCY"]),
        secret_key_file=_path("DARKROOM_SECRET_KEY_FILE", key_file) if key_file else data_dir / "secret.key",
        lease_seconds=_whole("DARKROOM_LEASE_SECONDS", value["DARKROOM_LEASE_SECONDS"]),
        embed_recipe=_one_of("DARKROOM_EMBED_RECIPE", value["DARKROOM_EMBED_RECIPE"], "on", "off") == "on",
        request_seconds=_whole("DARKROOM_REQUEST_SECONDS", value["DARKROOM_REQUEST_SECONDS"]),
        sweep_seconds=_whole("DARKROOM_SWEEP_SECONDS", value["DARKROOM_SWEEP_SECONDS"]),
        file_retention_seconds=_whole("DARKROOM_FILE_RETENTION_SECONDS", value["DARKROOM_FILE_RETENTION_SECONDS"]),
        file_bytes=_whole("DARKROOM_FILE_BYTES", value["DARKROOM_FILE_BYTES"]),
        tombstone_days=_whole("DARKROOM_TOMBSTONE_DAYS", value["DARKROOM_TOMBSTONE_DAYS"], least=0),
        log_format=_one_of("DARKROOM_LOG_FORMAT", value["DARKROOM_LOG_FORMAT"], "json", "console", ""),
        log_level=_one_of("DARKROOM_LOG_LEVEL", value["DARKROOM_LOG_LEVEL"].lower(), "debug", "info", "warning"),
        limits=_limits(value),
        outputs=_outputs(value),
        failpoints=_failpoints(value["DARKROOM_TEST_MODE"], value["DARKROOM_TEST_FAILPOINTS"]),
    )
