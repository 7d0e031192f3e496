"""A DNS server of the tests' own, and how a program is made to ask it: a mount namespace with another resolv.conf.

Names that begin with ``broken`` are answered with SERVFAIL, those with
``silent`` not at all, and all others do not exist.
"""

from __future__ import annotations

import functools
import os
import random
import shutil
import socket
import struct
import subprocess
import threading
from pathlib import Path
from typing import Final, Self

_PORT: Final = 53  # that of a resolver cannot be chosen
_SERVFAIL, _NXDOMAIN = 2, 3

#: Names that look like public ones.
GONE: Final = "gone.darkroom-faults.net"
BROKEN: Final = "broken.darkroom-faults.net"
SILENT: Final = "silent.darkroom-faults.net"


class Resolver:
    """Answers on the loopback interface. A context manager.

    Args:
        folder: Where its resolv.conf is put.
    """

    def __init__(self, folder: Path) -> None:
        self.asked: list[str] = []
        # One that no other resolver of the machine has.
        self._address = f"127.53.{random.randint(1, 250)}.{random.randint(1, 250)}"
        self._conf = folder / "resolv.conf"
        self._conf.write_text(f"nameserver {self._address}\noptions timeout:1 attempts:2\n", encoding="ascii")
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def __enter__(self) -> Self:
        self._socket.bind((self._address, _PORT))
        threading.Thread(target=self._run, name="resolver", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def around(self, argv: tuple[str, ...]) -> tuple[str, ...]:
        """The command line with which a program asks this server."""
        return (*_UNSHARE, 'mount --bind "$0" /etc/resolv.conf && exec "$@"', str(self._conf), *argv)

    def _run(self) -> None:
        while True:
            try:
                question, peer = self._socket.recvfrom(512)
            except OSError:
                return
            name = _name(question)
            self.asked.append(name)
            if not name.startswith("silent"):
                code = _SERVFAIL if name.startswith("broken") else _NXDOMAIN
                head = question[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, 0, 0, 0)
                self._socket.sendto(head + question[12:], peer)


_UNSHARE: Final = ("unshare", "--mount", "sh", "-c")


@functools.cache
def missing() -> str:
    """Why it cannot be had here; empty where it can."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return "a resolver of its own needs Linux and root"
    test = subprocess.run([*_UNSHARE, "mount --bind /dev/null /etc/resolv.conf"], capture_output=True, check=False)
    return "" if test.returncode == 0 else "this machine allows no mount namespaces"


def _name(question: bytes) -> str:
    labels, at = [], 12
    while at < len(question) and (length := question[at]):
        labels.append(question[at + 1 : at + 1 + length].decode("ascii", "replace"))
        at += 1 + length
    return ".".join(labels).lower()
