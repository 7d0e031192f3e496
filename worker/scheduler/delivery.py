"""Makes webhook deliveries that are due: some at once, none twice at the same time, nobody's slow host in the way of others."""

from __future__ import annotations

import base64
import logging
import random
import threading
from datetime import UTC, datetime
from typing import Final

from jobs.errors import StoreUnavailable
from jobs.failpoints import failpoint
from jobs.record.connection import Connection
from jobs.vault import Vault, VaultError
from jobs.webhooks.deliveries import Call, address_bound, disabled, settled, signed
from jobs.webhooks.outbox import Outbox, Taken
from jobs.webhooks.secrets import Secrets
from worker.scheduler.webhook_client import CALL_SECONDS, Reply, WebhookClient

log = logging.getLogger(__name__)

#: Calls at once in one process; for one owner from all of them, and of these to one host. They mostly wait.
AT_ONCE: Final = 48
PER_OWNER: Final = 8
PER_HOST: Final = 4
#: Seconds for which a taken delivery is left alone; a look-up of its host may add to the time of a call.
LEASE_SECONDS: Final = CALL_SECONDS + 45
#: Seconds between two looks for deliveries that are due.
ROUND_SECONDS: Final = 0.25
#: ... and while Redis is away.
_AWAY_SECONDS: Final = 2.0


class Deliverer:
    """Makes deliveries; safe to run in several processes.

    Args:
        store: The records.
        vault: Decrypts addresses and secrets.
        poster: Makes the calls.
    """

    def __init__(self, connection: Connection, vault: Vault, poster: WebhookClient) -> None:
        self._connection = connection
        self._outbox = Outbox(connection)
        self._secrets = Secrets(connection, vault)
        self._vault = vault
        self._poster = poster
        self._free = threading.Semaphore(AT_ONCE)
        self._freed = threading.Event()

    def run(self, stopped: threading.Event) -> None:
        """Deliver until ``stopped``; calls that are on their way then are made by the next process."""
        while not stopped.is_set():
            self._freed.clear()
            try:
                taken = self._take()
            except StoreUnavailable as error:
                log.debug("no deliveries now: %s", error)
                stopped.wait(_AWAY_SECONDS)
                continue
            for one in taken:
                # No pool: its threads would keep a process from ending.
                threading.Thread(target=self._make, args=(one,), name="delivery", daemon=True).start()
            # Where many are due, the next one goes as soon as a call is over.
            self._freed.wait(ROUND_SECONDS)

    def round(self) -> int:
        """Make what is due now, one after the other; answers how many."""
        taken = self._take()
        for one in taken:
            self._make(one)
        return len(taken)

    def _take(self) -> tuple[Taken, ...]:
        most = 0
        while most < AT_ONCE and self._free.acquire(blocking=False):
            most += 1
        taken: tuple[Taken, ...] = ()
        try:
            if most:
                taken = self._outbox.take(most, lease_seconds=LEASE_SECONDS, per_host=PER_HOST, per_owner=PER_OWNER)
        finally:
            for _ in range(most - len(taken)):
                self._free.release()
        return taken

    def _make(self, taken: Taken) -> None:
        try:
            self._deliver(taken)
        except (StoreUnavailable, VaultError) as error:
            # Its lease ends, and it is tried again.
            log.warning("a delivery could not be made: %s", error, extra={"delivery": taken.delivery.id})
        except Exception:
            log.exception("a delivery could not be made", extra={"delivery": taken.delivery.id})
        finally:
            self._free.release()
            self._freed.set()

    def _deliver(self, taken: Taken) -> None:
        delivery = taken.delivery
        url = self._vault.unlock(address_bound(delivery.owner), base64.b64decode(delivery.target))["url"]
        is_test = delivery.holder.startswith("test_")
        by_hand = delivery.round > 0 or is_test
        if not by_hand and self._outbox.is_gone(delivery.owner, url):
            self._outbox.settle(taken, disabled(delivery))
            return
        at = self._connection.now()
        reply = self._call(url, taken)
        failpoint("delivered")
        call = Call(at=at, seconds=reply.seconds, status=reply.status, error=reply.error)
        after = settled(delivery, call, retry_after=reply.retry_after, chance=random.random())  # noqa: S311 - spreads
        if after.state == "disabled":
            self._outbox.set_gone(delivery.owner, url, gone=True)
        elif after.state == "delivered" and by_hand:
            self._outbox.set_gone(delivery.owner, url, gone=False)
        self._outbox.settle(taken, after)
        log.info(
            "webhook %s: %s", delivery.type, after.state,
            extra={"delivery": delivery.id, "status": reply.status, "error": reply.error},
        )  # fmt: skip

    def _call(self, url: str, taken: Taken) -> Reply:
        valid = self._secrets.valid(taken.delivery.owner)
        moment = datetime.now(UTC)
        return self._poster.post(url, taken.body, signed(taken.delivery.id, moment, taken.body, valid))
