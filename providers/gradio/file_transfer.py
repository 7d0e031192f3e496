"""Files to and from one app."""

from __future__ import annotations

import mimetypes
from dataclasses import dataclass, field

from providers.errors import Protocol
from providers.events import File, InlineFile
from providers.gradio import files
from providers.gradio.app_info import AppInfo
from providers.gradio.messages import loads
from providers.gradio.transport import AppTransport, Refused
from providers.spec import InputFile


class FileTransfer:
    """Uploads files to one app and fetches its output files.

    Args:
        transport: To the app.
        info: What the app says about itself.
    """

    def __init__(self, transport: AppTransport, info: AppInfo) -> None:
        self._transport = transport
        self._info = info

    def upload(self, file: InputFile) -> dict[str, object]:
        """Upload a file.

        Returns:
            The ``FileData`` to pass as an argument.

        Raises:
            Rejected: The app refuses it, mostly for its size.
            ProviderError: It could not be sent.
        """
        # A user chose the file's own name; only its type matters to the app.
        name = f"input{mimetypes.guess_extension(file.content_type) or ''}"
        path = f"{self._info.get().prefix}/upload"
        paths = loads(self._transport.require("POST", path, files={"files": (name, file.data, file.content_type)}))
        if not (isinstance(paths, list) and paths and isinstance(paths[0], str)):
            raise Protocol("the app took a file but did not say where it is")
        return {
            "path": paths[0],
            "orig_name": name,
            "mime_type": file.content_type,
            "size": len(file.data),
            "meta": {"_type": "gradio.FileData"},
        }

    def output(self, data: object) -> File | None:
        """The file that an output component gave.

        Args:
            data: ``FileData`` (Gradio 4 to 6), ``{"name", "is_file"}`` (3), a gallery item, or a ``data:`` URL.

        Returns:
            A file that is fetched when it is read, while the app is open; None if ``data`` is not a file.
        """
        found = files.find(data)
        if found is None or isinstance(found, InlineFile):
            return found
        return _RemoteFile(found.name, self, found)

    def fetch(self, reference: files.Reference, limit: int) -> bytes:
        """Read a file of the app, of at most ``limit`` bytes.

        Raises:
            Protocol: It is gone, too large, or at another host.
            ProviderError: It could not be read.
        """
        url = files.address(self._transport.base, self._info.get().prefix, reference)
        if url is None:
            raise Protocol("the app names a file at another address than its own")
        try:
            return self._transport.ask("GET", url, limit=limit)
        except Refused as answer:
            # 404 on 4.44, 403 "File not allowed" on 5 and 6 (recorded).
            if answer.refusal.status in {403, 404}:
                raise Protocol("the app no longer has its own output file") from None
            raise answer.refusal.error() from None


@dataclass(frozen=True, slots=True)
class _RemoteFile:
    """A file at the app, fetched when it is read."""

    name: str
    transfer: FileTransfer = field(repr=False)
    reference: files.Reference

    def read(self, limit: int) -> bytes:
        """Fetch it, at most ``limit`` bytes."""
        return self.transfer.fetch(self.reference, limit)
