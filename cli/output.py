"""What commands print."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any

import click
from rich.console import Console
from rich.table import Table


def print_json(body: Any) -> None:  # noqa: ANN401 - any JSON
    """Print a JSON value."""
    click.echo(json.dumps(body, indent=2, ensure_ascii=False))


def printable(text: str) -> str:
    """A text of a provider without the control characters that a terminal would act on."""
    return "".join(char for char in text if char in "\n\t" or unicodedata.category(char) != "Cc")


def print_page(
    page: dict[str, Any], titles: tuple[str, ...], row: Callable[[dict[str, Any]], tuple[Any, ...]], *, as_json: bool
) -> None:
    """Print a page of the API: as it came, or with a row for each of its items."""
    if as_json:
        print_json(page)
    else:
        print_table(titles, map(row, page["data"]))


def print_table(titles: tuple[str, ...], rows: Iterable[tuple[Any, ...]], *, err: bool = False) -> None:
    """Print rows in columns; with ``err`` beside the output."""
    table = Table(*titles, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    Console(stderr=err).print(table, markup=False)
