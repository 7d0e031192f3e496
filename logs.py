"""Logging of every process: one structured line an event, the job id on every line of a job, no secrets.

Lines are JSON, or readable where a person looks on. Everything goes through
the standard library, so that Celery's, Flask's and gunicorn's lines look the
same and are redacted the same way.
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

#: What never appears in a line, whatever wrote it: Hugging Face tokens, our own keys, credentials in URLs and headers,
#: signatures of links.
_SECRET: Final = re.compile(
    r"hf_[A-Za-z0-9]{16,}|dk_live_[A-Za-z0-9]{20,}|(?<=://)[^/\s:@]*:[^/\s@]+(?=@)|(?<=[Bb]earer )[^\s'\"]+|(?<=[?&]sig=)[^\s&'\"]+"
)
_SECRET_NAMES: Final = frozenset(
    {"api_key", "hf_token", "zerogpu_uuid", "cookies", "cookie", "proxy", "authorization", "password", "credentials", "secret", "token"}
)  # fmt: skip
_HIDDEN: Final = "[hidden]"
#: At debug level these write down all that upstreams send, and every address that is made of it.
_TALKATIVE: Final = ("sseclient", "urllib3")

#: A secret is also looked for in its parts (a cookie's value, a proxy's password), unless they are shorter.
_PART_LENGTH: Final = 8


class _InUse:
    """Texts that no line of this process may show, with how many blocks need each."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        #: The longest first, so that none is cut up by a shorter one.
        self.texts: tuple[str, ...] = ()

    def change(self, texts: Iterable[str], by: int) -> None:
        """Count each up or down; what nobody needs any more is forgotten."""
        with self._lock:
            for text in texts:
                self._counts[text] += by
                if self._counts[text] <= 0:
                    del self._counts[text]
            self.texts = tuple(sorted(self._counts, key=len, reverse=True))


class _Block:
    """What one :func:`hiding` block hides: its secrets from every line, their disguises from its own thread's."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.disguises: set[str] = set()

    def hide(self, secret: str) -> None:
        """Take a secret in."""
        found = _with_parts(secret)
        self.texts.extend(found)
        # Only here: with a few hundred attempts at once, looking for all disguises of all in each text costs too much,
        # and another attempt's upstream does not know them.
        self.disguises.update(form for text in found if len(text) >= _PART_LENGTH for form in _disguises(text))
        _in_use.change(found, 1)


_in_use: Final = _InUse()
_thread: Final = threading.local()


def redact(text: str) -> str:
    """The text without anything that has the form of a secret, and without every secret in use."""
    for secret in _in_use.texts:
        text = text.replace(secret, _HIDDEN)
    blocks: list[_Block] = getattr(_thread, "blocks", [])
    for block in blocks:
        for form in block.disguises:
            text = text.replace(form, _HIDDEN)
    return _SECRET.sub(_HIDDEN, text)


def redacted(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """The same for all texts of a JSON value."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {redact(str(name)): redacted(item) for name, item in value.items()}
    return [redacted(item) for item in value] if isinstance(value, list | tuple) else value


@contextmanager
def hiding() -> Iterator[Callable[[str], None]]:
    """While the block runs, no line of this process shows the secrets that the given function was called with.

    Nor, within its own thread, what URLs, JSON, HTML, base64 and the like make of them: an upstream may send back in
    any form what it was sent.
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
    """Hide a secret that came up within a :func:`hiding` block, on its thread; elsewhere there is nothing to hide it for."""
    blocks: list[_Block] = getattr(_thread, "blocks", [])
    if blocks:
        blocks[-1].hide(secret)


def _with_parts(secret: str) -> set[str]:
    parts = {part for part in re.split(r"[\s;,=:@/]+", secret) if len(part) >= _PART_LENGTH}
    return {secret, *parts} - {""}


def _disguises(secret: str) -> Iterator[str]:
    """What usual encodings make of a secret, where that differs."""
    data = secret.encode()
    forms = {quote(secret), quote(secret, safe=""), html.escape(secret), json.dumps(secret)[1:-1], repr(secret)[1:-1]}
    yield from forms - {secret}
    yield data.hex()
    for before in range(3):
        # In base64 it looks different by where in the data it begins; the outer characters belong to its neighbours too.
        text = base64.b64encode(bytes(before) + data)[-(-before * 8 // 6) : (before + len(data)) * 8 // 6].decode()
        yield text
        yield text.translate({ord("+"): "-", ord("/"): "_"})


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


def configure(log_format: str, process: str, level: str = "info") -> None:
    """Set logging up for this process, once, at its start.

    Args:
        log_format: json, console, or empty for console on a terminal and json elsewhere.
        process: The name that every line carries: web, worker, scheduler.
        level: Least level that is shown: debug, info or warning.
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
def job_lines(job_id: str, **fields: Any) -> Iterator[None]:  # noqa: ANN401 - whatever helps a reader
    """Put the job id, and what else is given, on every line that this thread logs in the block."""
    with structlog.contextvars.bound_contextvars(job_id=job_id, **fields):
        yield
