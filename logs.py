"""Logging of every process: one structured line an event, the job id on every line of a job, no secrets.

Lines are JSON, or readable where a person looks on. Everything goes through
the standard library, so that Celery's, Flask's and gunicorn's lines look the
same and are redacted the same way.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any, Final

import structlog

#: What never appears in a line, whatever wrote it: Hugging Face tokens, our own keys, credentials in URLs and headers.
_SECRET: Final = re.compile(
    r"hf_[A-Za-z0-9]{16,}|dk_live_[A-Za-z0-9]{20,}|(?<=://)[^/\s:@]*:[^/\s@]+(?=@)|(?<=[Bb]earer )[^\s'\"]+"
)
_SECRET_NAMES: Final = frozenset(
    {"api_key", "hf_token", "zerogpu_uuid", "cookies", "cookie", "proxy", "authorization", "password", "credentials", "secret", "token"}
)  # fmt: skip
_HIDDEN: Final = "[hidden]"

#: Secrets in use in this process, with how many attempts use each.
_in_use: Counter[str] = Counter()
_in_use_lock = threading.Lock()
#: A secret is also looked for in its parts (a cookie's value, a proxy's password), unless they are shorter.
_PART_LENGTH: Final = 8


def redact(text: str) -> str:
    """The text without anything that has the form of a secret, and without every secret in use."""
    with _in_use_lock:
        known = sorted(_in_use, key=len, reverse=True)
    for secret in known:
        text = text.replace(secret, _HIDDEN)
    return _SECRET.sub(_HIDDEN, text)


@contextmanager
def hiding() -> Iterator[Callable[[str], None]]:
    """While the block runs, no line of this process shows the secrets that the given function was called with."""
    mine: list[str] = []

    def hide(secret: str) -> None:
        parts = {part for part in re.split(r"[\s;,=:@/]+", secret) if len(part) >= _PART_LENGTH}
        with _in_use_lock:
            mine.extend({secret, *parts} - {""})
            _in_use.update({secret, *parts} - {""})

    try:
        yield hide
    finally:
        with _in_use_lock:
            _in_use.subtract(mine)
            for secret in mine:
                if _in_use[secret] <= 0:
                    del _in_use[secret]


def _clean(value: Any, name: str = "") -> Any:  # noqa: ANN401 - whatever was logged
    if name.lower() in _SECRET_NAMES:
        return _HIDDEN
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {key: _clean(item, str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value if isinstance(value, int | float | None) else redact(str(value))


def _redact(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:  # noqa: ANN401 - structlog's signature
    for name, value in event.items():
        if not name.startswith("_"):  # structlog's own, which are taken out before a line is written
            event[name] = _clean(value, name)
    return event


def configure(log_format: str, process: str, level: int = logging.INFO) -> None:
    """Set logging up for this process, once, at its start.

    Args:
        log_format: json, console, or empty for console on a terminal and json elsewhere.
        process: The name that every line carries: web, worker, scheduler.
        level: Least level that is shown.
    """
    readable = log_format == "console" or (not log_format and sys.stderr.isatty())

    def name_process(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:  # noqa: ANN401
        # Not a context variable: those are bound to one thread.
        event.setdefault("process", process)
        return event

    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        name_process,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _redact,
    ]
    final = structlog.dev.ConsoleRenderer() if readable else structlog.processors.JSONRenderer()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, final]
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)


@contextmanager
def job_lines(job_id: str, **fields: Any) -> Iterator[None]:  # noqa: ANN401 - whatever helps a reader
    """Put the job id, and what else is given, on every line that this thread logs in the block."""
    with structlog.contextvars.bound_contextvars(job_id=job_id, **fields):
        yield
