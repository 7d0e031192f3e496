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
from functools import partial

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
    """The error of a text that matches ``text``, or, if no rule matches the text, of a heading that is ``title``."""

    kind: Callable[..., ProviderError]
    text: str
    title: str | None = None
    #: Seconds to wait if the text names no time; None if a wait does not help.
    wait: float | None = None


def retry_after(line: str) -> float | None:
    """The seconds in a text such as ``Try again in 1 day, 2:03:04``; None if there are none."""
    match = _WAIT.search(line)
    if match is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return min(_LONGEST_WAIT, days * 86400.0 + hours * 3600 + minutes * 60 + seconds)


def classify(error: str | None, title: str | None = None) -> ProviderError:
    """The typed error of a failed call, by the app's text (None if the app hides it) and its heading."""
    line, heading = clean.message(error), clean.message(title, 100) or None
    rule = _first(line, heading)
    if rule is None:
        return Crashed(line or _HIDDEN, title=heading)
    told = None if rule.wait is None else retry_after(line)
    return rule.kind(line or (heading or ""), retry_after=rule.wait if told is None else told, title=heading)


def _first(line: str, heading: str | None) -> _Rule | None:
    for rule in _RULES:
        if re.search(rule.text, line, re.IGNORECASE):
            return rule
    for rule in _RULES:
        if heading and rule.title and re.fullmatch(rule.title, heading, re.IGNORECASE):
            return rule
    return None


_RULES = (
    _Rule(Quota, r"too many ZeroGPU credits allocated", r"ZeroGPU pending credits exceeded", wait=PENDING_WAIT),
    _Rule(Quota, r"exceeded your [\w ]*(quota|runs limit)", r"ZeroGPU quota exceeded", wait=QUOTA_WAIT),
    # The typo is theirs.
    _Rule(Quota, r"run{1,3}ing out of daily ZeroGPU quotas", wait=QUOTA_WAIT),
    _Rule(Quota, r"Space app has reached its GPU limit", wait=QUOTA_WAIT),
    _Rule(Busy, r"No GPU (is|was) (currently )?available", r"ZeroGPU queue timeout", wait=BUSY_WAIT),
    _Rule(Busy, r"^(Queue is full|Too many requests)", wait=BUSY_WAIT),
    _Rule(Rejected, r"GPU duration .* larger than the maximum allowed", r"ZeroGPU illegal duration"),
    # A new attempt gets a new token, so this can be retried.
    _Rule(Crashed, r"Expired ZeroGPU proxy token"),
    _Rule(Crashed, r"^GPU task aborted", r"ZeroGPU worker error"),
    # Gradio's own checks of values (dropdown, slider, number; 4.44 to 6.31).
    _Rule(Rejected, r"^Value: .* is not in the list of choices|^Value .* is (greater|less) than (maximum|minimum)"),
    _Rule(partial(Rejected, content=True), r"\bNSFW\b|safety (checker|filter)|content policy|potential(ly)? unsafe"),
)
