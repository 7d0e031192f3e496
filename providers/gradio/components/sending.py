"""How values are sent to components, as the app's own page would send them. Pure.

The shapes are those of the data models of Gradio 4.44, 5.50 and 6.31, each seen to arrive in a real app.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from providers.errors import Changed, Rejected
from providers.gradio.answers.files import MARK
from providers.gradio.components import conversation
from providers.gradio.endpoints import Slot

Version = tuple[int, ...]
_FIVE: Final = (5,)
_SIX: Final = (6,)
_PAIR: Final = 2


@dataclass(frozen=True, slots=True)
class AppFile:
    """A file that was uploaded to the app: its ``FileData``, and its content type."""

    data: Mapping[str, object]
    content_type: str = ""


#: Makes the argument of the values that are given for one input; there is one at least, and none is None.
Sender = Callable[[Slot, Sequence[object], Version], object]


def value(slot: Slot, given: Sequence[object], version: Version) -> object:
    """Send one value as it is.

    Raises:
        Changed: It is a file, or there are several; the declaration does not fit the app.
        Rejected: It holds what Gradio would take for a file of its own.
    """
    del version
    if _has_files(given):
        raise Changed(f"{slot.title} is a {slot.component or 'component that is not known'}, which takes no file")
    if len(given) > 1:
        raise Changed(f"{slot.title} is a {slot.component}: only one parameter can be declared for it")
    if _holds_file(given[0]):
        raise Rejected(
            f"the value for {slot.title} holds a file of Gradio's own; give the file by a parameter for files"
        )
    return given[0]


def items(slot: Slot, given: Sequence[object], version: Version) -> object:
    """Send choices: a list where the component takes several."""
    found = value(slot, given, version)
    return [found] if not isinstance(found, list) and (slot.several or slot.component == "checkboxgroup") else found


def file(slot: Slot, given: Sequence[object], version: Version) -> object:
    """Send one file as it is, or a list of them where the component takes several."""
    del version
    found = _files(slot, given)
    if slot.several:
        return found
    return _only(slot, found)


def picture(slot: Slot, given: Sequence[object], version: Version) -> object:
    """Send one picture as it is."""
    del version
    return _only(slot, _files(slot, given))


def video(slot: Slot, given: Sequence[object], version: Version) -> object:
    """Send a video: as it is (6), or with its subtitles (4 and 5)."""
    found = _files(slot, given)
    if version >= _SIX:
        return _only(slot, found)
    if len(found) > _PAIR:
        raise _too_many(slot, found, "a video and its subtitles")
    return {"video": found[0], "subtitles": found[1] if len(found) == _PAIR else None}


def gallery(slot: Slot, given: Sequence[object], version: Version) -> object:
    """Send pictures, each without a caption; from 5 on a gallery takes videos too."""
    found: list[object] = []
    for item in _app_files(slot, given):
        is_video = item.content_type.startswith("video/")
        if is_video and version < _FIVE:
            raise Rejected(f"the app's {slot.title} takes pictures, and no video")
        found.append({"video" if is_video else "image": dict(item.data), "caption": None})
    return found


def pair(slot: Slot, given: Sequence[object], version: Version) -> object:
    """Send two pictures; of one, the other is none."""
    del version
    found = _files(slot, given)
    if len(found) > _PAIR:
        raise _too_many(slot, found, "two pictures")
    return [*found, None][:_PAIR]


def editor(slot: Slot, given: Sequence[object], version: Version) -> object:
    """Send a picture as an editor's page does: as the background and as what it looks like, with no layers.

    Of several, the first is the background, the last is what it looks like, and what is between are its layers.
    """
    del version
    ground, *layers = _files(slot, given)
    whole = layers.pop() if layers else ground
    return {"background": ground, "layers": layers, "composite": whole}


def annotated(slot: Slot, given: Sequence[object], version: Version) -> object:
    """Send a picture without annotations."""
    del version
    return {"image": _only(slot, _files(slot, given)), "annotations": []}


def text_and_files(slot: Slot, given: Sequence[object], version: Version) -> object:
    """Send a text, files, or both, to a text box that takes both."""
    texts = [item for item in given if not isinstance(item, AppFile | list)]
    files = [item for item in given if isinstance(item, AppFile | list)]
    said = value(slot, texts, version) if texts else ""
    if isinstance(said, dict):
        return said
    return {"text": said, "files": _files(slot, files) if files else []}


def talk(slot: Slot, given: Sequence[object], version: Version) -> object:
    """Send a conversation, in the format that the component has."""
    return conversation.sent(value(slot, given, version), in_pairs=slot.in_pairs, in_parts=version >= _SIX)


def table(slot: Slot, given: Sequence[object], version: Version) -> object:
    """Send a table: with its headers, or rows alone, which get those of the app's own where they fit."""
    rows = value(slot, given, version)
    if not isinstance(rows, list):
        return rows
    if rows and all(isinstance(row, dict) for row in rows):
        headers = list(dict.fromkeys(key for row in rows for key in row))
        return {"headers": headers, "data": [[row.get(key) for key in headers] for row in rows], "metadata": None}
    width = max((len(row) for row in rows if isinstance(row, list)), default=0)
    own = slot.default.get("headers") if isinstance(slot.default, dict) else None
    fits = isinstance(own, list) and len(own) == width
    return {"headers": own if fits else [str(n + 1) for n in range(width)], "data": rows, "metadata": None}


