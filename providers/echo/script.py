"""The steps of a scripted job of the echo provider, as text and as data. Pure.

=======================  ====================================================
``queue 3s``             wait 3 s in the upstream's queue
``start``                leave the queue (implied by any work)
``progress 5 2s``        5 steps of progress, over 2 s
``preview 3``            3 previews
``log hello``            a line of text; also ``warning`` and ``status``
``wait 2s``              do nothing for 2 s
``checkpoint``           a later attempt continues here
``fail quota 0:09:48``   fail with this error and this time to retry; more words are its text
``fail-once busy 2s``    the same, but a later attempt of the job continues with the next step
``image 4``              4 images in the result
``text hello``           a text in the result
``partial 2s hello …``   a text in the result that comes word by word, over 2 s
``data {"a": 1}``        JSON in the result
``video 2s``             a film of 2 s in the result
``audio 2s``             a tone of 2 s in the result
``model``                a 3D model in the result
``file a.zip``           a file of this name in the result; zip, glb, wav, csv,
                         html, svg and json are what they say, any other holds
                         the prompt
``caption hello``        what is said of the newest file in the result
=======================  ====================================================

Counts and times are optional. A failure is named by the driver's error or the
job's error code. A script without any result gives one image.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final

from providers.errors import (
    Busy,
    Changed,
    Crashed,
    Protocol,
    ProviderError,
    Quota,
    Rejected,
    Timeout,
    Unreachable,
    Waking,
)

STEPS_LIMIT: Final = 100
COUNT_LIMIT: Final = 1000
IMAGES_LIMIT: Final = 16
#: Longest time of one step, in seconds.
SECONDS_LIMIT: Final = 3600.0

#: Errors by their names in scripts: the driver's error, and the code of the job's error.
FAILURES: Final[dict[str, type[ProviderError]]] = {
    "quota": Quota,
    "provider_quota": Quota,
    "busy": Busy,
    "provider_busy": Busy,
    "unreachable": Unreachable,
    "provider_unreachable": Unreachable,
    "waking": Waking,
    "timeout": Timeout,
    "provider_timeout": Timeout,
    "rejected": Rejected,
    "invalid_input": Rejected,
    "content_rejected": Rejected,
    "crashed": Crashed,
    "provider_error": Crashed,
    "protocol": Protocol,
    "provider_protocol": Protocol,
    "changed": Changed,
    "provider_changed": Changed,
}

_SECONDS = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_CLOCK = re.compile(r"(\d+):([0-5]\d):([0-5]\d)")
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}

_TEXT_STEPS: Final = frozenset({"log", "warning", "status", "text", "file", "caption"})
_TIMED_STEPS: Final = frozenset({"queue", "wait", "video", "audio"})
_SPOKEN_STEPS: Final = frozenset({"partial"})
_JSON_STEPS: Final = frozenset({"data"})
_COUNTED_STEPS: Final = {"progress": COUNT_LIMIT, "preview": COUNT_LIMIT, "image": IMAGES_LIMIT}
_BARE_STEPS: Final = frozenset({"start", "checkpoint", "model"})
_FAILING_STEPS: Final = frozenset({"fail", "fail-once"})
#: Steps that add to the result.
RESULT_STEPS: Final = frozenset({"image", "text", "data", "video", "audio", "model", "file", "caption"})
STEPS: Final = tuple(
    sorted({*_TEXT_STEPS, *_TIMED_STEPS, *_SPOKEN_STEPS, *_JSON_STEPS, *_COUNTED_STEPS, *_BARE_STEPS, *_FAILING_STEPS})
)
#: Longest film or sound, in seconds.
MEDIA_SECONDS: Final = 10.0


class StepError(ValueError):
    """A step cannot be read. The text says what would be right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step.

    ``seconds`` is None if no time was given. ``failure`` is a name of :data:`FAILURES`. ``data`` is a JSON value.
    """

    verb: str
    count: int = 1
    seconds: float | None = None
    failure: str = ""
    text: str = ""
    data: object = None


def parse(line: str) -> Step:
    """Read one step.

    Raises:
        StepError: It is not a step of the table above.
    """
    verb, _, rest = line.strip().partition(" ")
    rest = rest.strip()
    if verb in _TEXT_STEPS:
        if not rest:
            raise StepError(f"say what to {verb}, for example {verb + ' hello'!r}")
        return Step(verb=verb, text=rest)
    if verb in _FAILING_STEPS:
        return _failing(verb, rest)
    if verb in _TIMED_STEPS:
        return Step(verb=verb, seconds=_time(rest, verb) if rest else 0.0)
    if verb in _SPOKEN_STEPS:
        return _spoken(verb, rest)
    if verb in _JSON_STEPS:
        try:
            return Step(verb=verb, data=json.loads(rest))
        except (ValueError, RecursionError):
            raise StepError(f"wants JSON, for example {verb + ' [1, 2]'!r}") from None
    if verb in _COUNTED_STEPS:
        return _counted(verb, rest)
    if verb in _BARE_STEPS and not rest:
        return Step(verb=verb)
    raise StepError(f"is not a step; the steps are {', '.join(STEPS)}")


def _counted(verb: str, rest: str) -> Step:
    count, _, time = rest.partition(" ")
    if not count:
        return Step(verb=verb)
    if not (count.isascii() and count.isdigit() and 1 <= int(count[:9]) <= _COUNTED_STEPS[verb]):
        raise StepError(f"wants a count from 1 to {_COUNTED_STEPS[verb]}, for example {verb + ' 3'!r}")
    return Step(verb=verb, count=int(count), seconds=_time(time.strip(), f"{verb} {count}") if time else None)


def _spoken(verb: str, rest: str) -> Step:
    first, _, others = rest.partition(" ")
    seconds = _seconds(first)
    text = rest if seconds is None else others.strip()
    if not text:
        raise StepError(f"say what comes word by word, for example {verb + ' 2s a red square'!r}")
    return Step(verb=verb, text=text, seconds=None if seconds is None else _time(first, verb))


def _failing(verb: str, rest: str) -> Step:
    failure, _, rest = rest.partition(" ")
    if failure not in FAILURES:
        raise StepError(f"wants one of {', '.join(FAILURES)}, for example {verb + ' quota 0:09:48'!r}")
    first, _, others = rest.strip().partition(" ")
    seconds = _seconds(first)
    text = rest.strip() if seconds is None else others.strip()
    return Step(verb=verb, failure=failure, seconds=seconds, text=text)


def _time(text: str, step: str) -> float:
    seconds = _seconds(text)
    if seconds is None or seconds > SECONDS_LIMIT:
        raise StepError(f"wants a time of at most an hour, for example {step + ' 2s'!r} or {step + ' 0:00:02'!r}")
    return seconds


def _seconds(text: str) -> float | None:
    """The seconds of ``500ms``, ``2s``, ``1.5m``, ``1h`` or ``0:09:48``; None for anything else."""
    clock = _CLOCK.fullmatch(text)
    if clock:
        hours, minutes, seconds = (int(part) for part in clock.groups())
        return hours * 3600.0 + minutes * 60 + seconds
    plain = _SECONDS.fullmatch(text)
    return float(plain[1]) * _UNITS[plain[2]] if plain else None
