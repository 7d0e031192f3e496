"""One attempt in a process of its own: ``python -m worker.isolated JOB``.

For a job that ran when two workers ended (:func:`worker.attempts.retry.is_suspect`): if it ends this process too, no
other job is lost with it.
"""

from __future__ import annotations

import signal
import sys
from types import FrameType

import logs
import settings
from jobs import failpoints
from jobs.failpoints import failpoint
from worker import services
from worker.attempts.runner import alone


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
            runner = alone(built.parts, lease)
            with heartbeat.keeping(runner):
                runner.run()
    heartbeat.stop()


if __name__ == "__main__":
    main(sys.argv[1])
