"""The public form of a job, as the views call it; it is made in :mod:`jobs.public`, since webhooks carry it too."""

from jobs.public import (
    STATUSES,
    TEXT_TYPE,
    Json,
    Links,
    attempt_json,
    etag,
    failure_json,
    job_json,
    optional_time,
    output_json,
    present,
    preview_json,
    progress_json,
    queue_json,
    upstream_json,
)

__all__ = [
    "STATUSES",
    "TEXT_TYPE",
    "Json",
    "Links",
    "attempt_json",
    "etag",
    "failure_json",
    "job_json",
    "optional_time",
    "output_json",
    "present",
    "preview_json",
    "progress_json",
    "queue_json",
    "upstream_json",
]
