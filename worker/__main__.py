"""A worker process: ``python -m worker [NAME]``; NAME tells it from others on this machine, in Flower too.

It does what ``celery -A worker.celery worker`` does for us. That command first loads all commands and all plugins of
Celery's, Flower and its web server among them.
"""

from __future__ import annotations

import sys
from typing import Any

from process import without

# kombu would register a serializer that nobody uses here.
with without("yaml"):
    from celery.utils.nodenames import default_nodename

    from worker.celery import app


def main(name: str = "") -> int:
    """Run until SIGTERM. Returns the exit status.

    Gossip and mingle are off: without them a worker is back sooner after a half-open connection (13 s, not 18). The
    heartbeat is on: Flower shows a worker without one as dead. Pool, slots and events are set in :mod:`worker.celery`.
    """
    node = default_nodename(f"{name}@") if name else None
    worker: Any = app.Worker(hostname=node, loglevel="INFO", quiet=True, without_gossip=True, without_mingle=True)
    worker.start()
    return int(worker.exitcode or 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
