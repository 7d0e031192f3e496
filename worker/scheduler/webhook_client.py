"""Sends a webhook's message to the address that a user gave."""

from __future__ import annotations

import http.client
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from jobs.egress import BadAddress
from jobs.webhooks.deliveries import Trouble, outcome
from worker.egress.dialer import Dialer, PinnedConnection

#: Seconds for a whole call.
CALL_SECONDS: Final = 15.0
#: Bytes of an answer that are read, so that its sender can end it in peace. They are shown to no one.
_ANSWER_LIMIT: Final = 4096
_HEADERS: Final = {"Content-Type": "application/json", "User-Agent": "Darkroom-Webhooks/1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came of a call: seconds and status where there was an answer, and what was wrong (None: nothing)."""

    error: Trouble | None
    status: int | None = None
    seconds: float | None = None
    retry_after: str | None = None


class WebhookClient:
    """Sends messages. Redirects are not followed, and no connection is used twice.

    Args:
        dialer: Connects.
        seconds: For a whole call.
    """

    def __init__(self, dialer: Dialer, seconds: float = CALL_SECONDS) -> None:
        self._dialer = dialer
        self._seconds = seconds

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Send a message. What a receiver does wrong is in the reply; nothing is raised for it."""
        started = time.monotonic()
        ends = started + self._seconds
        try:
            with self._dialer.open(url, ends) as connection:
                reply = _call(connection, body, headers, started)
        except ssl.SSLError:
            return Reply(error="unreachable" if time.monotonic() >= ends else "tls")
        except (OSError, BadAddress):
            return Reply(error="unreachable")
        # A socket that was shut within the headers reads as if these had ended.
        late = reply.seconds is not None and reply.seconds >= self._seconds
        return Reply(error="no_answer") if late else reply


def _call(connection: PinnedConnection, body: bytes, headers: Mapping[str, str], started: float) -> Reply:
    try:
        response = connection.ask("POST", {**_HEADERS, **headers}, body)
    except (OSError, http.client.HTTPException, ValueError):
        return Reply(error="no_answer")
    reply = Reply(
        error=outcome(response.status),
        status=response.status,
        seconds=round(time.monotonic() - started, 3),
        retry_after=response.getheader("Retry-After"),
    )
    with suppress(OSError, http.client.HTTPException, ValueError):
        response.read(_ANSWER_LIMIT)
    response.close()
    return reply
