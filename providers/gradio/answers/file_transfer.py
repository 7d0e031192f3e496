"""Files to and from one app."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from providers.errors import Protocol, ProviderError
from providers.events import File, InlineFile
from providers.gradio.answers import files
from providers.gradio.app_info import AppInfo
from providers.gradio.components.sending import AppFile
from providers.gradio.transport import AppTransport, Refused
from providers.spec import InputFile

#: Seconds for a preview: meanwhile nobody reads what else the app says.
PREVIEW_SECONDS: Final = 5.0
_ENDING: Final = re.compile(r"\.[A-Za-z0-9]{1,16}\Z")


class FileTransfer:
    """Uploads files to one app and fetches its output files."""

    def __init__(self, transport: AppTransport, info: AppInfo) -> None:
        self._transport = transport
        self._info = info

    def upload(self, file: InputFile) -> AppFile:
        """Upload a file, to pass it as an argument.

        Raises:
            Rejected: The app refuses it, mostly for its size.
        """
        # A user chose the file's own name; only its type and its ending matter to the app.
        ending = _ENDING.search(file.name)
        name = f"input{ending[0].lower() if ending else mimetypes.guess_extension(file.content_type) or ''}"
        path = f"{self._info.get().prefix}/upload"
        paths = self._transport.require_json("POST", path, files={"files": (name, file.data, file.content_type)})
        if not (isinstance(paths, list) and paths and isinstance(paths[0], str)):
            raise Protocol("the app took a file but did not say where it is")
        data = {
            "path": paths[0],
            "orig_name": name,
            "mime_type": file.content_type,
            "size": len(file.data),
            "meta": {"_type": files.MARK},
        }
        return AppFile(data, file.content_type)

    def output(self, found: files.Stored) -> File:
        """A file of an answer. It is fetched when it is read, while the app is open."""
        return found if isinstance(found, InlineFile) else _RemoteFile(found.name, self, found)

    def preview(self, found: files.Stored) -> File:
        """As :meth:`output`, for a file that is worth :data:`PREVIEW_SECONDS` only."""
        file = self.output(found)
        return replace(file, seconds=PREVIEW_SECONDS) if isinstance(file, _RemoteFile) else file

    def fetch(self, reference: files.Reference, limit: int, seconds: float | None = None) -> bytes:
        """Read a file of the app, of at most ``limit`` bytes.

        Raises:
            Protocol: It is gone, too large, or at another host.
        """
        try:
            return self._transport.ask("GET", self._address(reference), limit=limit, wait=seconds, within=seconds)
        except Refused as answer:
            raise _gone(answer) from None

    def pieces(self, reference: files.Reference, limit: int) -> Iterator[bytes]:
        """As :meth:`fetch`, piece by piece; only silence and the attempt's own time bound how long it takes."""
        try:
            yield from self._transport.pieces("GET", self._address(reference), limit=limit)
        except Refused as answer:
            raise _gone(answer) from None

    def _address(self, reference: files.Reference) -> str:
        url = files.address(self._transport.base, self._info.get().prefix, reference)
        if url is None:
            raise Protocol("the app names a file at another address than its own")
        return url


def _gone(answer: Refused) -> ProviderError:
    """The error for a file that the app refuses."""
    # 404 on 4.44, 403 "File not allowed" on 5 and 6 (recorded).
    if answer.refusal.status in {403, 404}:
        return Protocol("the app no longer has its own output file")
    return answer.refusal.error()


@dataclass(frozen=True, slots=True)
class _RemoteFile:
    """A file at the app, fetched when it is read."""

    name: str
    transfer: FileTransfer = field(repr=False)
    reference: files.Reference
    seconds: float | None = None

    def read(self, limit: int) -> bytes:
        """Fetch it, at most ``limit`` bytes."""
        return self.transfer.fetch(self.reference, limit, self.seconds)

    def pieces(self, limit: int) -> Iterator[bytes]:
        """Fetch it piece by piece, at most ``limit`` bytes."""
        return self.transfer.pieces(self.reference, limit)
