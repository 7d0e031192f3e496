"""Files with secrets: only their owner can read them, and they are written whole or not at all."""

from __future__ import annotations

import secrets
from contextlib import ExitStack
from pathlib import Path


def keep(path: Path, content: str) -> bool:
    """Write a file, unless it exists. Returns whether it was written."""
    if path.exists():
        return False
    write(path, content)
    return True


def write(path: Path, content: str) -> None:
    """Write a file in the place of what is there. A process that dies meanwhile, or a full disk, leaves no half file."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with ExitStack() as at_end:
        at_end.callback(fresh.unlink, missing_ok=True)
        fresh.touch(mode=0o600)
        fresh.write_text(content, encoding="utf-8")
        fresh.rename(path)
