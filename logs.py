"""Logging of every process: one structured line per event, the job id on every line of a job, no secrets.

Lines are JSON, or readable on a terminal. Everything goes through the standard library, so the lines of Celery, Flask
and gunicorn look the same and are redacted in the same way.
"""

from __future__ import annotations

import base64
import html
import json
import logging
import re
import sys
import threading
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from process import without

# It formats tracebacks with rich where that is installed; ours are formatted by the standard library.
with without("rich"):
    import structlog.contextvars
    import structlog.dev

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

#: Unicode's controls, format marks (some change the direction of the text around them) and halves of characters.
_CONTROLS: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})

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
    """What one :func:`hiding` block hides: in its thread all forms of its secrets, in all lines those that are long."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        #: The longest first.
        self.own: tuple[str, ...] = ()
        self.encoded: set[str] = set()

    def hide(self, secret: str) -> None:
        """Hide a secret until the block ends."""
        found = _with_parts(secret)
        self.own = tuple(sorted({*self.own, *found}, key=len, reverse=True))
        # A client chooses its secrets: "e" must not be hidden in what others read.
        shared = [text for text in found if len(text) >= _PART_LENGTH]
        self.texts.extend(shared)
        # Only in this thread: with a few hundred attempts at once, searching each text for all encoded forms of all
        # attempts costs too much, and another attempt's upstream does not know them.
        self.encoded.update(form for text in found if len(text) >= _PART_LENGTH for form in _encoded_forms(text))
        _in_use.change(shared, 1)


_in_use: Final = _InUse()
_thread: Final = threading.local()


def redact(text: str) -> str:
    """The text without secrets: those of this thread, and everything that has the form of one.

    Not those of other threads: what one client chose as its secret may be a word in another's text.
    """
    blocks: list[_Block] = getattr(_thread, "blocks", [])
    for block in blocks:
        for form in (*block.own, *block.encoded):
            text = text.replace(form, _HIDDEN)
    return _SECRET.sub(_HIDDEN, text)


def _redact_line(text: str) -> str:
    """A text of a line: also without the secrets that other threads use."""
    for secret in _in_use.texts:
        text = text.replace(secret, _HIDDEN)
    return redact(text)


def redacted(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """A JSON value with all its texts redacted."""
    text = "\n".join(_texts(value))
    # As in _is_clean: nearly always there is nothing to hide, and that is found at once.
    return value if redact(text) == text else _redacted(value)


def _redacted(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {redact(str(name)): _redacted(item) for name, item in value.items()}
    return [_redacted(item) for item in value] if isinstance(value, list | tuple) else value


def _texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield str(name)
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


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
        return _redact_line(value)
    if isinstance(value, dict):
        return {key: _clean(item, str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value if isinstance(value, int | float | None) else _redact_line(str(value))


def _is_clean(event: dict[str, Any]) -> bool:
    """Whether nothing in a line has to be hidden, nor made a text: true of nearly all, and found at once."""
    if any(
        not isinstance(value, str | int | float | None) or name.lower() in _SECRET_NAMES
        for name, value in event.items()
    ):
        return False
    # What separates them stands in no secret's form.
    text = "\n".join([value for value in event.values() if isinstance(value, str)])
    return _redact_line(text) == text


def _without_controls(text: str, kept: str = "") -> str:
    """For a terminal: a text in a line can neither command it nor look like the next line. JSON escapes them by itself."""
    return "".join(c if c in kept or unicodedata.category(c) not in _CONTROLS else repr(c)[1:-1] for c in text)


def _as_json(event: dict[str, Any]) -> str:
    return json.dumps(event)


def _for_terminal(event: dict[str, Any]) -> str:
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = _without_controls(value, "\n\t" if name == "exception" else "")
    return str(_console(None, "", event))


class _Lines(logging.Formatter):
    """Makes each record one line: its text, what was logged with it, and which process, level and logger it is of."""

    def __init__(self, process: str, render: Callable[[dict[str, Any]], str]) -> None:
        super().__init__()
        self._process = process
        self._render = render

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        event = {
            **structlog.contextvars.get_contextvars(),
            "event": record.getMessage(),
            # Not a context variable: those are bound to one thread.
            "process": self._process,
            "level": record.levelname.lower(),
            "logger": record.name,
            **{name: value for name, value in record.__dict__.items() if name not in _OF_RECORDS},
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z"),
        }
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        return self._render(event if _is_clean(event) else {name: _clean(value, name) for name, value in event.items()})


#: What every record has; all else was logged with it.
_OF_RECORDS: Final = frozenset({*logging.makeLogRecord({}).__dict__, "message", "asctime", "taskName"})
_console: Final = structlog.dev.ConsoleRenderer()


def configure(log_format: str, process: str, level: str = "info") -> None:
    """Set up logging for this process. Call it once, at the start.

    Args:
        log_format: json, console, or empty for console on a terminal and json elsewhere.
        process: The name on every line: web, worker or scheduler.
        level: The lowest level that is shown: debug, info or warning.
    """
    readable = log_format == "console" or (not log_format and sys.stderr.isatty())
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines(process, _for_terminal if readable else _as_json))
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
