"""Every way in which a job or an attempt fails: the document, docs/reference/errors.md and the cards take it from here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

#: What a failed attempt says about its provider. ``health``: that it is ill; it counts for the circuit. ``rest``: that it
#: takes no jobs for a while, though it is well. ``nothing``: the fault is the job's, its client's or ours.
#:
#: For whom it counts, :mod:`jobs.scheduling.health` decides, and :func:`worker.attempts.mapping.judge` whether the
#: attempt asked the provider at all.
Counts = Literal["health", "rest", "nothing"]


@dataclass(frozen=True, slots=True)
class Cause:
    """What an error code means, in a few words and in full; what Darkroom does about it; what it says of a provider."""

    title: str
    meaning: str
    action: str
    counts: Counts


_OTHERS: Final = "other providers are tried, not the same one again"
_ENDS: Final = "the job ends"

#: Every ``error.code`` of a job. A contract: new ones may come, none is renamed.
CAUSES: Final[Mapping[str, Cause]] = {
    "provider_quota": Cause(
        "The provider's quota is used up",
        "the GPU quota of the provider or of the token is used up",
        "the provider rests until the time that it named (an hour if it named none); other providers are tried",
        "rest",
    ),
    "provider_busy": Cause(
        "The provider was busy",
        "the provider's queue is full, or no GPU is free",
        "the provider rests for 30 s, or for the time that it named; other providers are tried",
        "rest",
    ),
    "provider_unreachable": Cause(
        "The provider could not be reached",
        "no connection, a lost connection, or the Space sleeps or starts",
        "other providers are tried; if there is only one, it is tried again after 5, 10, 20 s",
        "health",
    ),
    "provider_timeout": Cause(
        "The provider took too long",
        "the provider sent nothing new in time, or the attempt took longer than its time limit",
        "as for `provider_unreachable`",
        "health",
    ),
    "provider_error": Cause(
        "The provider failed",
        "the upstream's own code failed, it gave the job up, or it refused access",
        _OTHERS,
        "health",
    ),
    "provider_protocol": Cause(
        "The provider gave an answer that cannot be understood",
        "the upstream's answer cannot be understood",
        _OTHERS,
        "health",
    ),
    "provider_changed": Cause(
        "The provider has changed",
        "the app no longer has the parameters that the driver expects",
        _OTHERS,
        "health",
    ),
    "bad_output": Cause(
        "The provider's image was broken",
        "the upstream reported success, but its output is not an image that may be stored",
        _OTHERS,
        "health",
    ),
    "invalid_input": Cause(
        "The provider refused the input",
        "the provider refuses the input or the job's credentials, or an input image cannot be used",
        _ENDS,
        "nothing",
    ),
    "content_rejected": Cause(
        "The provider refused the content",
        "the provider refuses the content",
        _ENDS,
        "nothing",
    ),
    "storage_error": Cause(
        "The image could not be stored",
        "a result could not be stored, for example because the disk is full",
        "the job is tried again",
        "nothing",
    ),
    "deadline_exceeded": Cause(
        "The deadline passed",
        "the job's own deadline passed while it ran",
        _ENDS,
        "nothing",
    ),
    "worker_lost": Cause(
        "Its worker was lost",
        "the worker stopped without a message, in each of the attempts",
        "the job is tried three times",
        "nothing",
    ),
    "internal": Cause(
        "Something went wrong here",
        "an error in Darkroom or in a driver; the log has it, under the job's id",
        "after an error in a driver other providers are tried, not the same one again; otherwise the job ends",
        "health",
    ),
}
