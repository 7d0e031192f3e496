"""The pages of the documentation: their code blocks, and how a test runs them as they stand."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
HOW_TO: Final = ROOT / "docs" / "how-to"

_BLOCK: Final = re.compile(r"^( *)```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of a page in one language, without the indentation that lists give them."""
    return [textwrap.dedent(found[3]) for found in _BLOCK.finditer(page.read_text()) if found[2] == language]


def run(argv: Sequence[str], folder: Path, url: str, *, seconds: float = 90, **environ: str) -> str:
    """Run a program as a reader would, against the service at ``url``; it must succeed. Returns what it printed.

    ``python3`` and the programs beside it are those of the environment. Where a program is missing, the test is
    skipped; in CI it fails.
    """
    if shutil.which(argv[0]) is None:
        assert not os.environ.get("CI"), f"no {argv[0]}"
        pytest.skip(f"no {argv[0]} on this machine")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        argv,
        cwd=folder,
        env={**os.environ, "DARKROOM_URL": url, "NO_PROXY": "127.0.0.1", "PATH": path, **environ},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run_commands(page: Path, folder: Path, url: str, *, seconds: float = 90, **environ: str) -> str:
    """Run all ``sh`` blocks of a page as one script. See :func:`run`; the pages use curl."""
    if shutil.which("curl") is None:
        assert not os.environ.get("CI"), "no curl (Debian: apt-get install curl)"
        pytest.skip("no curl on this machine")
    return run(["sh", "-c", "set -eu\n" + "".join(blocks(page, "sh"))], folder, url, seconds=seconds, **environ)
