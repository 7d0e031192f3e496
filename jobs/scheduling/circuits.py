"""The circuit of a provider: it opens after failures in a row, for all jobs or for those of one subject. Pure."""

from __future__ import annotations

from typing import Final, TypeVar

from msgspec.structs import replace

from jobs.model import Noun

#: Failures in a row after which the circuit opens.
FAILURES_IN_ROW: Final = 5
#: Seconds for which the circuit opens first; doubled each time the half-open probe fails, up to the second number.
OPEN_SECONDS: Final = 15.0
LONGEST_OPEN_SECONDS: Final = 600.0


class Circuit(Noun, frozen=True, kw_only=True):
    """Failures in a row, and what follows from them. Times in Unix seconds.

    ``opened`` counts how often the circuit opened since it was last closed. ``silent``: at the newest failure the app
    did not answer at all; a probe can tell when it does again. ``failed_at``: the time of that failure.
    """

    failures_in_row: int = 0
    opened: int = 0
    open_until: float | None = None
    silent: bool = False
    failed_at: float | None = None


C = TypeVar("C", bound=Circuit)


def subject_of(owner: str, account: str | None = None) -> str:
    """Who answers for a job: the account of its own credentials, else its owner."""
    return account or f"@{owner}"


def is_shared(subject: str | None) -> bool:
    """Whether a job of the subject shows how others' jobs fare: it used nothing of the client's own."""
    return subject is None or subject.startswith("@")


def counted(circuit: C, at: float, *, silent: bool, opens: bool = False, closed: bool = False) -> C:
    """A circuit after one more failure in a row, which may open it.

    ``silent``: the app did not answer. ``opens``: one failure is enough. ``closed``: it stays closed in any case.
    """
    in_row = circuit.failures_in_row + 1
    circuit = replace(circuit, failures_in_row=in_row, silent=silent, failed_at=at)
    # An attempt that was under way when the circuit opened tells nothing new.
    is_open = circuit.open_until is not None and circuit.open_until > at
    if closed or is_open or (in_row < FAILURES_IN_ROW and not opens and not is_half_open(circuit, at)):
        return circuit
    seconds = min(OPEN_SECONDS * 2**circuit.opened, LONGEST_OPEN_SECONDS)
    return replace(circuit, opened=circuit.opened + 1, open_until=at + seconds)


def answers_again(circuit: C, at: float) -> C:
    """A circuit after the app answered: an open one becomes half-open, another closes."""
    if circuit.open_until is not None and circuit.open_until > at:
        return replace(circuit, open_until=at)
    return closed_again(circuit)


def closed_again(circuit: C) -> C:
    """A circuit without failures."""
    return replace(circuit, failures_in_row=0, opened=0, open_until=None, silent=False, failed_at=None)


def is_half_open(circuit: Circuit, at: float) -> bool:
    """Whether one job may go there as a probe."""
    return circuit.open_until is not None and circuit.open_until <= at
