"""Logging of every process: one structured line an event, the job id on every line of a job, no secrets.

Lines are JSON, or readable where a person looks on. Everything goes through
the standard library, so that Celery's, Flask's and gunicorn's lines look the
same and are redacted the same way.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator, MutableMapping
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


def redact(text: str) -> str:
    """The text without anything that has the form of a secret."""
    return _SECRET.sub(_HIDDEN, text)


def _redact(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:  # noqa: ANN401 - structlog's signature
    for name, value in event.items():
        if name.lower() in _SECRET_NAMES:
            event[name] = _HIDDEN
        elif isinstance(value, str):
            event[name] = redact(value)
    return event


def configure(log_format: str, process: str, level: int = logging.INFO) -> None:
    """Set logging up for this process, once, at its start.

    Args:
        log_format: json, console, or empty for console on a terminal and json elsewhere.
        process: The name that every line carries: web, worker, scheduler.
        level: Least level that is shown.
    """
    readable = log_format == "console" or (not log_format and sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
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
    structlog.contextvars.bind_contextvars(process=process)


@contextmanager
def job_lines(job_id: str, **fields: Any) -> Iterator[None]:  # noqa: ANN401 - whatever helps a reader
    """Put the job id, and what else is given, on every line that this thread logs in the block."""
    with structlog.contextvars.bound_contextvars(job_id=job_id, **fields):
        yield
