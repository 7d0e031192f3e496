"""The kinds of outputs, the formats of their files, their signatures and limits: the only place that knows them.

Adding a kind is one :func:`register`: its row, the rows of its formats and, if its files are to be read, a reader.
"""

from media.limits import DEFAULT_LIMITS, OutputLimits
from media.rows import Facts, Format, Kind, OutputKind, Reader, Unreadable
from media.signatures import HEAD, Signature
from media.table import (
    FORMATS,
    IMAGE_FORMATS,
    IMAGE_TYPES,
    KINDS,
    UNKNOWN,
    format_of,
    kind_of,
    load_plugins,
    recognise,
    register,
    suffix_of,
)

__all__ = [
    "DEFAULT_LIMITS",
    "FORMATS",
    "HEAD",
    "IMAGE_FORMATS",
    "IMAGE_TYPES",
    "KINDS",
    "UNKNOWN",
    "Facts",
    "Format",
    "Kind",
    "OutputKind",
    "OutputLimits",
    "Reader",
    "Signature",
    "Unreadable",
    "format_of",
    "kind_of",
    "load_plugins",
    "recognise",
    "register",
    "suffix_of",
]
