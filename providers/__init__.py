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
    File,
    InlineFile,
    Preview,
    Progress,
    ProviderEvent,
    Queued,
    Started,
    Status,
    Text,
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
    "Denied",
    "Driver",
    "File",
    "InlineFile",
    "InputFile",
    "ModelSpec",
    "Param",
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
    "Rejected",
    "Started",
    "Status",
    "Text",
    "Timeout",
    "Unreachable",
    "Waking",
]
