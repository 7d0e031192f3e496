"""Makes the environments of the test Spaces: one per Gradio line, ``.venvs/gradio-NAME``.

Usage: ``python tests/spaces/environments.py newest | tested | all | LINE...``.
An environment that is up to date is left alone, so it costs nothing to call
this each time. Standard library only: it runs before anything is installed. It
needs ``uv``, which also fetches a Python 3.11 if the machine has none (the
older lines do not run on newer ones).
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: The lines of Gradio that are tested; the oldest ones only by the long tests.
OLDEST = ("4.8", "4.16", "4.19")
TESTED = ("4.44", "5.50", "6")
LINES = (*OLDEST, *TESTED)
#: Names for several lines.
GROUPS = {"newest": TESTED[-1:], "tested": TESTED, "all": LINES}
PYTHON = "3.11"


def requirements(name: str) -> Path:
    """The locked packages of a line."""
    return ROOT / "requirements" / f"gradio-{name}.txt"


def interpreter(name: str) -> Path:
    """The Python of a line's environment."""
    return ROOT / ".venvs" / f"gradio-{name}" / "bin" / "python"


def is_ready(name: str) -> bool:
    """Whether the environment holds what the requirements say."""
    stamp = interpreter(name).parents[1] / "stamp"
    return stamp.is_file() and stamp.read_text() == _stamp(name)


def make(name: str) -> None:
    """Make the environment, or bring it up to date. Safe to call from two processes at once.

    Raises:
        SystemExit: There is no such line, or no uv.
        subprocess.CalledProcessError: uv failed; it has said why.
    """
    if name not in LINES:
        raise SystemExit(f"no Gradio line {name!r}; there are {', '.join(LINES)}")
    folder = interpreter(name).parents[1]
    folder.parent.mkdir(exist_ok=True)
    with (folder.parent / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_ready(name):
            return
        print(f"making {folder.relative_to(ROOT)}", file=sys.stderr, flush=True)
        uv = find_uv()
        subprocess.run([uv, "venv", "-q", "--clear", "--python", PYTHON, folder], check=True)
        sync = [uv, "pip", "sync", "-q", "--require-hashes", "--python", interpreter(name), requirements(name)]
        subprocess.run(sync, check=True)
        (folder / "stamp").write_text(_stamp(name))


def find_uv() -> str:
    """uv as ``run`` found it, on the PATH, or where ``run`` puts it."""
    found = os.environ.get("UV") or shutil.which("uv") or shutil.which(ROOT / ".uv" / "bin" / "uv")
    if not found:
        raise SystemExit("uv is missing: call ./run setup dev, or install it (docs.astral.sh/uv)")
    return found


def _stamp(name: str) -> str:
    return hashlib.sha256(requirements(name).read_bytes() + str(ROOT).encode()).hexdigest()


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        for line in GROUPS.get(argument, (argument,)):
            make(line)
