"""The catalog of a file that may change while the process runs.

A file that is wrong changes nothing: the providers stay as they were, and the log says what is wrong. A caller with a
catalog or a driver keeps it; the next one that asks gets the new one.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Final, Self

from providers import config_file
from providers.catalog import Catalog
from providers.config import Config, ConfigError
from resilience import Rounds, foreign

log = logging.getLogger(__name__)

#: Seconds between two looks at the file. It is taken when two of them find the same: an editor may be writing.
LOOK_SECONDS: Final = 2.0


class LiveCatalog:
    """The newest catalog of a file. Thread-safe.

    Args:
        path: The file; None for the built-in providers alone.
        optional: Whether the file need not exist.
        hub_url: As :meth:`providers.catalog.Catalog.load`.
        installed: As :meth:`providers.catalog.Catalog.load`.

    Raises:
        ConfigError: It is wrong from the start.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        optional: bool = False,
        hub_url: str = "",
        installed: Iterable[EntryPoint] | None = None,
    ) -> None:
        self._path = path
        self._optional = optional
        self._hub_url = hub_url
        self._installed = installed
        self._lock = threading.Lock()
        self._stamp = self._look_at_stamp()
        self._waits: Config | None = None
        self._current = self._catalog(self._read())
        #: Why the file as it is now is not taken; empty if it is.
        self.problem = ""

    @classmethod
    def fixed(cls, catalog: Catalog) -> Self:
        """One that stays as it is."""
        found = cls(None, installed=())
        found._current = catalog
        return found

    @property
    def current(self) -> Catalog:
        """The catalog of the newest file that was right."""
        return self._current

    def fresh(self) -> Catalog:
        """The newest catalog; the file is read now if it was written since the last look, or waits for a second one."""
        if self._waits is not None or self._look_at_stamp() != self._stamp:
            self.look(at_once=True)
        return self._current

    def look(self, *, at_once: bool = False) -> bool:
        """Read the file, and take it if it says something else. Returns whether it was taken.

        Files and variables that it takes secrets from are read again too.

        Args:
            at_once: Take it at the first sight.
        """
        if self._path is None:
            return False
        with self._lock:
            self._stamp = self._look_at_stamp()
            try:
                with foreign(self._unforeseen, unless=(ConfigError,)):
                    found = self._read()
                if found == self._current.config:
                    self._waits, self.problem = None, ""
                    return False
                if not at_once and found != self._waits:
                    self._waits = found
                    return False
                self._take(self._catalog(found))
            except ConfigError as error:
                self._refuse(str(error))
                return False
            return True

    def rounds(self, stopped: threading.Event, changed: Callable[[], object], count: Callable[[str], object]) -> Rounds:
        """Looks every few seconds, and calls ``changed`` after each change."""

        def turn() -> None:
            if self.look():
                changed()

        what = "a change of the providers is not noticed now"
        return Rounds(log, "providers-file", turn, stopped, what=what, seconds=LOOK_SECONDS, count=count)

    def _take(self, catalog: Catalog) -> None:
        before, self._current = self._current.config, catalog
        self._waits, self.problem = None, ""
        now = catalog.config
        added = [name for name in now.providers if name not in before.providers]
        removed = [name for name in before.providers if name not in now.providers]
        changed = [name for name, table in now.providers.items() if before.providers.get(name, table) != table]
        log.info(
            "the changed configuration counts from now on",
            extra={"added": added, "removed": removed, "changed": changed},
        )
        if (now.egress, now.plain_http, now.user_proxies) != (before.egress, before.plain_http, before.user_proxies):
            log.warning("the change of [egress] counts after a restart")

    def _refuse(self, problem: str) -> None:
        self._waits = None
        if problem != self.problem:
            log.error("the changed configuration is not taken, the providers stay as they were: %s", problem)
        self.problem = problem

    def _read(self) -> Config:
        return config_file.load(self._path, optional=self._optional)

    def _catalog(self, config: Config) -> Catalog:
        with foreign(self._unforeseen, unless=(ConfigError,)):
            catalog = Catalog.of(config, hub_url=self._hub_url, installed=self._installed)
            catalog.specs()  # imports the drivers now rather than in the first request
        return catalog

    def _unforeseen(self, error: Exception) -> ConfigError:
        """No file may keep a process from what it did before, whatever is in it."""
        return ConfigError(f"{self._path}: cannot be used: {type(error).__name__}: {str(error)[:200]}")

    def _look_at_stamp(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat() if self._path else None
        except OSError:
            return None
        return None if found is None else (found.st_mtime_ns, found.st_size, found.st_ino)
