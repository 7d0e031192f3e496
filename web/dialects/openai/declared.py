"""What the routes of OpenAI's dialect take beside a body, what the image routes answer, and how all refuse."""

from __future__ import annotations

from typing import Final

from web.dialects.ignored import IGNORED_HEADER
from web.dialects.openai.schemas import ImageAnswer
from web.http.error_responses import ProblemResource
from web.http.headers import REPLAYED
from web.http.operation import Answer
from web.v1 import idempotency
from web.v1.accept import ERRORS

#: What the image routes answer, and how they refuse.
ANSWERS: Final = (
    Answer(
        200,
        "The pictures; with `stream`, the events. An error that comes after more than a minute is in the body.",
        {"application/json": (ImageAnswer, ProblemResource), "text/event-stream": None},
        headers=(IGNORED_HEADER, REPLAYED),
    ),
)
REFUSALS: Final = (*ERRORS, "job_failed", "rate_limited", "too_many_streams")
MARKS: Final = (idempotency.KEY, idempotency.REPEATS)
