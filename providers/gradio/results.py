"""The result of a call: found in the answer, and found again by a later attempt."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from media import KINDS, Kind
from providers.errors import Protocol
from providers.events import Checkpoint, Completed, File, InlineFile, ProviderEvent, Text
from providers.gradio.file_transfer import FileTransfer

#: A larger answer (with images inline) is not kept in a checkpoint, in bytes.
CHECKPOINT_BYTES: Final = 64 << 10

#: Largest finished file that is fetched again for a job that is picked up, in bytes.
FILE_BYTES: Final = 64 << 20


def complete(files: FileTransfer, kind: Kind, data: Sequence[object]) -> Iterator[ProviderEvent]:
    """The last events of a call: a checkpoint with the answer, and the result.

    Args:
        files: Of the app.
        kind: What the model gives.
        data: The answer: one item per output component.

    Raises:
        Protocol: The answer contains no output of the kind.
    """
    result = _result(files, kind, data)
    if len(json.dumps(data, default=str)) <= CHECKPOINT_BYTES:
        yield Checkpoint({"phase": "done", "outputs": list(data)})
    yield result


def is_done(resume: Mapping[str, object] | None) -> bool:
    """Whether an earlier attempt had the answer already."""
    return resume is not None and resume.get("phase") == "done"


def finished(files: FileTransfer, kind: Kind, resume: Mapping[str, object] | None) -> Completed | None:
    """The result of an earlier attempt that had the answer already; None if its files are gone."""
    data = resume.get("outputs") if resume is not None and is_done(resume) else None
    if not isinstance(data, list):
        return None
    try:
        result = _result(files, kind, data)
        kept = tuple(
            output if isinstance(output, Text) else InlineFile(output.name, output.read(FILE_BYTES))
            for output in result.outputs
        )
    except Protocol:
        # Any other error may be over at the next try.
        return None
    return replace(result, outputs=kept)


def _result(files: FileTransfer, kind: Kind, data: Sequence[object]) -> Completed:
    """Find the result by its shape: files, lists of files, texts, and the seed."""
    outputs = tuple(output for item in data for output in _outputs(files, item))
    if not any(KINDS[kind].is_file != isinstance(output, Text) for output in outputs):
        raise Protocol(f"the app answered without any {kind}")
    return Completed(outputs, _seed(data))


def _outputs(files: FileTransfer, item: object) -> Iterator[File | Text]:
    if isinstance(item, list | tuple):
        for part in item:
            yield from _outputs(files, part)
        return
    file = files.output(item)
    if file is not None:
        yield file
    elif isinstance(item, str) and item.strip():
        yield Text(item)


def _seed(data: Sequence[object]) -> int | None:
    """The first whole number after the result. A slider or number component may send it as a float."""
    for item in data[1:]:
        if isinstance(item, float) and item.is_integer():
            return int(item)
        if isinstance(item, int) and not isinstance(item, bool):
            return item
    return None
