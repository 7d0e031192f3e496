"""Every way in which a job or an attempt fails: the document, docs/reference/errors.md and the cards take it from here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Cause:
    """What an error code means.

    Args:
        title: What happened, in a few words for people.
        meaning: What happened, more exactly.
        action: What Darkroom does about it.
    """

    title: str
    meaning: str
    action: str


_OTHERS: Final = "other providers are tried, not the same one again"
_ENDS: Final = "the job ends"

#: Every ``error.code`` of a job. A contract: new ones may come, none is renamed.
CAUSES: Final[Mapping[str, Cause]] = {
    "provider_quota": Cause(
        "The provider's quota is used up",
        "the GPU quota of the provider or of the token is used up",
        "the provider rests until the time that it named (an hour if it named none); other providers are tried",
    ),
    "provider_busy": Cause(
        "The provider was busy",
        "the provider's queue is full, or no GPU is free",
        "the provider rests for 30 s, or for the time that it named; other providers are tried",
    ),
    "provider_unreachable": Cause(
        "The provider could not be reached",
        "no connection, a lost connection, or the Space sleeps or starts",
        "other providers are tried; if there is only one, it is tried again after 5, 10, 20 s",
    ),
    "provider_timeout": Cause(
        "The provider took too long",
        "the provider sent nothing new in time, or the attempt took longer than its time limit",
        "as for `provider_unreachable`",
    ),
    "provider_error": Cause(
        "The provider failed",
        "the upstream's own code failed, it gave the job up, or it refused access",
        _OTHERS,
    ),
    "provider_protocol": Cause(
        "The provider gave an answer that cannot be understood",
        "the upstream's answer cannot be understood",
        _OTHERS,
    ),
    "provider_changed": Cause(
        "The provider has changed",
        "the app no longer has the parameters that the driver expects",
        _OTHERS,
    ),
    "bad_output": Cause(
        "The provider's image was broken",
        "the upstream reported success, but its output is not an image that may be stored",
        _OTHERS,
    ),
    "invalid_input": Cause(
        "The provider refused the input",
        "the provider refuses the input or the job's credentials, or an input image cannot be used",
        _ENDS,
    ),
    "content_rejected": Cause(
        "The provider refused the content",
        "the provider refuses the content",
        _ENDS,
    ),
    "storage_error": Cause(
        "The image could not be stored",
        "a result could not be stored, for example because the disk is full",
        "the job is tried again",
    ),
    "deadline_exceeded": Cause(
        "The deadline passed",
        "the job's own deadline passed while it ran",
        _ENDS,
    ),
    "worker_lost": Cause(
        "Its worker was lost",
        "the worker stopped without a message, in each of the attempts",
        "the job is tried three times",
    ),
    "internal": Cause(
        "Something went wrong here",
        "an error in Darkroom or in a driver; the log has it, under the job's id",
        _ENDS,
    ),
}
