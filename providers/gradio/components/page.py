"""The reference page of Gradio's components: the table, and where each row was seen to work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from providers.gradio.components.table import TABLE, Component

_HEAD: Final = """# Gradio's components

What goes into each component, and what comes out. {made}

A component is named as an app's `/config` names it: `gr.ImageMask`, `gr.Sketchpad` and `gr.Paint` are an `imageeditor`,
`gr.TextArea` a `textbox`, `gr.Files` a `file`, `gr.Microphone` an `audio`. "In" is the type of the parameter to declare
([add a provider](../how-to/add-a-provider.md)); several choices are `strings`, several files `files`. "Out" is the kind of
the output; a file's own type decides where it says "any file". In the columns of the lines of Gradio, "seen" means that a
value was sent over HTTP, arrived in a real app as its page would send it, and that the answer came out as outputs of the
job (`tests/integration/web/test_components_over_http.py`); "-" means that the line does not have the component.
"""


def page(seen: Mapping[str, Mapping[str, bool]]) -> str:
    """The page, in Markdown.

    Args:
        seen: By line of Gradio and case (the name of a row, or that and what is special): whether the line has it.
    """
    lines = sorted(seen)
    return "\n".join([_HEAD.format(made="Made by `./run docs`."), *_rows(lines, seen), "", *_own(), ""])


def _rows(lines: list[str], seen: Mapping[str, Mapping[str, bool]]) -> Iterator[str]:
    yield f"| component | in | out | {' | '.join(lines)} |"
    yield f"|---|---|---|{'---|' * len(lines)}"
    for row in TABLE.values():
        if row.read is not None:
            cells = [_cell(row.name, seen[line]) for line in lines]
            yield f"| `{row.name}` | {row.takes or '-'} | {_out(row)} | {' | '.join(cells)} |"


def _cell(name: str, seen: Mapping[str, bool]) -> str:
    return "seen" if any(there for case, there in seen.items() if case.partition("_")[0] == name) else "-"


def _out(row: Component) -> str:
    return row.gives or "any file"


def _own() -> Iterator[str]:
    names = ", ".join(f"`{row.name}`" for row in TABLE.values() if row.read is None)
    yield f"Never an output, but part of the page: {names}."
    yield ""
    yield "What the table lacks is kept as JSON, with the files that are in it, and named in the job's `warnings`."
