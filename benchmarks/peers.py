"""Starts what Darkroom is compared with, on the same Redis and the same kind of server."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from dataclasses import dataclass

from cli.stack.redis_server import free_port
from tests.support.eventually import eventually
from tests.support.processes import ROOT, Process, Stack


@dataclass(frozen=True, slots=True)
class Peer:
    """A running application, and its address."""

    process: Process
    url: str


def start(stack: Stack, name: str) -> Peer:
    """Start ``benchmarks.{name}:app`` and wait until it answers."""
    port = free_port()
    server = (sys.executable, "-m", "gunicorn", "-c", str(ROOT / "benchmarks" / "gunicorn_conf.py"))
    process = stack.start(name, (*server, "-b", f"127.0.0.1:{port}", f"benchmarks.{name}:app"))
    peer = Peer(process, f"http://127.0.0.1:{port}")

    def answers() -> bool:
        try:
            urllib.request.urlopen(peer.url, timeout=1).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    eventually(answers, f"{name} answers")
    return peer
