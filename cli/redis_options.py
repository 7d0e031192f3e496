"""How Darkroom's own Redis servers are set up, embedded or in a container."""

from __future__ import annotations

from typing import Final

OPTIONS: Final = {
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": '""',
    # A server that is full refuses writes: it must not drop jobs to make room.
    "maxmemory-policy": "noeviction",
    # A job's event log is a stream of about 700 bytes, for which Redis sets aside 4 KB by default.
    "stream-node-max-bytes": "1024",
}
