"""The files of a request: each is read once, an image is encoded again, and all are named by their hashes."""

from __future__ import annotations

import base64
import hashlib
import mimetypes
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from jobs import ids
from jobs.egress import BadAddress, Egress
from jobs.files.image_terms import SIDE_LIMIT, BadImage
from jobs.files.images import clean
from jobs.files.input_files import KeptFile, check, ending_of, is_of
from media import UNKNOWN, Kind, format_of, kind_of
from providers.inputs.images import param_of, with_sources
from providers.spec import FILE_TYPES, ParamType
from web.http.problems import invalid
from web.http.threads import aside

#: Most pixels of all inline images of a request, and the least that each counts for: 16 of the largest, or 256 small
#: ones. A file of a few KB can be an image of the largest size; and each image, however small, is a file to be stored.
PIXELS_LIMIT: Final = 16 * SIDE_LIMIT**2
_LEAST_PIXELS: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Held:
    """A file that is stored already.

    Args:
        holder: The id of who holds it.
        digest: Its hash.
        content_type: Empty: it was checked for the parameter that it is for.
        name: What the client calls it.
        ending: Of a file that was checked.
    """

    holder: str
    digest: str
    content_type: str = ""
    name: str = ""
    ending: str = ""


@dataclass(frozen=True, slots=True)
class ReadInput:
    """An input whose files were read.

    Args:
        given: The input with its files named by their hashes.
        names: The name by hash of each source that has one.
        contents: By hash the file itself, or the id of who holds it.
    """

    given: dict[str, Any]
    names: Mapping[str, str]
    contents: Mapping[str, bytes | str]

    def rename(self, used: dict[str, Any], params: Collection[str]) -> dict[str, Any]:
        """A provider's normalised input with its files renamed too. Normalising leaves files in parameters only."""

        def renamed(value: object) -> object:
            if isinstance(value, list):
                return [renamed(item) for item in value]
            return self.names.get(value, value) if isinstance(value, str) else value

        return {name: renamed(value) if name in params else value for name, value in used.items()}


@lru_cache(maxsize=256)
def _own_addresses(base: str) -> re.Pattern[str]:
    """The addresses of uploads, where clients use this scheme and host."""
    return re.compile(rf"{re.escape(base)}/v1/files/({ids.FILE})(?:/content)?")


class InputImages:
    """Reads the files that one request names: inline, by an upload's id, or by that upload's own address.

    An address elsewhere stays as it is: the worker that runs the job fetches it.

    Args:
        find: Gives an upload of the caller's by its id; None for any other id.
        egress: Where other addresses may lead.
        base: Scheme and host of our own addresses, as the client uses them.
    """

    def __init__(self, find: Callable[[str], Held | None], egress: Egress, base: str) -> None:
        self._find = find
        self._egress = egress
        self._own = _own_addresses(base)
        self._known: dict[str, Held] = {}
        self._read_already: dict[tuple[str, ParamType], KeptFile] = {}
        self._contents: dict[str, bytes | str] = {}
        self._pixels = 0

    def know(self, held: Held) -> str:
        """An id that stands, in this request, for a file that is stored already."""
        file_id = ids.new_id("file")
        self._known[file_id] = held
        return file_id

    def read(self, given: dict[str, Any], params: Mapping[str, ParamType]) -> ReadInput:
        """Read the files of an input that was admitted.

        Args:
            given: As it was submitted.
            params: The parameters that take files, at any provider that may be asked, and their types.

        Raises:
            Problem: 422: one is broken, is not what is wanted, is not there, or is behind a forbidden address; or the
                images inline are too many.
        """
        names: dict[str, str] = {}
        contents: dict[str, bytes | str] = {}

        def swap(pointer: str, source: str) -> str:
            found = self._named(f"/input{pointer}", source, params.get(param_of(pointer), "image"))
            if found is None:
                return source
            names[source] = str(found)
            contents[found.digest] = self._contents[found.digest]
            return names[source]

        return ReadInput(with_sources(given, params, swap), names, contents)

    def _named(self, pointer: str, source: str, wanted: ParamType) -> KeptFile | None:
        """What a source is named by; None for what stays as it is: an address elsewhere, or a text.

        A parameter may be a file at one provider, and a text at another.
        """
        if own := self._own.fullmatch(source):
            source = own[1]
        elif source.startswith(("http://", "https://")):
            self._check(pointer, source)
            return None
        elif not (source.startswith("data:") or re.fullmatch(ids.FILE, source)):
            return None
        if (source, wanted) not in self._read_already:
            self._read_already[source, wanted] = self._read(pointer, source, FILE_TYPES[wanted])
        return self._read_already[source, wanted]

    def _check(self, pointer: str, url: str) -> None:
        try:
            self._egress.check(url)
        except BadAddress as error:
            raise invalid(pointer, f"{error}; or upload the file with POST /v1/files and use its id") from None

    def _read(self, pointer: str, source: str, wanted: Kind | None) -> KeptFile:
        try:
            if not source.startswith("data:"):
                return self._upload(pointer, source, wanted)
            head, _, text = source.partition(",")
            inline = base64.b64decode(text)
            data, ending = self._image(pointer, inline) if wanted == "image" else _file(inline, head, wanted)
        except BadImage as error:
            raise invalid(pointer, f"cannot be used: {error}") from None
        digest = hashlib.sha256(data).hexdigest()
        self._contents[digest] = data
        return KeptFile(digest, ending)

    def _image(self, pointer: str, inline: bytes) -> tuple[bytes, str]:
        data, image = aside(lambda: clean(inline))
        self._pixels += max(_LEAST_PIXELS, image.width * image.height)
        if self._pixels > PIXELS_LIMIT:
            most = f"exceeds the limit of {PIXELS_LIMIT >> 20} megapixels of inline images per request"
            raise invalid(
                pointer, f"{most} (each image counts as at least 1); upload it with POST /v1/files and use its id"
            )
        return data, ""

    def _upload(self, pointer: str, file_id: str, wanted: Kind | None) -> KeptFile:
        held = self._known.get(file_id) or self._find(file_id)
        if held is None:
            raise invalid(
                pointer, f"names a file that does not exist or was deleted ({file_id}); upload it with POST /v1/files"
            )
        self._contents.setdefault(held.digest, held.holder)
        if not held.content_type:
            return KeptFile(held.digest, held.ending)
        if wanted is not None and not is_of(held.content_type, wanted):
            raise invalid(
                pointer, f"names a file that is {held.content_type}, and not among the {kind_of(wanted).plural}"
            )
        found = format_of(held.content_type)
        return KeptFile(held.digest, "" if wanted == "image" else ending_of(found, held.name))


def _file(data: bytes, head: str, wanted: Kind | None) -> tuple[bytes, str]:
    """A file and its ending; the type that its URI gives it counts as a name's ending does."""
    said = head.removeprefix("data:").partition(";")[0]
    known = format_of(said)
    name = f"input{mimetypes.guess_extension(said) or '' if known is UNKNOWN else known.suffixes[0]}"
    return data, ending_of(check(data, name, wanted), name)
