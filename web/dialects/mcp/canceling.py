"""``notifications/cancelled``: a client of the era of handshakes no longer wants the answer to one of its requests.

It names the request by its id, which is its own only within its session. So a session has a name, of which nothing is kept,
and the job of a call has a mark made of both.
"""

from __future__ import annotations

import hashlib
from typing import Final

from flask import Request

from jobs.model import Status
from jobs.record.lists.wanted import Wanted
from web.dialects.mcp.messages import SESSION, Call, McpMessage, encode
from web.http.headers import header
from web.http.validation import or_none
from web.services import caller, services

_MARK: Final = "mcp_call"
_UNENDED: Final = frozenset({Status.QUEUED, Status.RUNNING})


def marked(call: Call) -> dict[str, str]:
    """What the metadata of a call's job say, so that it is found again."""
    return {_MARK: _mark(call.session, call.id)} if call.session else {}


def cancel(asked: Request, notice: McpMessage) -> None:
    """End the job that a notification means; nothing where there is none."""
    session, request_id = header(asked.environ, SESSION), (or_none(notice.params) or {}).get("requestId")
    if session and type(request_id) in {str, int}:
        wanted = Wanted(statuses=_UNENDED, metadata={"dialect": "mcp", _MARK: _mark(session, request_id)})
        for job_id in services().pages.part(caller().owner, limit=1, wanted=wanted).ids:
            services().jobs.cancel(job_id, caller().owner)


def _mark(session: str, request_id: object) -> str:
    return hashlib.sha256(encode([session, request_id])).hexdigest()[:32]
