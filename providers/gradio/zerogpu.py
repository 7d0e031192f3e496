"""What an app's error text means: quota, busy, refused or crashed. Pure.

ZeroGPU (Hugging Face's shared GPUs) reports errors as texts of ``gr.Error``,
listed here from the PyPI package ``spaces`` 0.18 to 0.51.3. The text decides
before the title: a visitor without a token gets the title "ZeroGPU quota
exceeded" for a queue time-out too.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from providers import clean
from providers.errors import Busy, Crashed, ProviderError, Quota, Rejected

#: Seconds to wait if the text names no time.
QUOTA_WAIT, PENDING_WAIT, BUSY_WAIT = 3600.0, 60.0, 30.0

#: Longest wait that is believed: quotas are per day.
_LONGEST_WAIT = 30 * 86400.0

_WAIT = re.compile(r"(?:retry|try again) in (?:(\d{1,3}) days?, )?(\d{1,4}):(\d\d):(\d\d)", re.IGNORECASE)
_HIDDEN = "the app failed and does not say why"


@dataclass(frozen=True, slots=True)
class _Rule:
    """``make`` gives the error of a text that matches ``text``, or, if no rule matches the text, of a matching title."""

    make: Callable[[str, float | None, str | None], ProviderError]
    text: str
    title: str | None = None


def retry_after(line: str) -> float | None:
    """The seconds in a text such as ``Try again in 1 day, 2:03:04``; None if there are none."""
    match = _WAIT.search(line)
    if match is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return min(_LONGEST_WAIT, days * 86400.0 + hours * 3600 + minutes * 60 + seconds)


def classify(error: str | None, title: str | None = None) -> ProviderError:
    """Make the typed error for a failed call.

    Args:
        error: The app's text, with or without markup; None if the app hides it.
        title: The text's heading, if there is one.
    """
    line, heading = clean.message(error), clean.message(title, 100) or None
    rule = _first(line, heading)
    if rule is not None:
        return rule.make(line or (heading or ""), retry_after(line), heading)
    return Crashed(line or _HIDDEN, title=heading)


def _first(line: str, heading: str | None) -> _Rule | None:
    for rule in _RULES:
        if re.search(rule.text, line, re.IGNORECASE):
            return rule
    for rule in _RULES:
        if heading and rule.title and re.fullmatch(rule.title, heading, re.IGNORECASE):
            return rule
    return None


def _quota(line: str, wait: float | None, title: str | None) -> ProviderError:
    return Quota(line, retry_after=QUOTA_WAIT if wait is None else wait, title=title)


def _pending(line: str, wait: float | None, title: str | None) -> ProviderError:
    return Quota(line, retry_after=PENDING_WAIT if wait is None else wait, title=title)


def _busy(line: str, wait: float | None, title: str | None) -> ProviderError:
    return Busy(line, retry_after=BUSY_WAIT if wait is None else wait, title=title)


def _invalid(line: str, _: float | None, title: str | None) -> ProviderError:
    return Rejected(line, title=title)


def _content(line: str, _: float | None, title: str | None) -> ProviderError:
    return Rejected(line, content=True, title=title)


def _crashed(line: str, _: float | None, title: str | None) -> ProviderError:
    return Crashed(line, title=title)


_RULES = (
    _Rule(_pending, r"too many ZeroGPU credits allocated", r"ZeroGPU pending credits exceeded"),
    _Rule(_quota, r"exceeded your [\w ]*(quota|runs limit)", r"ZeroGPU quota exceeded"),
    # The typo is theirs.
    _Rule(_quota, r"run{1,3}ing out of daily ZeroGPU quotas"),
    _Rule(_quota, r"Space app has reached its GPU limit"),
    _Rule(_busy, r"No GPU (is|was) (currently )?available", r"ZeroGPU queue timeout"),
    _Rule(_busy, r"^(Queue is full|Too many requests)"),
    _Rule(_invalid, r"GPU duration .* larger than the maximum allowed", r"ZeroGPU illegal duration"),
    # A new attempt gets a new token, so this can be retried.
    _Rule(_crashed, r"Expired ZeroGPU proxy token"),
    _Rule(_crashed, r"^GPU task aborted", r"ZeroGPU worker error"),
    # Gradio's own checks of values (dropdown, slider, number; 4.44 to 6.31).
    _Rule(_invalid, r"^Value: .* is not in the list of choices|^Value .* is (greater|less) than (maximum|minimum)"),
    _Rule(_content, r"\bNSFW\b|safety (checker|filter)|content policy|potential(ly)? unsafe"),
)
