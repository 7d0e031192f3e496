"""What an output of an app shows, the files in its data among it: how to find them, and their URLs. Pure."""

from __future__ import annotations

import base64
import binascii
import mimetypes
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote, unquote_to_bytes, urlsplit

from media import FORMATS, HEAD, KINDS, UNKNOWN, Kind, recognise
from providers import clean
from providers.events import InlineFile

_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w=.-]+)*;base64,")
#: As Gradio sends an SVG.
_QUOTED_URL = "data:image/svg+xml,"
#: What a file of Gradio says of itself, and all that it has where it does not yet (before 4.20).
MARK = "gradio.FileData"
_BEFORE_MARK = frozenset({"path", "url", "size", "orig_name", "mime_type"})
_PATH_LIMIT = 4096
#: An address whose authority has only the characters of RFC 3986. Others make one server for one reader, another for
#: the next: the backslash above all.
_ADDRESS = re.compile(r"https?://[A-Za-z0-9._~%!$&'()*+,;=:@\[\]-]+(?=[/?#]|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reference:
    """A file at the app, by its path there, or (streams only) by a URL.

    Its kind is told by its type or its ending; of some files neither is known.
    """

    name: str
    path: str | None
    url: str | None
    kind: Kind | None = None
    is_stream: bool = False


#: A file at the app, or one that came in the answer itself.
Stored = Reference | InlineFile


@dataclass(frozen=True, slots=True)
class Found:
    """One thing in an answer.

    Args:
        kind: None for a file whose kind only its bytes tell.
        value: A :data:`Stored` file, a text, or any JSON, by the kind.
        label: What people call it; empty where that is the label of its output.
        caption: What the app says of it.
    """

    kind: Kind | None
    value: object
    label: str = ""
    caption: str = ""

    @property
    def file(self) -> Stored | None:
        """Its file; None if it is a text or data."""
        return None if self.kind in {"text", "json"} else self.value  # type: ignore[return-value]

    @property
    def is_blank(self) -> bool:
        """Whether it is a text that shows nothing."""
        return self.kind == "text" and not str(self.value).strip()


#: Reads the value of an output. What it does not understand it leaves out.
Reader = Callable[[object], Iterator[Found]]


def value_of(data: object) -> object:
    """An output's value: an update of its component (``gr.update``, ``gr.Image(value=…)``) holds it; None if it has none."""
    return data.get("value") if isinstance(data, dict) and data.get("__type__") == "update" else data


def leaves_value(data: object) -> bool:
    """Whether an output is an update that says nothing of the value: the page goes on showing the one it has."""
    return isinstance(data, dict) and data.get("__type__") == "update" and "value" not in data


def find(data: object) -> Stored | None:
    """The file that a value is; None if it is none.

    A file is ``FileData`` (Gradio 4 to 6), ``{"name", "data", "is_file"}`` (3), or a ``data:`` URL.
    """
    if isinstance(data, str):
        return _inline("file", data)
    if not isinstance(data, dict):
        return None
    path = _text(data.get("path")) or (_text(data.get("name")) if data.get("is_file") is True else None)
    name = clean.text(data.get("orig_name"), 100) or clean.text(posixpath.basename(path or ""), 100) or "file"
    for key in ("data", "url"):
        if path is None and (inline := _inline(name, data.get(key))):
            return inline
    return _reference(data, name, path)


def kind_of(file: Stored) -> Kind | None:
    """The kind of a file by the app's word for it or its ending; None where only its bytes tell."""
    if isinstance(file, Reference):
        return file.kind
    found = recognise(file.data[:HEAD])
    return None if found is UNKNOWN else found.kind


def _reference(data: Mapping[str, object], name: str, path: str | None) -> Reference | None:
    url = _text(data.get("url"))
    if path is None and url is None:
        return None
    if data.get("is_file") is not True and not _is_marked(data):
        return None
    # A stream has no path on the disk. Otherwise the URL is ignored: the server may not know its own address.
    streamed = data.get("is_stream") is True and url is not None
    return Reference(
        name=name,
        path=None if streamed else path,
        url=url,
        kind=_kind(data.get("mime_type"), path or url),
        is_stream=streamed,
    )


def _kind(mime_type: object, address: str | None) -> Kind | None:
    suffix = posixpath.splitext((address or "").partition("?")[0])[1].lower()
    known = next((row.kind for row in FORMATS.values() if row is not UNKNOWN and suffix in row.suffixes), None)
    if known is not None:
        return known
    told = mime_type if isinstance(mime_type, str) else mimetypes.guess_type(f"a{suffix}", strict=False)[0] or ""
    row = KINDS.get(told.partition("/")[0])
    return row.name if row is not None and row.is_file else ("file" if told else None)


def _is_marked(data: Mapping[str, object]) -> bool:
    """Whether it is a file of Gradio: other data, such as a JSON output, may have a path of its own."""
    meta = data.get("meta")
    if meta is None:
        return _BEFORE_MARK <= data.keys() <= _BEFORE_MARK | {"is_stream", "meta"}
    return isinstance(meta, dict) and meta.get("_type") == MARK


def _inline(name: str, value: object) -> InlineFile | None:
    if isinstance(value, str) and value.startswith(_QUOTED_URL):
        return InlineFile(name, unquote_to_bytes(value[len(_QUOTED_URL) :]))
    match = _DATA_URL.match(value) if isinstance(value, str) else None
    if match is None or not isinstance(value, str):
        return None
    try:
        return InlineFile(name, base64.b64decode(value[match.end() :], validate=True))
    except (binascii.Error, ValueError):
        return None


def address(base: str, prefix: str, reference: Reference) -> str | None:
    """The URL to fetch it from; None if the app names another host.

    The whole path is quoted, as Gradio 4.44 to 6.31 read it (recorded).
    """
    if reference.path is not None:
        return f"{base}{prefix}/file={quote(reference.path)}"
    url = reference.url or ""
    if reference.is_stream and "/stream/" in url:
        # The path of the call stands before it in 4.44, which leads nowhere.
        url = f"{prefix}{url[url.index('/stream/') :]}"
        # The whole of it, and not the list of its pieces, which the page plays (5 and 6).
        url = url.replace("/playlist.m3u8", "/playlist-file")
    if url.startswith("/") and not url.startswith("//"):
        return base + quote(unquote(url), safe="/=?&:@,+")
    return url if same_origin(url, base) else None


def same_origin(url: str, base: str) -> bool:
    """Whether both have the same scheme, host and port. Of an odd address it is not known: readers differ in it."""
    try:
        return _origin(url) == _origin(base)
    except ValueError:
        return False


def _origin(url: str) -> tuple[str, str | None, int | None]:
    if not _ADDRESS.match(url):
        raise ValueError(url)
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= _PATH_LIMIT else None
