"""Files in Gradio's data: how to find them, and their URLs. Pure."""

from __future__ import annotations

import base64
import binascii
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from media import IMAGE_FORMATS
from providers import clean
from providers.events import InlineFile

_IMAGE_SUFFIXES = frozenset(suffix for entry in IMAGE_FORMATS for suffix in entry.suffixes)
_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w=.-]+)*;base64,")
_PATH_LIMIT = 4096


@dataclass(frozen=True, slots=True)
class Reference:
    """A file at the app, by its path there, or (streams only) by a URL."""

    name: str
    path: str | None
    url: str | None
    is_image: bool


def find(data: object) -> Reference | InlineFile | None:
    """Find the file in an output's data.

    Args:
        data: ``FileData`` of Gradio 4 to 6, ``{"name", "data", "is_file"}`` of Gradio 3, an item of a gallery, or a ``data:`` URL.

    Returns:
        None if ``data`` is not a file.
    """
    if isinstance(data, str):
        return _inline("file", data)
    if not isinstance(data, dict):
        return None
    for key in ("image", "video"):
        if isinstance(data.get(key), dict | str):
            return find(data[key])
    path = _text(data.get("path")) or (_text(data.get("name")) if data.get("is_file") is True else None)
    name = clean.text(data.get("orig_name"), 100) or clean.text(posixpath.basename(path or ""), 100) or "file"
    for key in ("data", "url"):
        if path is None and (inline := _inline(name, data.get(key))):
            return inline
    return _reference(data, name, path)


def _reference(data: Mapping[str, object], name: str, path: str | None) -> Reference | None:
    url = _text(data.get("url"))
    if path is None and url is None:
        return None
    # Other data, such as a JSON output, is a file only if it says so.
    if path is None and not ("meta" in data or "is_stream" in data or "orig_name" in data):
        return None
    # A stream has no path on the disk. Otherwise the URL is ignored: the server may not know its own address.
    streamed = data.get("is_stream") is True and url is not None
    kind = data.get("mime_type")
    suffix = posixpath.splitext(path or (url or "").partition("?")[0])[1].lower()
    is_image = kind.startswith("image/") if isinstance(kind, str) else suffix in _IMAGE_SUFFIXES
    return Reference(name=name, path=None if streamed else path, url=url, is_image=is_image)


def _inline(name: str, value: object) -> InlineFile | None:
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
    if url.startswith("/") and not url.startswith("//"):
        return base + quote(unquote(url), safe="/=?&:@,+")
    return url if same_origin(url, base) else None


def same_origin(url: str, base: str) -> bool:
    """Whether both have the same scheme, host and port."""
    try:
        return _origin(url) == _origin(base)
    except ValueError:
        return False


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= _PATH_LIMIT else None
