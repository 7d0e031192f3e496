"""Many event streams from one process: ``python -m benchmarks.watch HOST PORT SECONDS < job ids, one a stream``.

Each ``log`` event holds the time at which it was written; what arrives late by
how much is printed as JSON at the end.
"""

from __future__ import annotations

import json
import re
import selectors
import socket
import sys
import time

_SENT = re.compile(rb'"text":"(\d+\.\d+)"')


def main() -> None:
    """Open all streams, say ``open N``, read for so many seconds, print what was seen."""
    host, port, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    ids = sys.stdin.read().split()
    poll = selectors.DefaultSelector()
    refused = 0
    for job_id in ids:
        stream = socket.create_connection((host, port), timeout=60)
        stream.sendall(f"GET /v1/jobs/{job_id}/events HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        if b" 200 " in stream.recv(65536).split(b"\r\n", 1)[0]:
            stream.setblocking(False)
            poll.register(stream, selectors.EVENT_READ)
        else:
            refused += 1
            stream.close()
    count = len(poll.get_map())
    print(f"open {count}", flush=True)
    late: list[float] = []
    closed = 0
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        for key, _ in poll.select(0.5):
            data = key.fileobj.recv(65536)  # type: ignore[union-attr]
            now = time.time()
            if not data:
                poll.unregister(key.fileobj)
                closed += 1
            late += [now - float(sent) for sent in _SENT.findall(data)]
    late.sort()
    share = (lambda part: round(late[int(part * (len(late) - 1))] * 1000, 1)) if late else (lambda _: None)
    print(
        json.dumps(
            {
                "open": count,
                "refused": refused,
                "closed": closed,
                "events": len(late),
                "p50": share(0.5),
                "p99": share(0.99),
                "max": share(1.0),
            }
        )
    )


if __name__ == "__main__":
    main()