def label(slot: Slot, given: Sequence[object], version: Version) -> object:
    """Send a label: with its confidences, or alone."""
    said = value(slot, given, version)
    return said if isinstance(said, dict) else {"label": said, "confidences": None}


def tokens(slot: Slot, given: Sequence[object], version: Version) -> object:
    """Send a text in marked pieces: as Gradio has them, or as pairs of a piece and its mark."""
    pieces = value(slot, given, version)
    if not isinstance(pieces, list):
        return pieces
    return [
        {"token": piece[0], "class_or_confidence": piece[1]}
        if isinstance(piece, list) and len(piece) == _PAIR
        else piece
        for piece in pieces
    ]


def unknown(slot: Slot, given: Sequence[object], version: Version) -> object:
    """Send to a component that the table lacks: a file only where the app's schema says that it takes one as it is."""
    if not _has_files(given):
        return value(slot, given, version)
    if not slot.takes_file:
        raise Changed(f"{slot.title} is a {slot.component or 'component'} of which it is not known how it takes a file")
    return picture(slot, given, version)


def _has_files(given: Sequence[object]) -> bool:
    return any(isinstance(item, AppFile) or (isinstance(item, list) and _has_files(item)) for item in given)


def _app_files(slot: Slot, given: Sequence[object]) -> list[AppFile]:
    """The files of the values, which may be lists of them."""
    found: list[AppFile] = []
    for item in given:
        for one in item if isinstance(item, list) else [item]:
            if not isinstance(one, AppFile):
                raise Changed(f"{slot.title} is a {slot.component}: declare a parameter for files for it")
            found.append(one)
    return found


def _files(slot: Slot, given: Sequence[object]) -> list[object]:
    return [dict(item.data) for item in _app_files(slot, given)]


def _only(slot: Slot, found: Sequence[object]) -> object:
    if len(found) != 1:
        raise _too_many(slot, found, "one file")
    return found[0]


def _too_many(slot: Slot, found: Sequence[object], most: str) -> Rejected:
    return Rejected(f"the app's {slot.title} takes {most}, and {len(found)} files are given")


def _holds_file(given: object) -> bool:
    if isinstance(given, dict):
        meta = given.get("meta")
        marked = isinstance(meta, dict) and meta.get("_type") == MARK
        return marked or any(map(_holds_file, given.values()))
    return isinstance(given, list) and any(map(_holds_file, given))
