"""Output of the command line: rich on a terminal, plain lines elsewhere. Results go to stdout, all else to stderr."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table

from providers import clean
from providers.events import Checkpoint, Completed, Partial, Preview, Progress, ProviderEvent, Queued, Started, Status

#: Characters of a text so far that are shown.
_TAIL = 70


class Terminal:
    """Prints results and messages."""

    def __init__(self) -> None:
        self._out = Console(soft_wrap=True, highlight=False, markup=False)
        self._err = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)

    def say(self, text: str) -> None:
        """Print a result. On a terminal its control characters are left out."""
        if self._out.is_terminal:
            text = "".join(char for char in text if char in "\n\t" or unicodedata.category(char) != "Cc")
        # Not with rich, which turns tabs into spaces.
        self._out.file.write(text + "\n")

    def note(self, text: str) -> None:
        """Print a remark about the result."""
        self._err.print(text, style="dim")

    def fail(self, text: str) -> None:
        """Print an error."""
        self._err.print(f"error: {text}", style="red")

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a table; into a pipe, with tabs between the columns."""
        if not self._out.is_terminal:
            for row in rows:
                self.say("\t".join(row))
            return
        table = Table(header_style="bold")
        for title in head:
            # Folded and not cut, so that names can be copied.
            table.add_column(title, overflow="fold")
        for row in rows:
            table.add_row(*row)
        self._out.print(table, soft_wrap=False)

    def markdown(self, text: str) -> None:
        """Print a page of Markdown."""
        if self._out.is_terminal:
            self._out.print(Markdown(text), soft_wrap=False)
        else:
            self.say(text.rstrip())

    @contextmanager
    def watching(self) -> Iterator[Callable[[ProviderEvent], None]]:
        """Show events as they come: in one changing line on a terminal, in a line each elsewhere."""
        with self._err.status("sending") as status:

            def show(event: ProviderEvent) -> None:
                line = describe(event)
                if isinstance(event, Partial):
                    # Its end, in one line; the whole text is the result.
                    if self._err.is_terminal:
                        status.update(clean.text(event.text[-_TAIL:]))
                elif line and self._err.is_terminal:
                    status.update(line)
                elif line:
                    self._err.print(line)

            yield show


def describe(event: ProviderEvent) -> str:
    """An event in words; empty for an event that is not shown."""
    match event:
        case Queued(rank=rank, size=size, eta=eta):
            place = "" if rank is None else f", {rank} before us" + ("" if size is None else f" of {size}")
            return f"queued{place}" + ("" if eta is None else f", about {eta:.0f} s")
        case Started():
            return "started"
        case Status(text=text, level=level):
            return text if level == "info" else f"{level}: {text}"
        case Progress():
            return _progress(event)
        case Preview(image=image):
            return f"preview {image.name}"
        case Completed(outputs=outputs):
            return f"finished: {len(outputs)} output{'s' if len(outputs) != 1 else ''}"
        case Checkpoint() | Partial():
            return ""


def _progress(event: Progress) -> str:
    share = "" if event.fraction is None else f" {event.fraction:.0%}"
    count = "" if event.step is None else f" {event.step}" + ("" if event.total is None else f"/{event.total}")
    return f"{event.message or 'generating'}{count}{share}"
