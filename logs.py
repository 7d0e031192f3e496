"""Logging of every process: one structured line per event, the job id on every line of a job, no secrets.

Lines are JSON, or readable on a terminal. Everything goes through the
standard library, so the lines of Celery, Flask and gunicorn look the same and
are redacted in the same way.
"""

from __future__ import annotations

import base64
import html
import json
import logging
import re
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import quote

import structlog

#: What never appears in a line: Hugging Face tokens, our API keys, credentials in URLs and headers, signatures of
#: links.
_SECRET: Final = re.compile(
    r"hf_[A-Za-z0-9]{16,}|dk_live_[A-Za-z0-9]{20,}|(?<=://)[^/\s:@]*:[^/\s@]+(?=@)|(?<=[Bb]earer )[^\s'\"]+|(?<=[?&]sig=)[^\s&'\"]+"
)
_SECRET_NAMES: Final = frozenset(
    {"api_key", "hf_token", "zerogpu_uuid", "cookies", "cookie", "proxy", "authorization", "password", "credentials", "secret", "token"}
)  # fmt: skip
_HIDDEN: Final = "[hidden]"
#: At debug level these log everything that upstreams send, and every URL made from it.
_TALKATIVE: Final = ("sseclient", "urllib3")

#: Parts of a secret (a cookie's value, a proxy's password) of at least this length are hidden too, in characters.
_PART_LENGTH: Final = 8


class _InUse:
    """Texts that no line of this process may show, each with the number of blocks that hide it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        #: The longest first, so that a shorter one does not cut it up.
        self.texts: tuple[str, ...] = ()

    def change(self, texts: Iterable[str], by: int) -> None:
        """Count each text up or down. A text at 0 is forgotten."""
        with self._lock:
            for text in texts:
                self._counts[text] += by
                if self._counts[text] <= 0:
                    del self._counts[text]
            self.texts = tuple(sorted(self._counts, key=len, reverse=True))


class _Block:
    """What one :func:`hiding` block hides: its secrets in every line, their encoded forms in the lines of its thread."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.encoded: set[str] = set()

    def hide(self, secret: str) -> None:
        """Hide a secret until the block ends."""
        found = _with_parts(secret)
        self.texts.extend(found)
        # Only in this thread: with a few hundred attempts at once, searching each text for all encoded forms of all
        # attempts costs too much, and another attempt's upstream does not know them.
        self.encoded.update(form for text in found if len(text) >= _PART_LENGTH for form in _encoded_forms(text))
        _in_use.change(found, 1)


_in_use: Final = _InUse()
_thread: Final = threading.local()


def redact(text: str) -> str:
    """The text without secrets: those in use, and everything that has the form of one."""
    for secret in _in_use.texts:
        text = text.replace(secret, _HIDDEN)
    blocks: list[_Block] = getattr(_thread, "blocks", [])
    for block in blocks:
        for form in block.encoded:
            text = text.replace(form, _HIDDEN)
    return _SECRET.sub(_HIDDEN, text)


def redacted(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """A JSON value with all its texts redacted."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {redact(str(name)): redacted(item) for name, item in value.items()}
    return [redacted(item) for item in value] if isinstance(value, list | tuple) else value


@contextmanager
def hiding() -> Iterator[Callable[[str], None]]:
    """Give a function that hides a secret in every line of this process until the block ends.

    In the lines of the block's own thread, its forms in URLs, JSON, HTML, hex and base64 are hidden too: an upstream
    may send back in any form what it was sent.
    """
    block = _Block()
    blocks: list[_Block] = _thread.__dict__.setdefault("blocks", [])
    blocks.append(block)
    try:
        yield block.hide
    finally:
        blocks.remove(block)
        _in_use.change(block.texts, -1)


def hide(secret: str) -> None:
    """Hide a secret until the :func:`hiding` block of this thread ends. Outside such a block, do nothing."""
    blocks: list[_Block] = getattr(_thread, "blocks", [])
    if blocks:
        blocks[-1].hide(secret)


def _with_parts(secret: str) -> set[str]:
    parts = {part for part in re.split(r"[\s;,=:@/]+", secret) if len(part) >= _PART_LENGTH}
    return {secret, *parts} - {""}


def _encoded_forms(secret: str) -> Iterator[str]:
    """The secret in the usual encodings, where that differs."""
    data = secret.encode()
    forms = {quote(secret), quote(secret, safe=""), html.escape(secret), json.dumps(secret)[1:-1], repr(secret)[1:-1]}
    yield from forms - {secret}
    yield data.hex()
    for before in range(3):
        # Its base64 depends on where it begins in the data; the outer characters depend on the neighbouring bytes too.
        text = base64.b64encode(bytes(before) + data)[-(-before * 8 // 6) : (before + len(data)) * 8 // 6].decode()
        yield text
        yield text.translate({ord("+"): "-", ord("/"): "_"})


def _clean(value: Any, name: str = "") -> Any:  # noqa: ANN401 - anything can be logged
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
        if not name.startswith("_"):  # fields of structlog, removed before the line is written
            event[name] = _clean(value, name)
    return event


def configure(log_format: str, process: str, level: str = "info") -> None:
    """Set up logging for this process. Call it once, at the start.

    Args:
        log_format: json, console, or empty for console on a terminal and json elsewhere.
        process: The name on every line: web, worker or scheduler.
        level: The lowest level that is shown: debug, info or warning.
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
    root.setLevel(level.upper())
    for library in _TALKATIVE:
        logging.getLogger(library).setLevel(max(root.level, logging.INFO))


@contextmanager
def job_lines(job_id: str, **fields: Any) -> Iterator[None]:  # noqa: ANN401 - any field
    """Put the job id and other fields on every line that this thread logs in the block."""
    with structlog.contextvars.bound_contextvars(job_id=job_id, **fields):
        yield
