"""Sends jobs to the workers."""

from __future__ import annotations

import logging

from jobs.errors import StoreUnavailable
from jobs.record.job_queue import JobQueue

log = logging.getLogger(__name__)


class Dispatcher:
    """Sends jobs to the workers. What cannot be sent now is left to the reconciler."""

    def __init__(self, queue: JobQueue) -> None:
        self._queue = queue

    def dispatch(self, *, thoroughly: bool = False) -> int:
        """Send the jobs that may run now.

        ``thoroughly`` rechecks first what the choice relies on, and chooses until none is left; done once a second.

        Returns:
            How many were sent.
        """
        try:
            if thoroughly:
                self._queue.recheck()
            sent = len(self._queue.choose())
            # One choice looks only at some of those whose rest has just ended.
            while thoroughly and (more := len(self._queue.choose())):
                sent += more
        except StoreUnavailable as error:
            log.warning("jobs wait for the reconciler: %s", error)
            return 0
        return sent

    def send_again(self, job_id: str) -> None:
        """Send the message of one job again, to another worker.

        Raises:
            StoreUnavailable: Redis cannot serve.
        """
        self._queue.send_again((job_id,))

    def resend_lost(self, older_than: float) -> int:
        """Send again the jobs that were sent that many seconds ago and not claimed; answers how many.

        A worker loses a message where it dies between taking it off the broker's list and claiming the job.

        Raises:
            StoreUnavailable: Redis cannot serve.
        """
        lost = self._queue.unsent(older_than)
        self._queue.send_again(lost)
        return len(lost)
