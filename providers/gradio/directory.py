"""Descriptions of apps, shared by all attempts of a process for a short while.

``/config`` and ``/info`` are about 60 KB and two round trips. 200 jobs that
start at once on one app read them once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from threading import Event, Lock

from providers.base import Control
from providers.gradio.endpoints import App

#: Seconds that an app's description is used.
LIFETIME = 60.0
_MOST = 256


@dataclass(slots=True)
class _Entry:
    done: Event = field(default_factory=Event)
    app: App | None = None
    until: float = 0.0


class Directory:
    """Descriptions of apps by key."""

    def __init__(self, *, lifetime: float = LIFETIME, clock: Callable[[], float] = time.monotonic) -> None:
        self._lifetime = lifetime
        self._clock = clock
        self._lock = Lock()
        self._entries: dict[Hashable, _Entry] = {}

    def get(self, key: Hashable, fetch: Callable[[], App], control: Control) -> App:
        """The app's description, from memory or from ``fetch``.

        While one attempt fetches, the others wait for it. If it fails, they
        fetch themselves, since the failure may be its own, such as a cancel.

        Raises:
            ProviderError: What ``fetch`` raises, or the end of this attempt.
        """
        entry, first = self._enter(key)
        if first:
            return self._fill(key, entry, fetch)
        while not entry.done.wait(0.2):
            control.check()
        if entry.app is not None:
            return entry.app
        return self.put(key, fetch())

    def peek(self, key: Hashable) -> App | None:
        """The app's description, if it is in memory."""
        with self._lock:
            entry = self._entries.get(key)
        return entry.app if entry is not None and self._clock() < entry.until else None

    def put(self, key: Hashable, app: App) -> App:
        """Keep a fetched description."""
        entry = _Entry(app=app, until=self._clock() + self._lifetime)
        entry.done.set()
        with self._lock:
            self._entries[key] = entry
        return app

    def forget(self, key: Hashable) -> None:
        """Fetch it anew the next time."""
        with self._lock:
            self._entries.pop(key, None)

    def _enter(self, key: Hashable) -> tuple[_Entry, bool]:
        now = self._clock()
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None and (not entry.done.is_set() or now < entry.until):
                return entry, False
            if len(self._entries) >= _MOST:
                self._entries = {k: e for k, e in self._entries.items() if not e.done.is_set() or now < e.until}
            entry = self._entries[key] = _Entry()
            return entry, True

    def _fill(self, key: Hashable, entry: _Entry, fetch: Callable[[], App]) -> App:
        try:
            entry.app = fetch()
            entry.until = self._clock() + self._lifetime
            return entry.app
        finally:
            if entry.app is None:
                self.forget(key)
            entry.done.set()
