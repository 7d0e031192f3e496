"""What a function's answer holds, output by output, and what of it is the result. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from media import KINDS, Kind
from providers import clean
from providers.errors import Protocol
from providers.gradio.answers.files import Found, find, kind_of, value_of
from providers.gradio.answers.seeds import names_seed, seed_of, whole
from providers.gradio.components import conversation, pages, reading
from providers.gradio.components.table import read
from providers.gradio.endpoints import Output
from providers.gradio.untrusted_json import loads

#: Names of components in one warning.
_NAMES: Final = 5
_NONE: Final = Output()


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, read.

    Args:
        found: All that it shows, in the app's order.
        seed: The seed that it tells.
        warnings: What is kept without being understood, in words.
    """

    found: tuple[Found, ...]
    seed: int | None = None
    warnings: tuple[str, ...] = ()


def read_answer(data: Sequence[object], outputs: Sequence[Output]) -> Answer:
    """Read an answer.

    Args:
        data: An item per output.
        outputs: What ``/config`` says of the outputs; see :func:`matched`.
    """
    told = matched(data, outputs)
    seed = seed_of([value_of(item) for item in data], [output.label for output in told])
    found: list[Found] = []
    strange: list[str] = []
    for output, item in zip(told, data, strict=True):
        if seed is not None and names_seed(output.label) and whole(value_of(item)) == seed:
            continue
        shown = read(output, item)
        found += [replace(one, label=one.label or output.label) for one in shown.found]
        if shown.strange and any(one.kind == "json" for one in shown.found):
            strange.append(output.label or output.component or "an output")
    return Answer(tuple(found), seed, _warned(strange))


def matched(data: Sequence[object], outputs: Sequence[Output]) -> Sequence[Output]:
    """The output of each item; where there are more or fewer, nothing is known of any."""
    return outputs if len(outputs) == len(data) else [_NONE] * len(data)


def _warned(strange: Sequence[str]) -> tuple[str, ...]:
    if not strange:
        return ()
    names = ", ".join(strange[:_NAMES]) + (", …" if len(strange) > _NAMES else "")
    return (clean.text(f"Kept as it came, for its component or its shape is not known: {names}."),)


def result(answer: Answer, kind: Kind) -> tuple[Found, ...]:
    """The outputs of an answer from which outputs of a kind are wanted, in the app's order.

    Raises:
        Protocol: It has none of the kind; the text has the app's words.
    """
    shown = tuple(one for one in answer.found if not one.is_blank)
    for candidate in (shown, _instead(answer.found, kind)):
        if any(_is_wanted(one, kind) for one in candidate):
            return candidate
    raise Protocol(_missing(answer, kind))


def _is_wanted(found: Found, kind: Kind) -> bool:
    if kind == "file":
        return found.file is not None
    return found.kind == kind or (found.kind is None and KINDS[kind].is_file)


def _instead(found: Sequence[Found], kind: Kind) -> tuple[Found, ...]:
    """An answer without an output of the wanted kind, with what stands for one."""
    if kind == "text":
        # A text for what is none; and where there is nothing at all, a blank one is the answer.
        spoken = tuple(_as_text(one) for one in found if not one.is_blank)
        return (
            spoken if any(one.kind == "text" for one in spoken) else (*spoken, *(one for one in found if one.is_blank))
        )
    if kind == "json":
        return tuple(_as_data(one) for one in found if not one.is_blank)
    return tuple(one for each in found if not each.is_blank for one in _as_files(each))


def _as_text(found: Found) -> Found:
    if found.kind != "json":
        return found
    if isinstance(found.value, str):
        return replace(found, kind="text")
    messages = found.value if isinstance(found.value, list) else [found.value]
    said = list(reading.talk(messages, _nothing)) if conversation.is_messages(messages) else []
    return replace(found, kind="text", value=said[0].value if said else json.dumps(found.value, ensure_ascii=False))


def _nothing(component: str, value: object) -> Iterator[Found]:
    del component, value
    return iter(())


def _as_data(found: Found) -> Found:
    """A text that is JSON, as what it says."""
    if found.kind != "text":
        return found
    try:
        value = loads(str(found.value))
    except Protocol:
        return found
    return replace(found, kind="json", value=value) if isinstance(value, dict | list) else found


def _as_files(found: Found) -> Sequence[Found]:
    """A text that is a ``data:`` URL, or a page with pictures, as the files in it."""
    if found.kind != "text":
        return (found,)
    file = find(found.value)
    if file is not None:
        return (replace(found, kind=kind_of(file), value=file),)
    inside = [replace(one, label=found.label) for one in pages.html(found.value)]
    return inside if len(inside) > 1 or inside[0].kind != "text" else (found,)


def _missing(answer: Answer, kind: Kind) -> str:
    """Why there is no result, with the app's own words."""
    others = sorted({one.kind for one in answer.found if one.kind is not None and one.file is not None})
    came = (
        f', but with {" and ".join(KINDS[other].plural for other in others)} (declare kind = "{others[0]}")'
        if others
        else ""
    )
    said = clean.text(
        " / ".join(filter(None, (clean.message(one.value) for one in answer.found if isinstance(one.value, str)))), 300
    )
    return f"the app answered without any {kind}{came}" + (f": {said}" if said else "")
