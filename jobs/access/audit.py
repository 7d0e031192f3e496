"""The audit log: one line for each action of an admin, over HTTP or on the command line."""

from __future__ import annotations

import logging
from typing import Any

log = logging.getLogger("audit")

#: The actor of the command line, on the machine itself.
OPERATOR = "operator"


def note(who: str, what: str, **facts: Any) -> None:  # noqa: ANN401 - any value that describes the action
    """Log an action.

    Args:
        who: The id of a key, ``local`` in the open mode, or :data:`OPERATOR`.
        what: The action, in a few words.
        **facts: Its object and details. Never a secret.
    """
    log.info("admin: %s", what, extra={"by": who, **facts})
