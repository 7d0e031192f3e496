"""Runs a job in a process of its own (:mod:`worker.isolated`), if two workers have ended under it."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Final

log = logging.getLogger(__name__)

#: Most such processes beside one worker; each takes about 80 MB.
PROCESSES: Final = 4
#: Seconds between two looks for the worker's own shutdown.
_LOOK_SECONDS: Final = 0.5

_places = threading.BoundedSemaphore(PROCESSES)


def run_isolated(job_id: str, is_draining: Callable[[], bool]) -> None:
    """Run one attempt of the job in a new process, and wait for its end.

    The process outlives a crash of this one. It hands its job back when this one drains.
    """
    with _places:
        log.warning("the job runs in a process of its own: two workers ended under it")
        command = [sys.executable, "-P", "-m", "worker.isolated", job_id]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
        while True:
            try:
                status = process.wait(_LOOK_SECONDS)
                break
            except subprocess.TimeoutExpired:
                if is_draining():
                    process.terminate()
    if status != 0:
        log.error("the job's own process ended with status %s", status)
