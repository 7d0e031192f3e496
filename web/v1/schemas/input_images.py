"""The images of a request: each is read once, encoded again, and named by its hash."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from jobs import ids
from jobs.egress import BadAddress, Egress
from jobs.files.images import KEPT, SIDE_LIMIT, BadImage, clean
from providers.inputs.images import with_sources
from web.http.json_body import Json
from web.http.problems import invalid
from web.http.threads import aside

#: Most pixels of all inline images of a request, and the least that each counts for: 16 of the largest, or 256 small
#: ones. A file of a few KB can be an image of the largest size; and each image, however small, is a file to be stored.
PIXELS_LIMIT: Final = 16 * SIDE_LIMIT**2
_LEAST_PIXELS: Final = 1 << 20

#: The holder and the hash of a file that is stored already.
Held = tuple[str, str]


@dataclass(frozen=True, slots=True)
class ReadInput:
    """An input whose images were read.

    Args:
        given: The input with its images named by their hashes.
        names: The name by hash of each source that has one.
        contents: By hash the image itself, or the id of who holds it.
    """

    given: Json
    names: Mapping[str, str]
    contents: Mapping[str, bytes | str]

    def rename(self, used: Json, params: Collection[str]) -> Json:
        """A provider's normalised input with its images renamed too. Normalising leaves images in parameters only."""

        def renamed(value: object) -> object:
            if isinstance(value, list):
                return [renamed(item) for item in value]
            return self.names.get(value, value) if isinstance(value, str) else value

        return {name: renamed(value) if name in params else value for name, value in used.items()}


class InputImages:
    """Reads the images that one request names: inline, by an upload's id, or by that upload's own address.

    An address elsewhere stays as it is: the worker that runs the job fetches it.

    Args:
        find: Gives an upload of the caller's by its id; None for any other id.
        egress: Where other addresses may lead.
        base: Scheme and host of our own addresses, as the client uses them.
    """

    def __init__(self, find: Callable[[str], Held | None], egress: Egress, base: str) -> None:
        self._find = find
        self._egress = egress
        self._own = re.compile(rf"{re.escape(base)}/v1/files/({ids.FILE})(?:/content)?")
        self._known: dict[str, Held] = {}
        self._hashes: dict[str, str] = {}
        self._contents: dict[str, bytes | str] = {}
        self._pixels = 0

    def know(self, held: Held) -> str:
        """An id that stands, in this request, for a file that is stored already."""
        file_id = ids.new_file_id()
        self._known[file_id] = held
        return file_id

    def read(self, given: Json, params: Collection[str]) -> ReadInput:
        """Read the images of an input that was admitted.

        Args:
            given: As it was submitted.
            params: Names of the parameters that are images, at any provider that may be asked.

        Raises:
            Problem: 422: one is broken, is no image at all, is not there, or is behind a forbidden address; or those
                inline are too many.
        """
        names: dict[str, str] = {}
        contents: dict[str, bytes | str] = {}

        def swap(pointer: str, source: str) -> str:
            digest = self._digest(f"/input{pointer}", source)
            if digest is None:
                return source
            names[source] = KEPT + digest
            contents[digest] = self._contents[digest]
            return names[source]

        return ReadInput(with_sources(given, params, swap), names, contents)

    def _digest(self, pointer: str, source: str) -> str | None:
        """The hash of a source; None for what stays as it is: an address elsewhere, or a text.

        A parameter may be an image at one provider, and a text at another.
        """
        if own := self._own.fullmatch(source):
            source = own[1]
        elif source.startswith(("http://", "https://")):
            self._check(pointer, source)
            return None
        elif not (source.startswith("data:") or re.fullmatch(ids.FILE, source)):
            return None
        if source not in self._hashes:
            self._hashes[source] = self._read(pointer, source)
        return self._hashes[source]

    def _check(self, pointer: str, url: str) -> None:
        try:
            self._egress.check(url)
        except BadAddress as error:
            raise invalid(pointer, f"{error}; or upload the image with POST /v1/files and use its id") from None

    def _read(self, pointer: str, source: str) -> str:
        if not source.startswith("data:"):
            return self._upload(pointer, source)
        try:
            data, image = aside(lambda: clean(base64.b64decode(source.partition(",")[2])))
        except BadImage as error:
            raise invalid(pointer, f"cannot be used: {error}") from None
        self._pixels += max(_LEAST_PIXELS, image.width * image.height)
        if self._pixels > PIXELS_LIMIT:
            most = f"exceeds the limit of {PIXELS_LIMIT >> 20} megapixels of inline images per request"
            raise invalid(
                pointer, f"{most} (each image counts as at least 1); upload it with POST /v1/files and use its id"
            )
        digest = hashlib.sha256(data).hexdigest()
        self._contents[digest] = data
        return digest

    def _upload(self, pointer: str, file_id: str) -> str:
        held = self._known.get(file_id) or self._find(file_id)
        if held is None:
            raise invalid(
                pointer, f"names a file that does not exist or was deleted ({file_id}); upload it with POST /v1/files"
            )
        holder, digest = held
        self._contents.setdefault(digest, holder)
        return digest
