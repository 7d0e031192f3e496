"""The bench's own environment, ``.venvs/bench``, with what only the bench needs (requirements/bench.txt)."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from typing import Final

from tests.support.environments import ROOT, find_uv

_REQUIREMENTS: Final = ROOT / "requirements" / "bench.txt"
_FOLDER: Final = ROOT / ".venvs" / "bench"
#: Its interpreter.
PYTHON: Final = _FOLDER / "bin" / "python"


def make() -> None:
    """Make it, or bring it up to date.

    Raises:
        subprocess.CalledProcessError: uv failed; it has said why.
    """
    stamp, wanted = _FOLDER / "stamp", hashlib.sha256(_REQUIREMENTS.read_bytes() + str(ROOT).encode()).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    print("making .venvs/bench", file=sys.stderr, flush=True)
    uv = find_uv()
    subprocess.run([uv, "venv", "-q", "--clear", "--python", sys.executable, str(_FOLDER)], check=True)
    sync = (uv, "pip", "sync", "-q", "--compile-bytecode", "--require-hashes", "--python", str(PYTHON))
    subprocess.run([*sync, str(_REQUIREMENTS)], check=True)
    stamp.write_text(wanted)
