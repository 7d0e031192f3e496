"""The operator's file: a table is added to it, and nothing that stands there is changed."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import logs
from providers import config_file
from providers.catalog import Catalog
from providers.config import ConfigError


def added(path: Path | None, name: str, text: str) -> tuple[str, Catalog]:
    """The file's text with another table at its end, and its providers, all checked. Nothing is written.

    Raises:
        ConfigError: The file is wrong already, has this provider, or would be wrong.
    """
    before = _read(path)
    source = str(path or "providers.toml")
    known = Catalog.of(config_file.parse(before, source=source))
    if name in known.names():
        raise ConfigError(f"{source}: there is a provider {name!r} already; give another name")
    after = f"{before.rstrip()}\n\n{text}" if before.strip() else text
    return after, Catalog.of(config_file.parse(after, source=source))


def add(path: Path, name: str, text: str) -> None:
    """Add a table to the file, which is made if it does not exist. A reader finds the old file or the new one, whole.

    Raises:
        ConfigError: As :func:`added`; or the file cannot be written.
    """
    path = Path(os.path.realpath(path))
    try:
        with _alone(path.parent):
            after, _ = added(path, name, text)
            _replace(path, after)
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be written: {error.strerror}; add this to it:\n\n{logs.redact(text)}"
        ) from error


def _read(path: Path | None) -> str:
    try:
        return "" if path is None else path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two that add at the same time take turns."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(path: Path, text: str) -> None:
    """Write the whole file anew beside the old one, then put it in its place."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    new = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, new)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
