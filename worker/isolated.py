"""One attempt in a process of its own: ``python -m worker.isolated JOB``; a worker starts it (:mod:`worker.isolation`).

For a job that ran when two workers ended (:func:`worker.attempts.outcome.is_suspect`): if it ends this process too, no
other job is lost with it.
"""

from __future__ import annotations

import signal
import sys
from functools import partial
from types import FrameType

import logs
from worker import services, shared
from worker.attempts.runner import alone


def main(job_id: str) -> None:
    """Run one attempt of a job that was sent, and end."""
    built = services.build(shared.start("isolated"), slots=0)
    heartbeat = built.heartbeat

    def stop(signum: int, frame: FrameType | None) -> None:
        del signum, frame
        heartbeat.drain(patiently=False)

    signal.signal(signal.SIGTERM, stop)
    built.start()
    with logs.job_lines(job_id):
        built.run(job_id, partial(alone, built.parts), suspects=True)
    built.stop()


if __name__ == "__main__":
    main(sys.argv[1])
