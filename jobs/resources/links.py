"""Addresses of resources, as a client uses them."""

from __future__ import annotations


def job_path(job_id: str, *rest: str) -> str:
    """The path of a job, or of a resource below it."""
    return "/".join(("/v1/jobs", job_id, *rest))


class Links:
    """Addresses of resources.

    Args:
        base: Scheme and host that the client uses, without a slash at its end; empty for the paths alone.
    """

    def __init__(self, base: str) -> None:
        self.base = base

    def jobs(self) -> str:
        """The list of jobs."""
        return f"{self.base}/v1/jobs"

    def job(self, job_id: str, *rest: str) -> str:
        """The job, or a resource below it."""
        return self.base + job_path(job_id, *rest)

    def batch(self, batch_id: str, *rest: str) -> str:
        """The batch, or a resource below it."""
        return "/".join((f"{self.base}/v1/batches", batch_id, *rest))

    def file(self, file_id: str, *rest: str) -> str:
        """An upload, or a resource below it."""
        return "/".join((f"{self.base}/v1/files", file_id, *rest))

    def key(self, key_id: str) -> str:
        """An API key, for admins."""
        return f"{self.base}/v1/admin/keys/{key_id}"
