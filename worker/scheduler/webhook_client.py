"""Send a message to an address that a user gave: the egress guard's rules, for a POST."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from jobs.egress import BadAddress, Egress, Target
from jobs.webhooks.deliveries import Trouble, outcome
from worker.egress import Resolve, dial, encrypted, resolve, time_limit

#: Seconds for a whole call.
CALL_SECONDS: Final = 15.0
#: Bytes of an answer that are read, so that its sender can end it in peace. Nobody sees them.
_ANSWER_LIMIT: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came of a call: seconds and status where there was an answer, and what was wrong (None: all is well)."""

    error: Trouble | None
    status: int | None = None
    seconds: float | None = None
    retry_after: str | None = None


class WebhookClient:
    """Sends messages to public https addresses, and to what the operator allows.

    The host is looked up once and the connection goes to an address that was checked. No redirects, no proxies of the
    environment, no connection that is used twice.

    Args:
        rules: Where calls may go.
        resolver: Looks a host up; replaced in tests.
        ca_certs: Authorities to trust instead of the system's.
        seconds: Time for a whole call.
    """

    def __init__(
        self,
        rules: Egress,
        resolver: Resolve = resolve,
        ca_certs: str | None = None,
        seconds: float = CALL_SECONDS,
    ) -> None:
        self._rules = rules
        self._resolve = resolver
        self._tls = ssl.create_default_context(cafile=ca_certs)
        self._seconds = seconds

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Send a message, and tell what came of it. Raises nothing for what a receiver can do."""
        started = time.monotonic()
        try:
            target = self._rules.check(url)
            plain = dial(self._rules, self._resolve, target, started + self._seconds)
        except (OSError, BadAddress):
            return Reply(error="unreachable")
        with plain, time_limit(plain, self._seconds - (time.monotonic() - started)) as limited:
            try:
                sock = encrypted(self._tls, plain, target)
            except ssl.SSLError:
                return Reply(error="unreachable" if limited.is_over else "tls")
            except OSError:
                return Reply(error="unreachable")
            with sock:
                reply = _call(sock, target, body, headers, started)
        # A socket that was shut within the headers reads as if these had ended.
        late = reply.seconds is not None and reply.seconds >= self._seconds
        return Reply(error="no_answer") if late else reply


def _call(sock: socket.socket, target: Target, body: bytes, headers: Mapping[str, str], started: float) -> Reply:
    connection = http.client.HTTPConnection(target.host, target.port)
    connection.sock = sock
    usual = 443 if target.scheme == "https" else 80
    host = f"[{target.host}]" if ":" in target.host else target.host
    fixed = {
        "Host": host if target.port == usual else f"{host}:{target.port}",
        "Content-Type": "application/json",
        "User-Agent": "Darkroom-Webhooks/1",
        "Accept-Encoding": "identity",
        "Connection": "close",
    }
    try:
        connection.request("POST", target.path, body, {**fixed, **headers})
        response = connection.getresponse()
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
