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


_OTHERS: Final = "tries the others, not the same again"

#: Every ``error.code`` of a job. A contract: new ones may come, none is renamed.
CAUSES: Final[Mapping[str, Cause]] = {
    "provider_quota": Cause(
        "The provider's quota is used up",
        "the GPU quota of the provider or of the token is used up",
        "rests the provider until the time that it named (an hour where it named none), and tries the others",
    ),
    "provider_busy": Cause(
        "The provider was busy",
        "the provider's queue is full, or no GPU is free",
        "rests it for 30 s, or as it said, and tries the others",
    ),
    "provider_unreachable": Cause(
        "The provider could not be reached",
        "no connection, connection lost, or the Space sleeps or starts",
        "tries the others; a lone provider again after 5, 10, 20 s",
    ),
    "provider_timeout": Cause(
        "The provider took too long",
        "no news in time, or the attempt took longer than the provider may",
        "as for `provider_unreachable`",
    ),
    "provider_error": Cause(
        "The provider failed", "the upstream's own code failed, it gave the job up, or it does not let us in", _OTHERS
    ),
    "provider_protocol": Cause(
        "The provider gave an answer that cannot be understood", "an answer that cannot be understood", _OTHERS
    ),
    "provider_changed": Cause(
        "The provider has changed", "the app no longer has the parameters that the driver knows", _OTHERS
    ),
    "bad_output": Cause(
        "The provider's image was broken",
        "success was reported, but what came is no image that may be kept",
        _OTHERS,
    ),
    "invalid_input": Cause(
        "The provider refused the input",
        "the provider refuses the input or the credentials that came with it, or an image of the input cannot be used",
        "ends the job",
    ),
    "content_rejected": Cause("The provider refused the content", "the provider refuses the content", "ends the job"),
    "storage_error": Cause(
        "The image could not be stored", "a result could not be stored, as on a full disk", "tries again"
    ),
    "deadline_exceeded": Cause("The deadline passed", "the job's own deadline passed while it ran", "ends the job"),
    "worker_lost": Cause(
        "Its worker was lost", "the worker ended without a word, in each of the attempts", "tries three times"
    ),
    "internal": Cause(
        "Something went wrong here",
        "a fault of Darkroom or of a driver; the log has it, under the job's id",
        "ends the job",
    ),
}
