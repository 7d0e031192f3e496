"""A job on the terminal: what it waits for, its progress, its previews and its result."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from cli.commands.api.client import Api, ApiError, Job
from cli.errors import ServiceUnreachable
from cli.output import printable
from media import suffix_of


def headline(job: Job) -> str:
    """What the job does now, or what it waits for, in one line."""
    status = str(job["status"])
    if "finished_at" in job:
        return status
    queue: dict[str, Any] = job.get("queue") or {}
    progress: dict[str, Any] = job.get("progress") or {}
    if progress.get("step") is not None and progress.get("total"):
        return f"step {progress['step']} of {progress['total']}"
    if queue:
        return f"{', '.join([status, *_place(queue)])}: {queue['message']}"
    return str(progress.get("message") or (progress.get("stage") or status)).replace("_", " ")


def _place(queue: dict[str, Any]) -> list[str]:
    parts = []
    if "position" in queue:
        parts.append(f"position {queue['position']}")
    upstream: dict[str, Any] = queue.get("upstream") or {}
    if "rank" in upstream:
        size = f" of {upstream['size']}" if upstream.get("size") else ""
        parts.append(f"rank {upstream['rank']}{size} there")
    if "eta_seconds" in queue:
        parts.append(f"about {queue['eta_seconds']:.0f} s")
    return parts


def failure(job: Job) -> str:
    """Why a job did not succeed, in one line."""
    error: dict[str, Any] = job.get("error") or {}
    if not error:
        return f"{job['id']} ended as {job['status']}"
    where = f" ({error['provider']})" if error.get("provider") else ""
    again = "; submitting it again may help" if error.get("retryable") else ""
    return f"{job['id']} {job['status']}: {error.get('code')}{where}: {error.get('detail')}{again}"


class _Board(Progress):
    """The progress of a job, and below it the end of a text that comes bit by bit."""

    text = ""

    def get_renderables(self) -> Iterable[RenderableType]:
        """What is shown: of a long text as many lines as leave room for the rest."""
        yield from super().get_renderables()
        if self.text:
            lines = Text(printable(self.text)).wrap(self.console, self.console.width)
            yield Text("\n").join(lines[-max(1, self.console.height - 4) :])


@dataclass(kw_only=True)
class Follower:
    """Shows a job until it ends.

    Args:
        api: Where the job is.
        console: Where to show it. If it is not a terminal, lines are printed in place of a progress bar.
        previews: File of the newest preview, without its suffix; None saves no previews.
    """

    api: Api
    console: Console
    previews: Path | None = None
    saved: int = field(default=0, init=False)
    _shown: str = field(default="", init=False)
    _preview: object = field(default=None, init=False)

    def follow(self, job_id: str) -> Job:
        """Show the job until it ends, and return it."""
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            TimeElapsedColumn(),
        )
        job: Job = {}
        fraction: float | None = None
        with _Board(*columns, console=self.console, disable=not self.console.is_terminal) as progress:
            bar = progress.add_task("asking", total=None, note="")
            for job in self.api.watch(job_id):
                self._keep_preview(job)
                progress.text = (job.get("progress") or {}).get("partial") or ""
                note = f"{self.saved} preview{'s' * (self.saved != 1)} saved" if self.saved else ""
                fraction = (job.get("progress") or {}).get("fraction", fraction)
                fraction = 1.0 if job["status"] == "succeeded" else fraction
                progress.update(
                    bar,
                    description=headline(job),
                    total=None if fraction is None else 1.0,
                    completed=fraction or 0.0,
                    note=note,
                )
                self._say(headline(job) + (f", {note}" if note else ""))
        return job

    def _say(self, line: str) -> None:
        if not self.console.is_terminal and line != self._shown:
            self.console.print(line, markup=False, highlight=False)
            self._shown = line

    def _keep_preview(self, job: Job) -> None:
        preview: dict[str, Any] = job.get("preview") or {}
        if self.previews is None or not preview.get("url") or preview.get("index") == self._preview:
            return
        try:
            content, content_type = self.api.download(preview["url"])
        except (ApiError, ServiceUnreachable):
            return  # the final image has replaced it meanwhile
        self._preview = preview.get("index")
        suffix = suffix_of(content_type)
        self.previews.with_name(self.previews.name + suffix).write_bytes(content)
        self.saved += 1
