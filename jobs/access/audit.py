"""The audit log: one line for each action of an admin, over HTTP or on the command line."""

from __future__ import annotations

import logging
from typing import Any

log = logging.getLogger("audit")

#: The actor of the command line, on the machine itself.
OPERATOR = "operator"


def note(who: str, what: str, **facts: Any) -> None:  # noqa: ANN401 - any value that describes the action
    """Log what an actor did: ``who`` is the id of a key, ``local`` in the open mode, or :data:`OPERATOR`.

    The facts name its object and details; never a secret.
    """
    log.info("admin: %s", what, extra={"by": who, **facts})
