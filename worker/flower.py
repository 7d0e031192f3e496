"""Flower: ``python -m worker.flower CONFIG``. Its options are in a file because they contain the password.

It does what ``celery -A worker.celery flower`` does, without Celery's command line (:mod:`worker.__main__` says why).
"""

from __future__ import annotations

import sys
from types import SimpleNamespace

import click

from process import without

with without("yaml", "pygments"):
    from flower.command import flower

    from worker.celery import app


def main(config: str) -> None:
    """Serve until SIGTERM."""
    # Flower's command looks at the options of the command above it, which is Celery's.
    above = click.Context(click.Command("celery"), obj=SimpleNamespace(app=app, quiet=True))
    with flower.make_context("flower", [f"--conf={config}"], parent=above) as context:
        flower.invoke(context)


if __name__ == "__main__":
    main(*sys.argv[1:])
