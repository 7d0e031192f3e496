"""The times of the scheduler."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """Seconds; a test hands in shorter ones.

    Args:
        round: Between two rounds of repair.
        lost_message: A message that was sent this long ago and claimed nothing counts as lost and is sent again.
        calm: For which the store must have answered before leases are judged: after an outage workers need a moment to
            renew them.
        probe_round: Between two looks for providers that are due for a probe.
        probe: Between two probes of a provider; up to a quarter is added, so that they do not all come at once.
        probe_in_use: For which a provider is probed after its last attempt.
        probe_timeout: For one probe.
        deliver: Between two looks for webhook deliveries that are due.
        deliver_away: The same while Redis is away.
        sweep: Between two sweeps for orphaned files.
    """

    round: float = 1.0
    lost_message: float = 10.0
    calm: float = 5.0
    probe_round: float = 5.0
    probe: float = 60.0
    probe_in_use: float = 3600.0
    probe_timeout: float = 15.0
    deliver: float = 0.25
    deliver_away: float = 2.0
    sweep: float = 3600.0
