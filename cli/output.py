"""What commands print."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import click
from rich.console import Console
from rich.table import Table


def print_json(body: Any) -> None:  # noqa: ANN401 - any JSON
    """Print a JSON value."""
    click.echo(json.dumps(body, indent=2, ensure_ascii=False))


def print_table(titles: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> None:
    """Print rows in columns."""
    table = Table(*titles, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    Console().print(table, markup=False)
