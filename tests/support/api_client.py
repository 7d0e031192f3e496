"""A simple client of the HTTP API: it submits and polls."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import requests
from PIL import Image

from tests.support.eventually import eventually

TERMINAL = {"succeeded", "failed", "canceled", "expired"}


@dataclass
class WatchedJob:
    """A job as its poller saw it: the last state, and each status, progress and preview on the way."""

    job: dict[str, Any]
    statuses: list[str] = field(default_factory=list)
    progress: list[dict[str, Any]] = field(default_factory=list)
    previews: list[bytes] = field(default_factory=list)


class ApiClient:
    """A client of one service.

    Args:
        url: The service's base address.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = requests.Session()

    def submit(self, model: str, provider: str | None = None, **body: Any) -> dict[str, Any]:
        """Submit a job, and give it."""
        provided = {"provider": provider} if provider else {}
        answer = self.http.post(f"{self.url}/v1/jobs", json={"model": model, **provided, **body})
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    def get(self, job_id: str) -> dict[str, Any]:
        """The job."""
        answer = self.http.get(f"{self.url}/v1/jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def cancel(self, job_id: str) -> dict[str, Any]:
        """Cancel the job, and give it."""
        answer = self.http.post(f"{self.url}/v1/jobs/{job_id}/cancel")
        assert answer.status_code in {200, 202}, answer.text
        return dict(answer.json())

    def provider(self, name: str) -> dict[str, Any]:
        """The provider."""
        return dict(self.http.get(f"{self.url}/v1/providers/{name}").json())

    def wait(self, job_id: str, there: Callable[[dict[str, Any]], object], seconds: float = 30.0) -> dict[str, Any]:
        """The job, once ``there`` is true of it."""
        job: dict[str, Any] = {}

        def look() -> object:
            job.clear()
            job.update(self.get(job_id))
            return there(job)

        eventually(look, lambda: str(job), within=seconds)
        return job

    def wait_for_end(self, job_ids: Iterable[str], seconds: float = 60.0) -> list[dict[str, Any]]:
        """The jobs, once each is over."""
        return [self.wait(job_id, lambda job: job["status"] in TERMINAL, seconds) for job_id in job_ids]

    def run(self, model: str, provider: str | None = None, **body: Any) -> WatchedJob:
        """Submit a job, poll it to its end, and fetch its previews on the way."""
        job = self.submit(model, provider, **body)
        seen, shown = WatchedJob(job), -1

        def look() -> bool:
            nonlocal shown
            seen.job = self.http.get(job["urls"]["self"]).json()
            if seen.job["status"] not in seen.statuses:
                seen.statuses.append(seen.job["status"])
            if "progress" in seen.job:
                seen.progress.append(seen.job["progress"])
            if "preview" in seen.job and seen.job["preview"]["index"] != shown:
                shown = seen.job["preview"]["index"]
                seen.previews.append(self.http.get(seen.job["preview"]["url"]).content)
            return seen.job["status"] in TERMINAL

        eventually(look, lambda: str(seen.job), within=60)
        return seen

    def wait_for_reason(self, job_id: str, reason: str, seconds: float = 30.0) -> dict[str, Any]:
        """The ``queue`` of the job, once it says that it waits for this reason."""
        return dict(self.wait(job_id, lambda job: job.get("queue", {}).get("reason") == reason, seconds)["queue"])

    def fetch_image(self, output: dict[str, Any]) -> Image.Image:
        """Fetch an output and check it against what the job says of it."""
        answer = self.http.get(output["url"])
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == output["content_type"]
        assert hashlib.sha256(answer.content).hexdigest() == output["sha256"]
        assert len(answer.content) == output["bytes"]
        image = Image.open(io.BytesIO(answer.content))
        image.load()
        assert image.size == (output["width"], output["height"])
        return image
