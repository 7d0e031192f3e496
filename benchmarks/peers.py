"""Starts what Darkroom is compared with, on the same Redis."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from benchmarks import environment
from benchmarks.meter import cpu_seconds
from cli.stack.redis_server import free_port
from tests.support.eventually import eventually
from tests.support.processes import ROOT, Process, Stack


@dataclass(frozen=True, slots=True)
class Peer:
    """A running application, and its address."""

    process: Process
    url: str

    @property
    def cpu_seconds(self) -> float:
        """Processor time that its processes have used so far."""
        return cpu_seconds(self.process.popen.pid)


def start(stack: Stack, name: str) -> Peer:
    """Start ``benchmarks.{name}:app`` under Darkroom's own kind of server, and wait until it answers."""
    return _flask(stack, name, f"benchmarks.{name}:app", sys.executable)


def start_rival(stack: Stack, name: str) -> Peer:
    """Start a Flask rival of :mod:`benchmarks.rivals`, in the bench's environment."""
    return _flask(stack, name, f"benchmarks.rivals.{name}:app", str(environment.PYTHON))


def start_fast(stack: Stack, name: str) -> Peer:
    """Start a FastAPI rival, with as many processes of uvicorn."""
    port = free_port()
    server = (str(environment.PYTHON), "-m", "uvicorn", "--workers", "2", "--log-level", "warning", "--no-access-log")
    argv = (*server, "--port", str(port), f"benchmarks.rivals.{name}:app")
    return _answering(stack, name, argv, port)


def post(peer: Peer, path: str) -> None:
    """Ask a peer to prepare something."""
    urllib.request.urlopen(urllib.request.Request(f"{peer.url}{path}", method="POST"), timeout=60).close()


def _flask(stack: Stack, name: str, app: str, python: str) -> Peer:
    port = free_port()
    server = (python, "-m", "gunicorn", "-c", str(ROOT / "benchmarks" / "gunicorn_conf.py"))
    return _answering(stack, name, (*server, "-b", f"127.0.0.1:{port}", app), port)


def _answering(stack: Stack, name: str, argv: tuple[str, ...], port: int) -> Peer:
    process = stack.start(Path(name).name, argv)
    peer = Peer(process, f"http://127.0.0.1:{port}")

    def answers() -> bool:
        assert process.alive, process.output
        try:
            urllib.request.urlopen(peer.url, timeout=1).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    eventually(answers, f"{name} answers", within=60)
    return peer
