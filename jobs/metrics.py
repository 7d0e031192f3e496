"""Every metric that ``/metrics`` shows: its name, what it says, and its labels.

Workers and the scheduler count by :mod:`jobs.record.counters`; docs/reference/metrics.md is made from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric of ``/metrics``. The values of its labels must be few: names of providers, outcomes, codes."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    kind: Literal["counter", "gauge", "histogram"] = "counter"
    buckets: tuple[float, ...] = ()


_HTTP_BUCKETS: Final = (0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0)
_ATTEMPT_BUCKETS: Final = (1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)
_CALL_BUCKETS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0)
_ROUND_BUCKETS: Final = (0.005, 0.025, 0.1, 0.5, 1.0, 2.5, 10.0)

HTTP_REQUESTS: Final = Metric(
    "darkroom_http_requests_total", "Answered requests, up to a second ago.", ("method", "route", "status")
)
HTTP_SECONDS: Final = Metric(
    "darkroom_http_request_seconds",
    "Time to the first byte of an answer, up to a second ago.",
    ("route",),
    "histogram",
    _HTTP_BUCKETS,
)
WATCHERS: Final = Metric("darkroom_watchers", "Open event streams and waits.", (), "gauge")
SENDING: Final = Metric("darkroom_sending", "Large answers that are being sent.", (), "gauge")

JOBS: Final = Metric(
    "darkroom_jobs", "Jobs that have not ended: queued, running, sent to a worker, or parked.", ("state",), "gauge"
)
WORKERS: Final = Metric("darkroom_workers", "Live workers.", (), "gauge")
SLOTS: Final = Metric("darkroom_slots", "Jobs that the live workers can run at once.", (), "gauge")
PROVIDER_JOBS: Final = Metric(
    "darkroom_provider_jobs",
    "Slots of a provider that are taken: attempts, and jobs sent to a worker.",
    ("provider",),
    "gauge",
)
PROVIDER_RESTING: Final = Metric(
    "darkroom_provider_resting", "1 while a provider gets no jobs.", ("provider",), "gauge"
)
WEBHOOKS_PENDING: Final = Metric(
    "darkroom_webhooks_pending",
    "Webhook deliveries that are due, wait for another try, or are being made.",
    (),
    "gauge",
)

REDIS_MEMORY: Final = Metric(
    "darkroom_redis_memory_bytes", "Memory that Redis uses, as maxmemory counts it.", (), "gauge"
)
REDIS_MEMORY_LIMIT: Final = Metric(
    "darkroom_redis_memory_limit_bytes", "maxmemory of Redis; 0: there is none.", (), "gauge"
)

CLAIMS: Final = Metric(
    "darkroom_claims_total",
    "Messages that workers received: claimed, nothing (to claim), absent (the worker does not have the provider),"
    " put_off (a job that must run apart found no place, or the machine has no means for it now), outdated (its provider was declared anew without a parameter of"
    " the job), broken (the job cannot be prepared), or unavailable (Redis cannot serve).",
    ("outcome",),
)
ATTEMPTS: Final = Metric(
    "darkroom_attempts_total",
    "Attempts that ended: succeeded, an error code, why the worker ended it (canceled, handed_back, lease_lost, no_thread,"
    " outrun, abandoned), or given_up (the record could not be written).",
    ("provider", "outcome"),
)
ATTEMPT_SECONDS: Final = Metric(
    "darkroom_attempt_seconds",
    "Time of an attempt, from its start to its end.",
    ("provider",),
    "histogram",
    _ATTEMPT_BUCKETS,
)
LEASES_LOST: Final = Metric("darkroom_leases_lost_total", "Runs that ended because their lease was lost.")
EVENTS: Final = Metric("darkroom_events_written_total", "Job events that workers wrote.", ("type",))
DOWNLOADS: Final = Metric(
    "darkroom_downloads_total",
    "Input images that workers downloaded from users' addresses: ok or failed.",
    ("outcome",),
)
OUTPUTS: Final = Metric("darkroom_outputs_total", "Outputs that were stored.", ("kind",))
OUTPUT_BYTES: Final = Metric("darkroom_output_bytes_total", "Bytes of the files among them.")

ROUNDS: Final = Metric(
    "darkroom_scheduler_rounds_total",
    "Rounds of repair: done, partly (one of its parts failed), full (the memory of Redis: only what frees memory was"
    " done), or unavailable while Redis could not serve.",
    ("outcome",),
)
ROUND_SECONDS: Final = Metric(
    "darkroom_scheduler_round_seconds", "Time of a round that was done.", (), "histogram", _ROUND_BUCKETS
)
SCHEDULED: Final = Metric(
    "darkroom_scheduler_jobs_total",
    "Jobs that the scheduler moved: requeued, failed or canceled after their lease was lost, expired by their deadline,"
    " deleted after their retention, sent to a worker, or resent because the message was lost.",
    ("action",),
)
WEBHOOK_CALLS: Final = Metric(
    "darkroom_webhook_calls_total",
    "Calls of webhooks: delivered, or what was wrong (unreachable, tls, no_answer, redirect, status, internal).",
    ("outcome",),
)
WEBHOOK_SECONDS: Final = Metric(
    "darkroom_webhook_call_seconds", "Time of a call that was answered.", (), "histogram", _CALL_BUCKETS
)
PROBES: Final = Metric(
    "darkroom_probes_total", "Probes of providers: ok, changed, or an error code.", ("provider", "outcome")
)
THREAD_ERRORS: Final = Metric(
    "darkroom_thread_errors_total",
    "Unforeseen errors in threads that work beside requests and attempts. Each cost one round or one item; the log has its"
    " trace.",
    ("thread",),
)
ORPHANS: Final = Metric("darkroom_orphaned_files_removed_total", "Files removed because no job needs them.")

#: What a web process counts itself.
OF_WEB: Final = (HTTP_REQUESTS, HTTP_SECONDS, WATCHERS, SENDING)
#: What is read from Redis at each scrape.
OF_REDIS: Final = (
    JOBS, WORKERS, SLOTS, PROVIDER_JOBS, PROVIDER_RESTING, WEBHOOKS_PENDING, REDIS_MEMORY, REDIS_MEMORY_LIMIT,
)  # fmt: skip
#: What workers and the scheduler count.
COUNTED: Final = (
    CLAIMS, ATTEMPTS, ATTEMPT_SECONDS, LEASES_LOST, EVENTS, DOWNLOADS, OUTPUTS, OUTPUT_BYTES,
    ROUNDS, ROUND_SECONDS, SCHEDULED, WEBHOOK_CALLS, WEBHOOK_SECONDS, PROBES, ORPHANS,
    THREAD_ERRORS,
)  # fmt: skip
