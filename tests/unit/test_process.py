"""Many streams need many open files: the soft limit of a process is no reason to refuse them."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import resource
from process import raise_limit
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 200))
assert raise_limit() == 200
assert raise_limit() == 200
print(resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def test_the_soft_limit_is_raised_to_the_hard_one() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout == "(200, 200)\n"
