"""How long the web face waits for what; tests wait less."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """Times in seconds."""

    #: An event stream without news sends a sign of life after it, so that no proxy closes the stream.
    heartbeat: float = 15.0
    #: An event stream looks up again what a waiting job waits for.
    queue_look: float = 2.0
    #: An event stream ends after it; the client connects again and goes on where it was.
    longest_stream: float = 900.0
    #: A key that was looked up is trusted. Where another process revokes or changes it, it works as before no longer
    #: than that; the process that does it forgets at once.
    key_cache: float = 2.0
    #: What a process knows of the providers, for its estimates of the queue, may be so old.
    queue_estimates: float = 1.0
    #: The pause of the event pump after Redis could not be reached.
    pump_retry: float = 0.5
