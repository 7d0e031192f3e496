"""The result of a call: found in the answer, and found again by a later attempt."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Final

from media import Kind, kind_of
from providers.errors import Protocol
from providers.events import Checkpoint, Completed, Data, FileOutput, ProviderEvent, RawOutput, Text, pieces_of
from providers.gradio.answers.answer import read_answer, result
from providers.gradio.answers.file_transfer import FileTransfer
from providers.gradio.answers.files import Found
from providers.gradio.endpoints import Output

#: A larger answer (with images inline) is not kept in a checkpoint, in bytes.
CHECKPOINT_BYTES: Final = 64 << 10

#: No file is so large, in bytes: its first piece tells whether it is there, and the worker bounds the rest.
_ANY_SIZE: Final = 1 << 60


def complete(
    files: FileTransfer, kind: Kind, data: Sequence[object], outputs: Sequence[Output]
) -> Iterator[ProviderEvent]:
    """The last events of a call: a checkpoint with the answer, and the result.

    Args:
        files: Fetches the files.
        kind: Of the wanted outputs; all others are kept beside them.
        data: The answer, an item per output component.
        outputs: The components of the function that was called.

    Raises:
        Protocol: The answer contains no output of the kind.
    """
    completed = _read(files, kind, data, outputs)
    # What the outputs are is kept with them: the app may be another one, or gone, when the answer is read again.
    told = [[output.component, output.label] for output in outputs]
    if len(json.dumps([data, told], default=str)) <= CHECKPOINT_BYTES:
        # The result follows, and is written down before a file of it is fetched.
        yield Checkpoint({"phase": "done", "outputs": list(data), "components": told}, at_once=False)
    yield completed


def is_done(resume: Mapping[str, object] | None) -> bool:
    """Whether an earlier attempt had the answer already."""
    return resume is not None and resume.get("phase") == "done"


def finished(files: FileTransfer, kind: Kind, resume: Mapping[str, object] | None) -> Completed | None:
    """The result of an earlier attempt that had the answer already; None if its files are gone."""
    data = resume.get("outputs") if resume is not None and is_done(resume) else None
    if resume is None or not isinstance(data, list):
        return None
    try:
        completed = _read(files, kind, data, _told(resume.get("components")))
    except Protocol:
        # Any other error may be over at the next try.
        return None
    wanted = (output for output in completed.outputs if isinstance(output, FileOutput) is kind_of(kind).is_file)
    return completed if any(map(_is_there, wanted)) else None


def _told(components: object) -> tuple[Output, ...]:
    """The components as a checkpoint has them; nothing for one of an older version."""
    pairs = components if isinstance(components, list) else []
    return tuple(Output(str(pair[0]), str(pair[1])) for pair in pairs if isinstance(pair, list) and len(pair) == 2)


def _is_there(output: RawOutput) -> bool:
    """Whether an output can still be had; the worker says of a file that is gone that it is lost."""
    if isinstance(output, Text | Data):
        return True
    try:
        with closing(pieces_of(output.file if isinstance(output, FileOutput) else output, _ANY_SIZE)) as pieces:
            next(pieces, None)
    except Protocol:
        return False
    return True


def _read(files: FileTransfer, kind: Kind, data: Sequence[object], outputs: Sequence[Output]) -> Completed:
    answer = read_answer(data, outputs)
    return Completed(tuple(_kept(files, one) for one in result(answer, kind)), answer.seed, answer.warnings)


def _kept(files: FileTransfer, found: Found) -> RawOutput:
    if found.file is not None:
        return FileOutput(files.output(found.file), found.kind, found.label, found.caption)
    return Text(str(found.value), found.label) if found.kind == "text" else Data(found.value, found.label)
