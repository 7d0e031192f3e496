"""The pictures of a submission: each is read once, made anew, and named by its hash."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Collection, Mapping
from typing import Final

from jobs.egress import BadAddress, Egress
from jobs.files.images import KEPT, SIDE_LIMIT, BadPicture, clean
from jobs.ids import new_file_id
from providers.inputs.images import FILE_ID_PATTERN, with_sources
from web.http.problems import invalid
from web.http.threads import aside
from web.schemas import Json

#: Pixels of all pictures inline in one request, and for how many a small one counts: 16 of the largest, or 256. A few
#: KB are a picture of the largest size where all its pixels are one, and each, however small, is a file to be stored.
PIXELS_LIMIT: Final = 16 * SIDE_LIMIT**2
_LEAST_PIXELS: Final = 1 << 20

#: The holder and the hash of a file that is stored already.
Held = tuple[str, str]


class Pictures:
    """Reads the pictures that one request names: inline, by an upload's id, or by that upload's own address.

    An address elsewhere stays as it is: whoever runs the job fetches it.

    Args:
        find: Gives an upload of the caller's by its id; None for any other id.
        egress: Where other addresses may lead.
        base: Scheme and host of our own addresses, as the client uses them.
    """

    def __init__(self, find: Callable[[str], Held | None], egress: Egress, base: str) -> None:
        self._find = find
        self._egress = egress
        self._own = re.compile(rf"{re.escape(base)}/v1/files/({FILE_ID_PATTERN})(?:/content)?")
        self._known: dict[str, Held] = {}
        self._hashes: dict[str, str] = {}
        self._contents: dict[str, bytes | str] = {}
        self._pixels = 0

    def know(self, held: Held) -> str:
        """An id that stands, in this request, for a file that is stored already."""
        file_id = new_file_id()
        self._known[file_id] = held
        return file_id

    def by_id(self, given: Json, names: Collection[str]) -> Json:
        """An input of any shape, its uploads named by their ids rather than by their addresses.

        Args:
            given: As it was submitted.
            names: Which parameters are pictures.
        """

        def swap(pointer: str, source: str) -> str:
            del pointer
            own = self._own.fullmatch(source)
            return source if own is None else own[1]

        return with_sources(given, names, swap)

    def by_hash(self, given: Json, names: Collection[str]) -> tuple[Json, Mapping[str, bytes | str]]:
        """An input that was found to be right, its pictures named by hash, and these pictures.

        Returns:
            The input, and by hash the picture itself or the id of who holds it.

        Raises:
            Problem: 422: one is broken, is no picture at all, is not there, or is behind a forbidden address; or those
                inline are too many.
        """
        found: dict[str, bytes | str] = {}

        def swap(pointer: str, source: str) -> str:
            if source.startswith(("http://", "https://")):
                self._check(f"/input{pointer}", source)
                return source
            if not (source.startswith("data:") or re.fullmatch(FILE_ID_PATTERN, source)):
                # Named by its hash already; or a text, at a provider where the parameter of this name is none.
                return source
            if source not in self._hashes:
                self._hashes[source] = self._read(f"/input{pointer}", source)
            digest = self._hashes[source]
            found[digest] = self._contents[digest]
            return KEPT + digest

        return with_sources(given, names, swap), found

    def _check(self, pointer: str, url: str) -> None:
        try:
            self._egress.check(url)
        except BadAddress as error:
            raise invalid(pointer, f"{error}; or upload the picture with POST /v1/files, and give its id") from None

    def _read(self, pointer: str, source: str) -> str:
        if not source.startswith("data:"):
            return self._upload(pointer, source)
        try:
            data, picture = aside(lambda: clean(base64.b64decode(source.partition(",")[2])))
        except BadPicture as error:
            raise invalid(pointer, f"cannot be used: {error}") from None
        self._pixels += max(_LEAST_PIXELS, picture.width * picture.height)
        if self._pixels > PIXELS_LIMIT:
            most = f"{PIXELS_LIMIT >> 20} megapixels in pictures that stand in the request itself, each at least one"
            raise invalid(pointer, f"is too much: {most}, are taken; upload it with POST /v1/files, and give its id")
        digest = hashlib.sha256(data).hexdigest()
        self._contents[digest] = data
        return digest

    def _upload(self, pointer: str, file_id: str) -> str:
        held = self._known.get(file_id) or self._find(file_id)
        if held is None:
            raise invalid(pointer, f"there is no file {file_id}, or no longer; upload it with POST /v1/files")
        holder, digest = held
        self._contents.setdefault(digest, holder)
        return digest
