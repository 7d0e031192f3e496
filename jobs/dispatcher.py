"""Sends jobs to the workers: it takes what the queue chooses, and publishes a message for each."""

from __future__ import annotations

import logging

from jobs.errors import StoreUnavailable
from jobs.queue import Publisher
from jobs.record.job_queue import JobQueue

log = logging.getLogger(__name__)

#: About how many waiting users a thorough call examines.
_MANY_USERS = 1000


class Dispatcher:
    """Sends jobs to the workers.

    Args:
        queue: Chooses the jobs.
        publisher: Wakes a worker for each.
    """

    def __init__(self, queue: JobQueue, publisher: Publisher) -> None:
        self._queue = queue
        self._publisher = publisher

    def dispatch(self, *, thoroughly: bool = False) -> int:
        """Send the jobs that may run now. A failure is left to the reconciler.

        Args:
            thoroughly: Look far behind users who can run nothing; done once a second.

        Returns:
            How many were sent.
        """
        try:
            chosen = self._queue.choose(users=_MANY_USERS) if thoroughly else self._queue.choose()
            for job_id in chosen:
                self._publisher.publish(job_id)
        except StoreUnavailable as error:
            log.warning("jobs wait for the reconciler: %s", error)
            return 0
        return len(chosen)

    def send_again(self, job_id: str) -> None:
        """Send the message of one job again, to another worker.

        Raises:
            StoreUnavailable: The broker did not take it.
        """
        self._publisher.publish(job_id)

    def resend_lost(self, older_than: float) -> int:
        """Send again the jobs that were sent that many seconds ago and not claimed; answers how many.

        Raises:
            StoreUnavailable: Redis cannot serve, or the broker did not take a message.
        """
        lost = self._queue.unsent(older_than)
        for job_id in lost:
            self._publisher.publish(job_id)
        return len(lost)
