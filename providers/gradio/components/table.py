"""The one table of Gradio's components: what goes into each, and what comes out. Pure.

Names are those of ``/config``. A template has the name of what it is made of: ``gr.ImageMask``, ``gr.Sketchpad`` and
``gr.Paint`` are an ``imageeditor``, ``gr.TextArea`` a ``textbox``, ``gr.Files`` a ``file``, ``gr.Microphone`` an
``audio``, ``gr.PlayableVideo`` a ``video``, ``gr.Matrix``, ``gr.Numpy`` and ``gr.List`` a ``dataframe``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from media import Kind
from providers.gradio.answers.files import Found, Reader, value_of
from providers.gradio.components import conversation, pages, reading, sending
from providers.gradio.components.sending import AppFile, Sender
from providers.gradio.endpoints import Output, Slot
from providers.spec import FILE_TYPES, ParamType


def _is_empty(value: object) -> bool:
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return value in (None, "") if items is None else all(map(_is_empty, items))


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One component.

    Args:
        name: As ``/config`` has it.
        takes: The parameter type for what goes in; for several, see :func:`param_type`. None: nothing of ours does.
        send: Makes the argument.
        untouched: What the page sends where nobody touched it and it has no value.
        gives: The kind that comes out: of the first output, where there are several; None for a file, which tells it.
        read: Reads what comes out. None: it is never an output, but part of the page.
        shows_nothing: Whether a value of which nothing was read has nothing to read.
        beside: What of an update is a file beside the value, by its name there.
    """

    name: str
    takes: ParamType | None
    gives: Kind | None = None
    read: Reader | None = None
    send: Sender = sending.value
    untouched: object = None
    shows_nothing: Callable[[object], bool] = _is_empty
    beside: tuple[str, ...] = ()


def _talk(value: object) -> Iterator[Found]:
    return reading.talk(value, lambda name, inner: iter(read(Output(name), inner).found))


def _data(name: str, takes: ParamType | None = "json", **more: object) -> Component:
    return Component(name=name, takes=takes, gives="json", read=reading.data, **more)  # type: ignore[arg-type]


def _words(name: str, **more: object) -> Component:
    return Component(name=name, takes="string", gives="text", read=reading.text, **more)  # type: ignore[arg-type]


_EMPTY_EDITOR: Final[object] = {"background": None, "layers": [], "composite": None}
_EMPTY_MESSAGE: Final = {"text": "", "files": []}
_EMPTY_TABLE: Final = {"headers": ["1", "2", "3"], "data": [["", "", ""]], "metadata": None}

_ROWS: Final = (
    # ---- pictures
    Component(name="image", takes="image", send=sending.picture, gives="image", read=reading.picture),
    Component(
        name="imageeditor",
        takes="image",
        send=sending.editor,
        untouched=_EMPTY_EDITOR,
        gives="image",
        read=reading.editor,
    ),
    Component(
        name="imageslider",
        takes="images",
        send=sending.pair,
        untouched=[None, None],
        gives="image",
        read=reading.picture,
    ),
    Component(name="annotatedimage", takes="image", send=sending.annotated, gives="image", read=reading.annotated),
    Component(name="gallery", takes="images", send=sending.gallery, untouched=[], gives="image", read=reading.gallery),
    Component(name="plot", takes="json", gives="image", read=reading.plot),
    # ---- other files
    Component(
        name="video", takes="video", send=sending.video, gives="video", read=reading.video, beside=("subtitles",)
    ),
    Component(name="audio", takes="audio", send=sending.file, gives="audio", read=reading.files("audio")),
    Component(name="model3d", takes="file", send=sending.file, gives="model", read=reading.files("model")),
    Component(name="file", takes="file", send=sending.file, read=reading.files()),
    Component(name="downloadbutton", takes="file", send=sending.file, read=reading.files()),
    Component(name="uploadbutton", takes="file", send=sending.file, read=reading.files()),
    # ---- texts
    _words("textbox", untouched=""),
    _words("code", untouched=""),
    _words("colorpicker"),
    _words("datetime", untouched=""),
    Component(name="html", takes="string", untouched="", gives="text", read=pages.html),
    Component(name="markdown", takes="string", untouched="", gives="text", read=pages.markdown),
    Component(
        name="multimodaltextbox",
        takes="string",
        send=sending.text_and_files,
        untouched=_EMPTY_MESSAGE,
        gives="text",
        read=reading.text_and_files,
    ),
    Component(
        name="chatbot",
        takes="json",
        send=sending.talk,
        untouched=[],
        gives="text",
        read=_talk,
        # The answer may still be to come.
        shows_nothing=conversation.is_conversation,
    ),
    Component(name="dialogue", takes="string", gives="text", read=reading.data),
    # ---- one value, or a choice
    _data("number", "number"),
    _data("slider", "number"),
    _data("checkbox", "boolean", untouched=False),
    Component(name="radio", takes="string", gives="text", read=reading.data),
    Component(name="dropdown", takes="string", send=sending.items, gives="text", read=reading.data),
    _data("checkboxgroup", "strings", send=sending.items, untouched=[]),
    # ---- data
    Component(name="json", takes="json", gives="json", read=reading.document),
    Component(name="api", takes="json", gives="json", read=reading.by_shape),
    _data("fileexplorer"),
    _data("paramviewer"),
    Component(name="workflowcanvas", takes=None, gives="text", read=reading.text),
    _data("nativeplot", None),
    _data("dataframe", send=sending.table, untouched=_EMPTY_TABLE),
    Component(name="label", takes="json", send=sending.label, gives="json", read=reading.filled),
    Component(name="highlightedtext", takes="json", send=sending.tokens, gives="json", read=reading.filled),
    # ---- the page's own: never an output
    *(
        Component(name=name, takes=None)
        for name in (
            "state", "browserstate", "button", "clearbutton", "duplicatebutton", "loginbutton", "logoutbutton",
            "deeplinkbutton", "timer", "dataset", "navbar",
        )
    ),
    *(
        Component(name=name, takes=None)
        for name in (
            "row", "column", "tabs", "tabitem", "group", "form", "accordion", "box", "sidebar", "walkthrough", "step",
        )
    ),
)  # fmt: skip

