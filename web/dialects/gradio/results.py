"""What a job made, in the shape that its function's answer has in the app. Pure but for the links."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import UNSET

from jobs.model import Job, Output
from media import KINDS
from providers.discovery import signature
from providers.discovery.signature import Function

#: A file of a job, as Gradio's clients take it.
FileOf = Callable[[Output], dict[str, Any]]
#: Reads an output that is a text, or data.
TextOf = Callable[[Output], str]

_LISTS = frozenset({"gallery", "imageslider"})
_TALK = "chatbot"


def values(function: Function, job: Job, file_of: FileOf, text_of: TextOf) -> list[Any]:
    """The answer of a function: a value for each of its outputs. What is not known is null.

    An output of the job belongs to an output of the function by its label; where another app made it, by its kind.
    """
    left = list(job.outputs)
    labels = {wanted.label for wanted in function.outputs if wanted.label}
    is_own = any(output.label in labels for output in left)
    found: list[Any] = []
    for wanted in function.outputs:
        if wanted.is_seed:
            seed = next((output.seed for output in job.outputs if output.seed is not None), None)
            found.append(str(seed) if seed is not None and wanted.kind == "text" else seed)
            continue
        fitting = [output for output in left if _fits(wanted, output, is_own=is_own)]
        taken = fitting if wanted.component in _LISTS else fitting[:1]
        left = [output for output in left if output not in taken]
        found.append(_value(wanted, taken, file_of, text_of))
    return found


def _fits(wanted: signature.Output, output: Output, *, is_own: bool) -> bool:
    if is_own and (output.label or "") != wanted.label:
        return False
    if wanted.kind in {None, "file"}:
        return wanted.kind is None or KINDS[output.kind].is_file
    # A text may be data, and data a text, where the job was to make the other.
    return output.kind == wanted.kind or {output.kind, wanted.kind} == {"text", "json"}


def _value(wanted: signature.Output, taken: Sequence[Output], file_of: FileOf, text_of: TextOf) -> Any:  # noqa: ANN401 - any JSON
    if wanted.component in _LISTS:
        return [{"image": file_of(output), "caption": output.caption} for output in taken]
    if not taken:
        return None
    (output,) = taken
    if output.kind == "json" and output.data is not UNSET:
        return output.data
    if output.kind not in {"text", "json"}:
        return file_of(output)
    return _spoken(wanted, text_of(output))


def partial_values(function: Function, text: str) -> list[Any] | None:
    """The answer so far of a function that writes a text bit by bit; None: it has no output for one."""
    for number, wanted in enumerate(function.outputs):
        if wanted.kind == "text" and not wanted.is_seed:
            found: list[Any] = [None] * len(function.outputs)
            found[number] = _spoken(wanted, text)
            return found
    return None


def _spoken(wanted: signature.Output, text: str) -> Any:  # noqa: ANN401 - any JSON
    return [{"role": "assistant", "content": text}] if wanted.component == _TALK else text
