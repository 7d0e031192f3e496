"""The lines of Gradio that are tested, and their environments: ``.venvs/gradio-LINE``.

Usage: ``python tests/spaces/environments.py newest | tested | all | LINE...`` makes them, where they are not up to date
(:mod:`tests.support.environments`).
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.support import environments

#: The lines of Gradio that are tested; the oldest ones only by the long tests.
OLDEST = ("4.8", "4.16", "4.19")
TESTED = ("4.44", "5.50", "6")
LINES = (*OLDEST, *TESTED)
#: Names for several lines.
GROUPS = {"newest": TESTED[-1:], "tested": TESTED, "all": LINES}


def environment(line: str) -> str:
    """The name of a line's environment."""
    return f"gradio-{line}"


def interpreter(line: str) -> Path:
    """The Python of a line's environment."""
    return environments.interpreter(environment(line))


def require(line: str) -> None:
    """Skip the test where the line's environment is missing; fail where the CI should have made it."""
    environments.require(environment(line))


if __name__ == "__main__":
    wanted = [line for argument in sys.argv[1:] for line in GROUPS.get(argument, (argument,))]
    environments.make_all(environment(line) for line in wanted)