#: By the name that ``/config`` has.
TABLE: Final[Mapping[str, Component]] = MappingProxyType({row.name: row for row in _ROWS})
#: A component with no row: what it gives is read by its shape.
_UNKNOWN: Final = Component(name="", takes=None, send=sending.unknown, read=reading.by_shape)
#: Names that say nothing of what they hold: its shape does.
_ANYTHING: Final = frozenset({"fallback"})


@dataclass(frozen=True, slots=True)
class Reading:
    """What an output shows; ``strange``: it has no row, or its value another shape, so that the value is kept as it is."""

    found: tuple[Found, ...] = ()
    strange: bool = False


def read(output: Output, item: object) -> Reading:
    """Read an output, whose updates (``gr.update``, ``gr.Image(value=…)``) stand for their value."""
    value = value_of(item)
    row = TABLE.get(output.component)
    if value is None:
        return Reading()
    if row is None:
        return Reading(tuple(reading.by_shape(value)), strange=output.component not in _ANYTHING)
    if row.read is None:
        return Reading()
    found = tuple(row.read(value))
    if not found and not row.shows_nothing(value):
        return Reading(tuple(reading.by_shape(value)), strange=True)
    update = item if isinstance(item, dict) and value is not item else {}
    return Reading((*found, *(one for name in row.beside for one in reading.named(name, update.get(name)))))


def argument(slot: Slot, given: Sequence[object], version: tuple[int, ...]) -> object:
    """What is sent for an input.

    Args:
        slot: The input.
        given: The values of the parameters that are for it: JSON, files of the app, and lists of those. None is none.
        version: Of Gradio.

    Raises:
        Changed: The component takes no such value.
        Rejected: It takes fewer files.
    """
    row = TABLE.get(slot.component, _UNKNOWN)
    present = [value for value in given if value is not None]
    if present:
        return row.send(slot, present, version)
    if slot.default is not None:
        return slot.default
    return [] if slot.several and slot.component == "dropdown" else deepcopy(row.untouched)


def param_type(slot: Slot) -> ParamType | None:
    """The parameter type that an input is declared with; None if it takes nothing of ours, or is not known."""
    takes = TABLE.get(slot.component, _UNKNOWN).takes
    return _SEVERAL.get(takes, takes) if slot.several and takes else takes


def fits(slot: Slot, value: object) -> bool:
    """Whether an input can take a value at all, so far as its component tells: of one that is not known, it does not."""
    takes = param_type(slot)
    if isinstance(value, AppFile) or (isinstance(value, list) and any(isinstance(item, AppFile) for item in value)):
        return takes in FILE_TYPES or slot.component == "multimodaltextbox"
    if takes is None or takes in FILE_TYPES:
        return False
    if slot.component in {"radio", "dropdown"} and not slot.several:
        return isinstance(value, str) or _is_number(value)
    return _FITS[takes](value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_SEVERAL: Final[Mapping[ParamType, ParamType]] = {"file": "files", "string": "strings"}
_FITS: Final[Mapping[str, Callable[[object], bool]]] = {
    "string": lambda value: isinstance(value, str),
    "number": _is_number,
    "boolean": lambda value: isinstance(value, bool),
    "strings": lambda value: isinstance(value, list),
    "json": lambda _: True,
}
