"""Does once, for all who ask within a moment, what each of them asks for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

#: Seconds for which others may join. Where hundreds of threads want the processor it becomes longer by itself.
MOMENT: Final = 0.002


class Together:
    """Work that any number of threads ask for, and that is done by the first of them.

    Args:
        work: Done at least once after each :meth:`ask`, and by one thread at a time.
        moment: See :data:`MOMENT`.
    """

    def __init__(self, work: Callable[[], object], moment: float = MOMENT) -> None:
        self._work = work
        self._moment = moment
        self._lock = threading.Lock()
        self._is_asked = False
        self._is_working = False

    def ask(self) -> None:
        """Have the work done: by this thread, or by another that has not begun yet. What the work raises goes on."""
        with self._lock:
            self._is_asked = True
            if self._is_working:
                return
            self._is_working = True
        try:
            while self._is_wanted():
                time.sleep(self._moment)
                self._is_asked = False
                self._work()
        except BaseException:
            with self._lock:
                self._is_working = False
            raise

    def _is_wanted(self) -> bool:
        """Whether somebody asked since the work began; if not, who asks next does it."""
        with self._lock:
            self._is_working = self._is_asked
            return self._is_asked
