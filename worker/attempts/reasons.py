"""Why an attempt is ended before its own end: what :meth:`providers.Control.cancel` is called with."""

from __future__ import annotations

from typing import Final

#: From outside: the job was canceled; the worker stops; another worker may have the job.
CANCELED: Final = "canceled"
HANDED_BACK: Final = "handed_back"
LEASE_LOST: Final = "lease_lost"
#: The attempt's time is over.
OVERDUE: Final = "overdue"
#: Of two attempts: the other one has its result; the record cannot be written.
OUTRUN: Final = "outrun"
ABANDONED: Final = "abandoned"
