"""Celery's Redis transport, with one addition: an item of the queue that is no message does not end the worker.

kombu 5.7 parses without a guard what it pops from the queue. One item that was not JSON, or lacked a message's fields,
ended the worker process and all attempts in it ("Unrecoverable error: JSONDecodeError", seen under test).
"""

from __future__ import annotations

import logging
from typing import Any

from kombu.transport import redis

log = logging.getLogger(__name__)


class Channel(redis.Channel):
    """A channel that drops what it cannot read. Nothing is lost: the job's record counts, not its message."""

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            # Without the item itself, which may hold anything.
            log.error("an item of the queue that is no message was dropped (%s)", type(error).__name__)  # noqa: TRY400
            return True


class Transport(redis.Transport):
    """``broker_transport`` of the workers."""

    Channel = Channel
