"""The limits of a job's outputs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputLimits:
    """What is kept of one job's result. The installation has them by its settings, a provider may have its own.

    Args:
        outputs: Outputs; of more the first ones are kept.
        image_bytes: Bytes of an image, which is decoded as a check.
        image_pixels: Pixels of an image; a larger one is made smaller.
        file_bytes: Bytes of any other file.
        job_bytes: Bytes of all files together.
        inline_bytes: Bytes of the texts and JSON in a job's record, together; what is longer becomes a file.
    """

    outputs: int = 64
    image_bytes: int = 64 << 20
    image_pixels: int = 8192 * 8192
    file_bytes: int = 512 << 20
    job_bytes: int = 2 << 30
    inline_bytes: int = 256 << 10

    def changed(self, own: Mapping[str, float]) -> OutputLimits:
        """With a provider's own limits; other names in ``own`` are not limits of outputs."""
        names = {entry.name for entry in fields(self)}
        return replace(self, **{name: int(value) for name, value in own.items() if name in names})

    def bytes_of(self, name: str) -> int:
        """The limit of this name, as a kind's row has it."""
        found: int = getattr(self, name)
        return found

    @property
    def most_bytes(self) -> int:
        """The most bytes that a file of any kind may have."""
        return max(self.image_bytes, self.file_bytes)


DEFAULT_LIMITS: Final = OutputLimits()
