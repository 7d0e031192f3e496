"""``darkroom jobs`` and ``darkroom cancel``."""

from __future__ import annotations

from typing import Any, Final

import click

from cli.commands.api.client import Api, Job
from cli.commands.api.follow import headline
from cli.commands.api.options import api_options, json_option
from cli.output import print_page

#: As the API has them; the help of `--status` lists them.
_STATUSES: Final = ("queued", "running", "canceled", "expired", "failed", "succeeded")


@click.command()
@click.option("--status", type=click.Choice(_STATUSES), help="Only jobs with this status.")
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True, help="How many.")
@json_option
@api_options
def jobs(api: Api, *, status: str | None, limit: int, as_json: bool) -> None:
    """List the newest jobs."""
    page = api.get("/v1/jobs", status=status, limit=limit)

    def row(job: Job) -> tuple[Any, ...]:
        return job["id"], job["model"], job.get("provider") or "", headline(job), job["created_at"]

    print_page(page, ("id", "model", "provider", "state", "created"), row, as_json=as_json)


@click.command()
@click.argument("job_id", metavar="ID")
@api_options
def cancel(api: Api, *, job_id: str) -> None:
    """Cancel a job."""
    click.echo(f"{job_id} {api.cancel(job_id)['status']}")
