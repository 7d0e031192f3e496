"""Makes the environments of packages that tests run in interpreters of their own: ``.venvs/NAME``.

Usage: ``python tests/support/environments.py NAME...``. Those of Python have their locked packages in
the file of this name in ``requirements`` (real Gradio apps: ``gradio-LINE``; clients of the API: ``client-NAME``), and ``client-node``
has them in ``tests/clients/node``. An environment that is up to date is left alone, so it costs nothing to call this
each time. Standard library only: it runs before the tests' own packages are installed. It needs ``uv``, which also
fetches a Python 3.11 if the machine has none (the older lines of Gradio do not run on newer ones), and ``npm`` for Node.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PYTHON = "3.11"
#: The environment of Node's clients, and what it is made from.
NODE = "client-node"
_NODE_SOURCES = tuple(
    ROOT / "tests" / "clients" / "node" / name for name in ("package.json", "package-lock.json", ".npmrc")
)


def folder(name: str) -> Path:
    """Where an environment is."""
    return ROOT / ".venvs" / name


def interpreter(name: str) -> Path:
    """The Python of an environment."""
    return folder(name) / "bin" / "python"


def is_ready(name: str) -> bool:
    """Whether the environment holds what its locked packages say."""
    stamp = folder(name) / "stamp"
    return stamp.is_file() and stamp.read_text() == _stamp(name)


def make(name: str) -> None:
    """Make the environment, or bring it up to date. Safe to call from two processes at once.

    Raises:
        SystemExit: There is no such environment, or no uv or npm.
        subprocess.CalledProcessError: uv or npm failed; it has said why.
    """
    if missing := [path for path in _sources(name) if not path.is_file()]:
        raise SystemExit(f"there is no environment {name!r}: no {missing[0].relative_to(ROOT)}")
    place = folder(name)
    place.parent.mkdir(exist_ok=True)
    with (place.parent / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_ready(name):
            return
        print(f"making {place.relative_to(ROOT)}", file=sys.stderr, flush=True)
        if name == NODE:
            _install_node(place)
        else:
            _install_python(name)
        (place / "stamp").write_text(_stamp(name))


def make_all(names: Iterable[str]) -> None:
    """Make several side by side: each waits for the network and the disk most of the time.

    Raises:
        SystemExit: As :func:`make`.
        subprocess.CalledProcessError: As :func:`make`; the others are made.
    """
    with ThreadPoolExecutor() as pool:
        for _ in pool.map(make, names):
            pass


def _install_python(name: str) -> None:
    uv = find_uv()
    subprocess.run([uv, "venv", "-q", "--clear", "--python", PYTHON, folder(name)], check=True)
    sync = [uv, "pip", "sync", "-q", "--require-hashes", "--python", str(interpreter(name)), *map(str, _sources(name))]
    subprocess.run(sync, check=True)


def _install_node(place: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit("npm is missing (Debian: apt-get install npm)")
    place.mkdir(exist_ok=True)
    for source in _NODE_SOURCES:
        shutil.copy(source, place)
    # The scripts of packages are not run: none is needed.
    subprocess.run(
        [npm, "ci", "--loglevel=error", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=place, check=True
    )


def find_uv() -> str:
    """The uv that ``run`` found, on the PATH, or where ``run`` puts it."""
    found = os.environ.get("UV") or shutil.which("uv") or shutil.which(ROOT / ".uv" / "bin" / "uv")
    if not found:
        raise SystemExit("uv is missing: call ./run setup dev, or install it (docs.astral.sh/uv)")
    return found


def require(name: str) -> None:
    """Skip the test where its environment is missing; fail where the CI should have made it."""
    import pytest

    if is_ready(name):
        return
    reason = f"no environment {name}: ./run python tests/support/environments.py {name}"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def _sources(name: str) -> Sequence[Path]:
    return _NODE_SOURCES if name == NODE else (ROOT / "requirements" / f"{name}.txt",)


def _stamp(name: str) -> str:
    """What it was made from, and where: its scripts name the place."""
    content = b"".join(path.read_bytes() for path in _sources(name))
    return hashlib.sha256(content + str(folder(name).resolve()).encode()).hexdigest()


if __name__ == "__main__":
    make_all(sys.argv[1:])
