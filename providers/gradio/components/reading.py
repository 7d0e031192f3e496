"""How the values of components are read, except for conversations and pages. Pure.

The shapes are those of the data models of Gradio 4.44, 5.50 and 6.31, each seen to come from a real app.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from media import Kind
from providers import clean
from providers.errors import Protocol
from providers.gradio.answers.files import Found, Reader, Stored, find, kind_of, value_of
from providers.gradio.components import conversation
from providers.gradio.untrusted_json import loads

_CAPTION: Final = 500
_LABEL: Final = 100
#: Reads the value of a component of this name.
ReadComponent = Callable[[str, object], Iterator[Found]]
#: Deepest nesting in which files are looked for where the shape is not known.
_DEPTH: Final = 6


def files(kind: Kind | None = None) -> Reader:
    """Reads a file or a list of them, all of this kind; by their types and endings where it is None."""

    def read(value: object) -> Iterator[Found]:
        for item in value if isinstance(value, list | tuple) else [value]:
            file = find(item)
            if file is not None:
                yield Found(kind or kind_of(file), file)

    return read


picture: Final = files("image")


def text(value: object) -> Iterator[Found]:
    """Reads a text."""
    if isinstance(value, str):
        yield Found("text", value)


def data(value: object) -> Iterator[Found]:
    """Reads any value; a lone text stays one."""
    yield Found("text" if isinstance(value, str) else "json", value)


def document(value: object) -> Iterator[Found]:
    """Reads a JSON document, which a lone text is too."""
    yield Found("json", value)


def filled(value: object) -> Iterator[Found]:
    """Reads any value that has something in it."""
    if value not in ({}, []):
        yield from data(value)


def video(value: object) -> Iterator[Found]:
    """Reads a video: a file (6), or one with subtitles (4 and 5)."""
    if not (isinstance(value, dict) and "video" in value):
        yield from files("video")(value)
        return
    yield from files("video")(value["video"])
    yield from named("subtitles", value.get("subtitles"))


def named(label: str, value: object) -> Iterator[Found]:
    """Reads a file that is not the main thing, and has a name of its own."""
    return (replace(found, label=label) for found in files("file")(value))


def gallery(value: object) -> Iterator[Found]:
    """Reads pictures and videos with their captions."""
    for item in value if isinstance(value, list) else []:
        if not isinstance(item, dict):
            continue
        caption = clean.text(item.get("caption"), _CAPTION)
        found = video(item) if "video" in item else picture(item.get("image"))
        yield from (replace(one, caption=caption) if not one.label else one for one in found)


def editor(value: object) -> Iterator[Found]:
    """Reads an editor's picture: as it looks, and what it is made of."""
    if not isinstance(value, dict):
        yield from picture(value)
        return
    whole = list(picture(value.get("composite")))
    ground = list(picture(value.get("background")))
    layers = value.get("layers")
    parts = [found for layer in (layers if isinstance(layers, list) else []) for found in picture(layer)]
    yield from whole or ground
    if parts:
        yield from (replace(found, label="background") for found in ground if whole)
        yield from (replace(found, label=f"layer {number}") for number, found in enumerate(parts, 1))


def annotated(value: object) -> Iterator[Found]:
    """Reads a picture and its masks, each with its label."""
    if not isinstance(value, dict):
        return
    yield from picture(value.get("image"))
    notes = value.get("annotations")
    for note in notes if isinstance(notes, list) else []:
        if isinstance(note, dict):
            label = clean.text(note.get("label"), _LABEL) or "mask"
            yield from (replace(found, label=label) for found in picture(note.get("image")))


def plot(value: object) -> Iterator[Found]:
    """Reads a plot: a picture (matplotlib), or the data of a page's chart (plotly, altair, bokeh)."""
    drawn = value.get("plot") if isinstance(value, dict) else None
    if not isinstance(drawn, str):
        return
    file = find(drawn)
    if file is not None:
        yield Found("image", file)
        return
    try:
        yield Found("json", loads(drawn))
    except Protocol:
        yield Found("text", drawn)


def text_and_files(value: object) -> Iterator[Found]:
    """Reads a text that may have files."""
    if isinstance(value, dict):
        yield from text(value.get("text"))
        yield from files()(value.get("files"))
    else:
        yield from text(value)


def talk(value: object, inner: ReadComponent) -> Iterator[Found]:
    """Reads the answer of a conversation: what was said since the user's last words.

    The last words are the text. The files of the turn are kept; and if it has more than words and files, such as the
    calls of tools, the turn as the app sent it.
    """
    turn = conversation.turn(value)
    contents = [part for message in turn for part in conversation.parts(message.get("content"))]
    said = [
        text
        for message in turn
        if not conversation.is_aside(message)
        if (text := conversation.words(message.get("content"))) is not None
    ]
    if said:
        yield Found("text", said[-1])
    for part in contents:
        yield from _shown(part, inner)
    if len(said) > 1 or any(conversation.is_aside(message) for message in turn):
        yield Found("json", [dict(message) for message in turn], "conversation")


def _shown(part: object, inner: ReadComponent) -> Iterator[Found]:
    """What a part of a message shows that is no text: a file, or a component."""
    if not isinstance(part, dict):
        return
    file = find(part.get("file")) if "file" in part else find(part)
    if file is not None:
        yield Found(kind_of(file), file)
    elif isinstance(part.get("component"), str):
        yield from inner(str(part["component"]).lower(), part.get("value"))


def by_shape(value: object) -> Iterator[Found]:
    """Reads a value of which nothing else is known: the files in it, a text, or data."""
    value = value_of(value)
    inside = list(_inside(value))
    yield from (Found(kind_of(file), file) for file in inside)
    if value is not None and not (inside and _is_all_files(value)):
        yield from data(value)


def _inside(value: object, depth: int = _DEPTH) -> Iterator[Stored]:
    file = find(value)
    if file is not None:
        yield file
    elif depth:
        items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        for item in items:
            yield from _inside(item, depth - 1)


def _is_all_files(value: object) -> bool:
    return find(value) is not None or (isinstance(value, list) and all(find(item) is not None for item in value))
