"""Use cases of a client with webhooks: an address for a job, deliveries, redelivery, secrets, a test."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from jobs.egress import Egress
from jobs.ids import new_id
from jobs.model import Webhook
from jobs.record.connection import Connection
from jobs.vault import Vault
from jobs.webhooks.deliveries import TEST, Delivery, Payload, address_bound
from jobs.webhooks.notices import message
from jobs.webhooks.outbox import Outbox
from jobs.webhooks.secrets import Secrets


class WebhookService:
    """What a client may do with webhooks. The caller has checked whose job it is."""

    def __init__(self, connection: Connection, vault: Vault, egress: Egress) -> None:
        self._connection = connection
        self._vault = vault
        self._egress = egress
        self._outbox = Outbox(connection)
        self._secrets = Secrets(connection, vault)

    def accept(
        self, owner: str, url: str, *, base: str, events: Sequence[str] = (), payload: Payload = "full"
    ) -> Webhook:
        """A webhook as a job keeps it. The host is looked up at each call, not here.

        ``base``, ``events`` and ``payload`` are those of :class:`jobs.model.Webhook`.

        Raises:
            BadAddress: The rules forbid the address.
        """
        host = self._egress.check(url).host
        return Webhook(host=host, target=self._locked(owner, url), base=base, events=tuple(events), payload=payload)

    def _locked(self, owner: str, url: str) -> str:
        return base64.b64encode(self._vault.lock(address_bound(owner), {"url": url})).decode()

    def secret(self, owner: str) -> str:
        """The newest secret that signs the owner's webhooks; created at first use."""
        return self._secrets.valid(owner)[0]

    def rotate(self, owner: str) -> str:
        """Create a new secret; the old one signs beside it for a day."""
        return self._secrets.rotate(owner)

    def deliveries(self, job_id: str) -> tuple[Delivery, ...]:
        """All deliveries of a job, oldest first."""
        return self._outbox.deliveries(job_id)

    def redeliver(self, job_id: str, delivery_id: str) -> Delivery | None:
        """Make a delivery due again now; None: there is none."""
        return self._outbox.redeliver(job_id, delivery_id)

    def test(self, owner: str, url: str) -> Delivery:
        """Send a test message, once.

        Raises:
            BadAddress: The rules forbid the address.
        """
        now = self._connection.now()
        delivery = Delivery(
            id=new_id("msg"),
            holder=new_id("test"),
            owner=owner,
            type=TEST,
            host=self._egress.check(url).host,
            target=self._locked(owner, url),
            created_at=now,
            next_at=now,
        )
        self._outbox.add_test(delivery, message(TEST, now))
        return delivery

    def again(self, delivery: Delivery) -> Delivery:
        """The current record of a delivery."""
        return self._outbox.get(delivery.holder, delivery.id) or delivery
