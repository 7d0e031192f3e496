"""Programs in ``tests/clients`` that use real clients of the API, each with the packages of its own environment."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from tests.support import environments

FOLDER: Final = environments.ROOT / "tests" / "clients"


class Running:
    """A program that was started. It must end well, and give what each of its cases found."""

    def __init__(
        self, argv: Sequence[str | Path], environ: dict[str, str], *, cwd: Path, program: Path | None = None
    ) -> None:
        source = None if program is None else program.open("rb")
        self._popen = subprocess.Popen(
            argv, cwd=cwd, env=environ, stdin=source, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        if source is not None:
            source.close()

    def found(self, seconds: float = 90.0) -> dict[str, Any]:
        """What it found, by case; waits for its end."""
        try:
            output, errors = self._popen.communicate(timeout=seconds)
        finally:
            self._popen.kill()
        assert self._popen.returncode == 0, errors[-4000:]
        return dict(json.loads(output))


def python(name: str, program: str, *cases: str, **environ: str) -> Running:
    """Start a program of Python in the environment of this name."""
    environments.require(name)
    argv: list[str | Path] = [environments.interpreter(name), "-P", FOLDER / program, *cases]
    return Running(argv, _environ(environ), cwd=FOLDER)


def node(program: str, *cases: str, **environ: str) -> Running:
    """Start a program of Node. It is read from standard input: so it finds the packages of the folder that it runs in."""
    environments.require(environments.NODE)
    argv: list[str | Path] = ["node", "--input-type=module", "-", *cases]
    return Running(
        argv, _environ(environ), cwd=environments.folder(environments.NODE), program=FOLDER / "node" / program
    )


def _environ(more: dict[str, str]) -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", ""), "NO_PROXY": "127.0.0.1", **more}
