"""Tells the operator, once each time, that Redis' memory runs short, and that Redis would drop jobs to make room."""

from __future__ import annotations

import logging
from typing import Final

from jobs.record.memory import ADMIT_SHARE, WARN_SHARE, Fill, Memory

log = logging.getLogger(__name__)

#: The share below the warning's at which it is over, so that it does not come again and again.
_CALM_SHARE: Final = WARN_SHARE - 0.02


class MemoryWatch:
    """Looks at Redis' memory.

    Args:
        memory: Redis' memory.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._warned = False
        self._drops_keys = False

    def round(self) -> None:
        """Look, and log what has changed.

        Raises:
            StoreUnavailable: Redis cannot serve.
        """
        found = self._memory.look()
        self._look_at_share(found)
        if found.drops_keys and not self._drops_keys:
            log.error("Redis drops keys when it is full (%s), and jobs with them: set noeviction", found.policy)
        self._drops_keys = found.drops_keys

    def _look_at_share(self, found: Fill) -> None:
        if not self._warned and found.share >= WARN_SHARE:
            log.warning(
                "Redis uses %.0f %% of its memory; from %.0f %% on no new jobs are taken",
                found.share * 100, ADMIT_SHARE * 100,
            )  # fmt: skip
            self._warned = True
        elif self._warned and found.share < _CALM_SHARE:
            log.warning("Redis uses %.0f %% of its memory again", found.share * 100)
            self._warned = False
