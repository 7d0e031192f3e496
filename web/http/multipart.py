"""The front door for forms with a file: one strict reader, which puts the file on the disk as it comes in."""

from __future__ import annotations

import hashlib
import io
import re
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, NoReturn, Self

from flask import Request
from werkzeug.sansio.multipart import NEED_DATA, Data, Epilogue, Event, Field, File, MultipartDecoder, State

from web.http.json_body import check_encoding
from web.http.problems import Problem, invalid

#: Bytes of everything in a form but its file, of one field, and of what stands around the parts.
_REST_LIMIT: Final = 64 << 10
_FIELD_LIMIT: Final = 8 << 10
_HEAD_LIMIT: Final = 4 << 10
#: Parts of a form that is read kindly.
_MOST_PARTS: Final = 100
_CHUNK: Final = 64 << 10
#: RFC 2046 (5.1.1) wants 70 at most; Werkzeug's own client makes longer ones.
_BOUNDARY_LIMIT: Final = 200


class Form:
    """A form with one file of at most ``limit`` bytes, in ``folder``. A context manager: the file goes with the block.

    The file's part has one of the names in ``files``; any other is one of ``fields`` or matches ``more``, each once.
    """

    def __init__(
        self,
        *,
        files: Collection[str],
        fields: Collection[str],
        limit: int,
        folder: Path,
        more: re.Pattern[str] | None = None,
    ) -> None:
        self.texts: dict[str, str] = {}
        #: The name of the file's part; empty while there is none.
        self.part = ""
        #: The file's name, as the client calls it; empty where it does not.
        self.filename = ""
        folder.mkdir(parents=True, exist_ok=True)
        self.file: BinaryIO = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by __exit__
        self._files, self._fields, self._limit, self._more = files, fields, limit, more
        self._digest = hashlib.sha256()
        self._raw: dict[str, bytearray] = {}
        self._name = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.file.close()

    @property
    def sha256(self) -> str:
        """Of the file, hex."""
        return self._digest.hexdigest()

    @property
    def size(self) -> int:
        """Of the file that was read, in bytes."""
        return self.file.seek(0, io.SEEK_END)

    def read(self, request: Request) -> None:
        """Read a request's body.

        Raises:
            Problem: 400, 413, 415 or 422.
            RequestEntityTooLarge: It is longer than it could be.
        """
        request.max_content_length = self._limit + _REST_LIMIT
        for event in _events(request, _boundary(request)):
            match event:
                case Field() | File():
                    self._begin(event)
                case Data(data=data):
                    self._add(data)
        if not self.part:
            raise invalid(f"/{next(iter(self._files))}", "is missing: send the file in a part of this name")
        for name, raw in self._raw.items():
            self.texts[name] = _text(name, bytes(raw))

    def _begin(self, part: Field | File) -> None:
        name = str(part.name)[:64]
        if part.headers.get("Content-Transfer-Encoding", "binary").lower() not in {"7bit", "8bit", "binary"}:
            _refuse("has a part with a Content-Transfer-Encoding; send it without")
        if name in self._files:
            if self.part:
                raise invalid(f"/{name}", "is a second file; send one with each request")
            self.part, self.filename = name, part.filename if isinstance(part, File) else ""
        elif name not in self._fields and not (self._more and self._more.fullmatch(name)):
            raise invalid(
                f"/{name}", f"is not a known field; remove it, or use one of {', '.join([*self._files, *self._fields])}"
            )
        elif name in self._raw:
            raise invalid(f"/{name}", "is given twice")
        else:
            self._raw[name] = bytearray()
        self._name = name

    def _add(self, data: bytes) -> None:
        if self._name == self.part:
            self._digest.update(data)
            self.file.write(data)
            if self.file.tell() > self._limit:
                raise Problem("too_large", f"The file has more than {self._limit} bytes.")
        elif len(self._raw[self._name]) + len(data) > _FIELD_LIMIT:
            raise invalid(f"/{self._name}", f"is longer than {_FIELD_LIMIT} bytes")
        else:
            self._raw[self._name] += data


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file of a form: the name of its part, and its content."""

    name: str
    data: bytes


def read_parts(request: Request, *, limit: int, most_files: int) -> tuple[dict[str, str], list[FilePart]]:
    """Any form of at most ``limit`` bytes with some small files: its texts by their names, and its files.

    Raises:
        Problem: 400, 413, 415 or 422.
        RequestEntityTooLarge: It is longer than that.
    """
    request.max_content_length = limit
    found: list[tuple[Field | File, bytearray]] = []
    for event in _events(request, _boundary(request)):
        match event:
            case Field() | File():
                found.append((event, bytearray()))
            case Data(data=data):
                found[-1][1].extend(data)
                if isinstance(found[-1][0], Field) and len(found[-1][1]) > _REST_LIMIT:
                    raise invalid(f"/{str(found[-1][0].name)[:64]}", f"is longer than {_REST_LIMIT} bytes")
                if len(found) > _MOST_PARTS:
                    raise Problem("too_large", f"The form has more than {_MOST_PARTS} parts.")
    texts: dict[str, str] = {}
    files: list[FilePart] = []
    for part, raw in found:
        name = str(part.name)[:64]
        if isinstance(part, File):
            files.append(FilePart(name, bytes(raw)))
        elif name in texts:
            raise invalid(f"/{name}", "is given twice")
        else:
            texts[name] = _utf8(name, bytes(raw))
    if len(files) > most_files:
        raise invalid(f"/{files[-1].name}", f"is one file too many; send {most_files} at most")
    return texts, files


def _boundary(request: Request) -> bytes:
    check_encoding(request)
    boundary = request.mimetype_params.get("boundary", "")
    if request.mimetype != "multipart/form-data" or not 0 < len(boundary) <= _BOUNDARY_LIMIT or not boundary.isascii():
        raise Problem("unsupported_media", "Send a form: Content-Type: multipart/form-data, with its boundary.")
    return boundary.encode()


def _events(request: Request, boundary: bytes) -> Iterator[Event]:
    decoder = MultipartDecoder(boundary)
    event: Event = NEED_DATA
    while not isinstance(event, Epilogue):
        decoder.receive_data(request.stream.read(_CHUNK) or None)
        try:
            while (event := decoder.next_event()) is not NEED_DATA and not isinstance(event, Epilogue):
                yield event
        except ValueError:
            _refuse("is not a valid form, or ends too early")
        # Of a part's content only what may begin its end is held back; of what stands around it, all.
        if decoder.state is not State.DATA and len(decoder.buffer) > _HEAD_LIMIT:
            _refuse("has too much data before a part, or after the last one")


def _utf8(name: str, raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise invalid(f"/{name}", "is not UTF-8") from None


def _text(name: str, raw: bytes) -> str:
    text = _utf8(name, raw)
    if not text.isprintable():
        raise invalid(f"/{name}", "holds control characters")
    return text


def _refuse(what: str) -> NoReturn:
    raise Problem("invalid_input", f"The body {what}.", status=400)
