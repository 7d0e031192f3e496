"""One attempt in a process of its own: ``python -m worker.isolated JOB``.

For a job that was there when two workers ended (:func:`worker.attempts.retry.is_suspect`):
if it ends this process too, nobody else pays for it.
"""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import threading
from types import FrameType
from typing import Final

import logs
import settings
from jobs import failpoints
from jobs.failpoints import failpoint
from worker import services
from worker.attempts import runner
from worker.heartbeat import Heartbeat

log = logging.getLogger(__name__)

#: So many processes at once beside one worker: each takes about 80 MB.
PROCESSES: Final = 4
#: Seconds between two looks of the worker for its own shutdown.
_LOOK_SECONDS: Final = 0.5

_places = threading.BoundedSemaphore(PROCESSES)


def run_apart(job_id: str, parent: Heartbeat) -> None:
    """Run one attempt of the job in a new process, and wait for its end.

    The process outlives a crash of this one, and hands its job back when this
    one drains.
    """
    with _places:
        log.warning("the job runs in a process of its own: two workers ended under it")
        command = [sys.executable, "-P", "-m", "worker.isolated", job_id]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
        told = False
        while True:
            try:
                status = process.wait(_LOOK_SECONDS)
            except subprocess.TimeoutExpired:
                if parent.draining and not told:
                    process.terminate()
                    told = True
                continue
            break
    if status != 0:
        log.error("the job's own process ended with status %s", status)


def main(job_id: str) -> None:
    """Run one attempt of a job that was sent, and end."""
    config = settings.load()
    logs.configure(config.log_format, "isolated", config.log_level)
    failpoints.arm(config.failpoints)
    built = services.build(config, slots=0)
    heartbeat = built.heartbeat

    def stop(signum: int, frame: FrameType | None) -> None:
        del signum, frame
        heartbeat.drain(patiently=False)

    signal.signal(signal.SIGTERM, stop)
    heartbeat.start()
    with logs.job_lines(job_id):
        lease = built.claimer.claim(job_id, heartbeat.worker, heartbeat.lease_seconds)
        if lease is not None:
            failpoint("after_claim", lease.job.attempts[-1].provider)
            run = runner.alone(built.parts, lease)
            with heartbeat.keeping(run):
                run.run()
    heartbeat.stop()


if __name__ == "__main__":
    main(sys.argv[1])
