"""Receivers of webhooks for the harness: each on a loopback address of its own, and what they got as lines of the history."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Self

from standardwebhooks import Webhook as Verifier

from jobs.record.connection import Connection
from jobs.vault import Vault
from jobs.webhooks.outbox import Outbox
from jobs.webhooks.secrets import Secrets
from tests.chaos.history import Delivery, Posted
from tests.support.webhook_receiver import Act, WebhookReceiver


@dataclass(slots=True)
class Hooks:
    """All receivers of a run, by name. A context manager.

    Args:
        connection: To the Redis with deliveries and secrets.
        key_file: The secret key of the service.
    """

    connection: Connection
    key_file: Path
    receivers: dict[str, WebhookReceiver] = field(default_factory=dict)
    _answers: dict[str, int] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for receiver in self.receivers.values():
            receiver.close()

    def add(self, name: str, *acts: Act, answer: int = 204, certificate: Path | None = None) -> WebhookReceiver:
        """Have another receiver, on an address of its own: the service isolates hosts from one another.

        Args:
            name: For :attr:`receivers`.
            *acts: What it does, see :class:`tests.support.webhook_receiver.WebhookReceiver`.
            answer: The status that the service gets in time; 0 for none.
            certificate: For TLS.
        """
        receiver = WebhookReceiver(*acts, certificate=certificate, host=f"127.0.0.{len(self.receivers) + 11}")
        self.receivers[name], self._answers[name] = receiver, answer
        return receiver

    def received(self, jobs: Iterable[str]) -> Iterator[Delivery]:
        """What came about these jobs."""
        wanted = set(jobs)
        secrets = Secrets(self.connection, Vault.from_file(self.key_file))
        for name, receiver in self.receivers.items():
            for at, (headers, body) in list(zip(receiver.times, receiver.messages, strict=False)):
                told = json.loads(body)
                job = told["data"]
                if job["id"] in wanted:
                    yield Delivery(
                        at=at,
                        job=job["id"],
                        delivery=headers["webhook-id"],
                        type=told["type"],
                        status=job["status"],
                        signed=_verified(secrets.valid("local"), headers, body),
                        answer=self._answers[name],
                    )

    def posted(self, jobs: Iterable[str]) -> Iterator[Posted]:
        """What the service says about the deliveries of these jobs."""
        outbox = Outbox(self.connection)
        for job in jobs:
            for one in outbox.deliveries(job):
                yield Posted(at=time.time(), job=job, delivery=one.id, type=one.type, state=one.state, calls=one.made)

    def settled(self, jobs: Iterable[str]) -> bool:
        """Whether each delivery is over, or was tried twice (the third try comes after five minutes)."""
        return all(one.state != "pending" or one.calls > 1 for one in self.posted(jobs))


def _verified(secrets: Iterable[str], headers: dict[str, str], body: bytes) -> bool:
    for secret in secrets:
        try:
            Verifier(secret).verify(body, headers)
        except Exception:  # noqa: BLE001 - it raises what its parts raise
            continue
        return True
    return False


# -- what a receiver may do ------------------------------------------------------


def later(seconds: float, then: Act) -> Act:
    """Answers after a while."""

    def act(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(seconds)
        then(handler)

    return act


def drip(seconds: float) -> Act:
    """Sends headers, one by one, for so long, and never comes to their end."""

    def act(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        _repeat(handler, lambda number: b"X-%d: y\r\n" % number, seconds, pause=0.5)

    return act


def endless(seconds: float) -> Act:
    """Answers 200, with a body that goes on for so long."""

    def act(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
        _repeat(handler, lambda _: b"x" * 65536, seconds, pause=0.0)

    return act


def _repeat(handler: BaseHTTPRequestHandler, piece: Callable[[int], bytes], seconds: float, pause: float) -> None:
    ends, number = time.monotonic() + seconds, 0
    writer: Any = handler.wfile
    try:
        while time.monotonic() < ends:
            writer.write(piece(number))
            number += 1
            time.sleep(pause)
    except OSError:
        return
