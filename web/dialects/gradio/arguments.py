"""The positional values of a call, as the parameters of a model. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from jobs import ids
from providers.discovery.signature import Function, Input
from web.http.problems import Problem

#: An upload as ``/upload`` names it, also behind the address that a client was given.
_UPLOAD: Final = re.compile(rf"(?:https?://[^?#]*/file=)?({ids.FILE})(?:/[^/?#]*)?")
_ADDRESS: Final = ("http://", "https://", "data:")
#: What the values of components call the file in them.
_INNER: Final = ("image", "video", "file")
_MESSAGE: Final = "multimodaltextbox"
_EDITOR: Final = "imageeditor"


@dataclass(slots=True)
class Arguments:
    """What a call gives.

    Args:
        given: By our names.
        places: The app's name of the input that each comes from.
        ignored: The app's names of inputs that were given, and always get what the app's page would send.
    """

    given: dict[str, Any] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)


def arguments(function: Function, data: Sequence[Any]) -> Arguments:
    """Read the values of a call. One that is left out at the end is the app's default.

    Raises:
        Problem: 400: there are too many, a needed one is missing, or a file is none that was uploaded here.
    """
    if len(data) > len(function.inputs):
        raise _bad(f"/{function.api_name} takes {len(function.inputs)} values, and {len(data)} were sent")
    found = Arguments()
    for number, entry in enumerate(function.inputs):
        is_sent = number < len(data)
        if not is_sent and entry.required:
            raise _bad(f"/{function.api_name} needs a value for {entry.name}")
        value = data[number] if is_sent else entry.default
        if not entry.params:
            found.ignored += [entry.name] if value not in (None, entry.default) else []
            continue
        for name, part in zip(entry.params, _parts(entry, value), strict=False):
            if part is not None:
                found.given[name], found.places[f"/input/{name}"] = part, f"/{entry.name}"
    return found


def by_name(function: Function, body: dict[str, Any]) -> list[Any]:
    """Values by the app's names, in their order.

    Raises:
        Problem: 400: there is no such name, or a needed one is missing.
    """
    names = [entry.name for entry in function.inputs]
    if unknown := sorted(set(body) - set(names)):
        raise _bad(f"/{function.api_name} has no parameter {unknown[0][:64]!r}; it has {', '.join(names)}")
    for entry in function.inputs:
        if entry.required and entry.name not in body:
            raise _bad(f"/{function.api_name} needs a value for {entry.name}")
    return [body.get(entry.name, entry.default) for entry in function.inputs]


def _parts(entry: Input, value: Any) -> Sequence[Any]:  # noqa: ANN401 - any JSON
    """What goes into each of the parameters of an input."""
    if value is None:
        return ()
    if entry.component == _MESSAGE and isinstance(value, dict):
        files = list(_sources(value.get("files"), entry.name))
        return (value.get("text") or None, *files)
    if entry.component == _EDITOR and isinstance(value, dict) and "composite" in value:
        layers = list(_sources([value.get("background"), *(value.get("layers") or ())], entry.name))
        return layers if len(entry.params) > 1 else list(_sources(value["composite"], entry.name)) or layers
    if not entry.is_file:
        # A slider of whole numbers tells a fraction as its default.
        return (int(value) if isinstance(value, float) and value.is_integer() else value,)
    files = list(_sources(value, entry.name))
    if entry.takes in {"images", "files"} and len(entry.params) == 1:
        return (files or None,)
    if len(files) > len(entry.params):
        raise _bad(f"{entry.name} takes {len(entry.params)} file, and {len(files)} were sent")
    return files


def _sources(value: Any, name: str) -> Iterator[str]:  # noqa: ANN401 - any JSON
    """The files in a value: ids of uploads, and addresses.

    Raises:
        Problem: 400: a file is none of these.
    """
    match value:
        case None:
            return
        case str():
            yield _source(value, name)
        case list():
            for item in value:
                yield from _sources(item, name)
        case {"path": str(path)}:
            yield _source(path, name)
        case {"url": str(url)}:
            yield _source(url, name)
        case dict():
            inner = [value[key] for key in _INNER if value.get(key) is not None]
            if not inner:
                raise _bad(f"{name} is no file: send what /upload answers, as {{path: …}}")
            yield from _sources(inner[0], name)
        case _:
            raise _bad(f"{name} is no file: send what /upload answers, as {{path: …}}")


def _source(text: str, name: str) -> str:
    if found := _UPLOAD.fullmatch(text):
        return found[1]
    if text.startswith(_ADDRESS):
        return text
    raise _bad(f"{name} is a file that was not uploaded here: send it to /upload, and what that answers as its path")


def _bad(detail: str) -> Problem:
    return Problem("invalid_input", f"{detail}.", status=400)
