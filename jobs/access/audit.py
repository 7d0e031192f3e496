"""The trail of what admins do: one log line each, from whichever door they came through."""

from __future__ import annotations

import logging
from typing import Any

log = logging.getLogger("audit")

#: Who acts through the command line, on the machine itself.
OPERATOR = "operator"


def note(who: str, what: str, **facts: Any) -> None:  # noqa: ANN401 - whatever says what was done
    """Log an action.

    Args:
        who: The id of a key, ``local`` in the open mode, or :data:`OPERATOR`.
        what: In a few words.
        **facts: What it was done to, and how. Never a secret.
    """
    log.info("admin: %s", what, extra={"by": who, **facts})
