"""A client of the HTTP API as simple as they come: it submits and polls."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import requests
from PIL import Image

TERMINAL = {"succeeded", "failed", "canceled", "expired"}


@dataclass
class WatchedJob:
    """One job as its poller saw it: the last state, and what passed by."""

    job: dict[str, Any]
    statuses: list[str] = field(default_factory=list)
    progress: list[dict[str, Any]] = field(default_factory=list)
    previews: list[bytes] = field(default_factory=list)


class ApiClient:
    """Submits and polls, as the simplest client does."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = requests.Session()

    def submit(self, model: str, provider: str | None = None, **body: Any) -> dict[str, Any]:
        provided = {"provider": provider} if provider else {}
        answer = self.http.post(f"{self.url}/v1/jobs", json={"model": model, **provided, **body})
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    def get(self, job_id: str) -> dict[str, Any]:
        answer = self.http.get(f"{self.url}/v1/jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def cancel(self, job_id: str) -> dict[str, Any]:
        answer = self.http.post(f"{self.url}/v1/jobs/{job_id}/cancel")
        assert answer.status_code in {200, 202}, answer.text
        return dict(answer.json())

    def provider(self, name: str) -> dict[str, Any]:
        return dict(self.http.get(f"{self.url}/v1/providers/{name}").json())

    def wait(self, job_id: str, there: Callable[[dict[str, Any]], object], seconds: float = 30.0) -> dict[str, Any]:
        """The job, once it is as wanted."""
        ends = time.monotonic() + seconds
        while not there(job := self.get(job_id)):
            assert time.monotonic() < ends, job
            time.sleep(0.05)
        return job

    def ended(self, job_ids: Iterable[str], seconds: float = 60.0) -> list[dict[str, Any]]:
        """The jobs, once each is over."""
        return [self.wait(job_id, lambda job: job["status"] in TERMINAL, seconds) for job_id in job_ids]

    def run(self, model: str, provider: str | None = None, **body: Any) -> WatchedJob:
        job = self.submit(model, provider, **body)
        seen, ends, shown = WatchedJob(job), time.monotonic() + 60, -1
        while seen.job["status"] not in TERMINAL:
            assert time.monotonic() < ends, seen.job
            time.sleep(0.05)
            seen.job = self.http.get(job["urls"]["self"]).json()
            if seen.job["status"] not in seen.statuses:
                seen.statuses.append(seen.job["status"])
            if "progress" in seen.job:
                seen.progress.append(seen.job["progress"])
            if "preview" in seen.job and seen.job["preview"]["index"] != shown:
                shown = seen.job["preview"]["index"]
                seen.previews.append(self.http.get(seen.job["preview"]["url"]).content)
        return seen

    def waits(self, job_id: str, reason: str, seconds: float = 30.0) -> dict[str, Any]:
        """The ``queue`` of the job, once it says that it waits for this reason."""
        return dict(self.wait(job_id, lambda job: job.get("queue", {}).get("reason") == reason, seconds)["queue"])

    def picture(self, output: dict[str, Any]) -> Image.Image:
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
