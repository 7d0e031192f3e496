"""Providers: the upstream systems that generate, behind one interface.

What a driver author needs is exported here. Nothing in this package knows
Flask, Celery or Redis, so a driver can be written and tried on a laptop with
``python -m providers run NAME prompt=…``.
"""

from providers.base import Control, Driver, Probe
from providers.config import ProviderConfig
from providers.errors import (
    Busy,
    Canceled,
    Changed,
    Crashed,
    Denied,
    Protocol,
    ProviderError,
    Quota,
    Rejected,
    Timeout,
    Unreachable,
    Waking,
)
from providers.events import (
    Checkpoint,
    Completed,
    Data,
    File,
    FileOutput,
    InlineFile,
    Partial,
    Preview,
    Progress,
    ProviderEvent,
    Queued,
    RawOutput,
    Started,
    Status,
    StreamedFile,
    Text,
    pieces_of,
)
from providers.spec import Credentials, InputFile, ModelSpec, Param, ProviderRequest, ProviderSpec

__all__ = [
    "Busy",
    "Canceled",
    "Changed",
    "Checkpoint",
    "Completed",
    "Control",
    "Crashed",
    "Credentials",
    "Data",
    "Denied",
    "Driver",
    "File",
    "FileOutput",
    "InlineFile",
    "InputFile",
    "ModelSpec",
    "Param",
    "Partial",
    "Preview",
    "Probe",
    "Progress",
    "Protocol",
    "ProviderConfig",
    "ProviderError",
    "ProviderEvent",
    "ProviderRequest",
    "ProviderSpec",
    "Queued",
    "Quota",
    "RawOutput",
    "Rejected",
    "Started",
    "Status",
    "StreamedFile",
    "Text",
    "Timeout",
    "Unreachable",
    "Waking",
    "pieces_of",
]
