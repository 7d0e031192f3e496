"""What a job made, as one text: what it wrote, and links to its files in Markdown."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import UNSET

from jobs.model import Job, Output
from web.dialects.pictures import content, link


def as_text(job: Job, outputs: Sequence[Output] | None = None) -> str:
    """All outputs of a job, or only these.

    Raises:
        ArtifactNotFound: A long text is no longer kept.
    """
    return "\n\n".join(_shown(job, output) for output in (job.outputs if outputs is None else outputs))


def _shown(job: Job, output: Output) -> str:
    if output.kind == "json" and output.data is not UNSET:
        return msgspec.json.encode(output.data).decode()
    if output.kind in {"text", "json"}:
        return content(job, output)[0].decode(errors="replace")
    url = link(job, output)
    return f"![image]({url})" if output.kind == "image" else f"[{output.filename or output.kind}]({url})"
