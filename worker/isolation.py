"""Runs suspects apart: each attempt in a process of its own (:mod:`worker.isolated`), a few at once beside one worker.

A suspect holds a slot of the worker only while its process runs. Of the slots it never gets more than half: jobs that
end their processes, or hang in them, must not keep others waiting.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from jobs.errors import JobGone, JobNotFound, StoreUnavailable
from jobs.model import Status
from jobs.record.store import JobStore

log = logging.getLogger(__name__)

#: Most processes beside one worker; each takes about 80 MB.
_MOST: Final = 4
#: Seconds between two looks at the process, at its job, and for the worker's own shutdown.
_LOOK_SECONDS: Final = 0.5
#: Seconds for which a process may live while its job does not run: before the claim, and after the end.
STUCK_SECONDS: Final = 60.0


class NoPlace(Exception):
    """As many suspects run as may, or no process could be started."""


class Isolation:
    """The processes of suspects beside one worker.

    Args:
        store: Tells whether a job runs.
        slots: Of the worker.
        is_draining: Whether the worker stops: its suspects hand their jobs back.
        command: What is started, but for the job's id; replaced in tests.
        stuck: See :data:`STUCK_SECONDS`.
    """

    def __init__(
        self,
        store: JobStore,
        slots: int,
        is_draining: Callable[[], bool],
        command: Sequence[str] = (sys.executable, "-P", "-m", "worker.isolated"),
        stuck: float = STUCK_SECONDS,
    ) -> None:
        self._store = store
        self._is_draining = is_draining
        self._command = tuple(command)
        self._stuck = stuck
        self._places = max(1, min(_MOST, slots // 2))
        self._lock = threading.Lock()
        self._running: set[str] = set()

    def run(self, job_id: str) -> None:
        """Run one attempt of the job in a new process, and wait for its end. Nothing to do where it runs already.

        The process outlives a crash of this one. It hands its job back when this one drains.

        Raises:
            NoPlace: It cannot run here now.
        """
        with self._lock:
            if job_id in self._running:
                return
            if len(self._running) >= self._places:
                raise NoPlace(f"{self._places} suspects run beside this worker")
            self._running.add(job_id)
        try:
            self._wait(job_id, self._start(job_id))
        finally:
            with self._lock:
                self._running.discard(job_id)

    def _start(self, job_id: str) -> subprocess.Popen[bytes]:
        log.warning("the job runs in a process of its own: two workers ended under it")
        try:
            return subprocess.Popen([*self._command, job_id], stdin=subprocess.DEVNULL, start_new_session=True)
        except OSError as error:
            raise NoPlace(f"no process can be started: {error.strerror}") from error

    def _wait(self, job_id: str, process: subprocess.Popen[bytes]) -> None:
        ran_at = time.monotonic()
        while True:
            with suppress(subprocess.TimeoutExpired):
                status = process.wait(_LOOK_SECONDS)
                break
            if self._is_draining():
                process.terminate()
            if self._may_run(job_id):
                ran_at = time.monotonic()
            elif time.monotonic() - ran_at >= self._stuck:
                log.error("the job's own process does not end, and is killed")
                process.kill()
        if status != 0:
            log.error("the job's own process ended with status %s", status)

    def _may_run(self, job_id: str) -> bool:
        """Whether the job runs, as far as can be seen now."""
        try:
            return self._store.get(job_id).job.status is Status.RUNNING
        except StoreUnavailable:
            return True
        except (JobNotFound, JobGone):
            return False
