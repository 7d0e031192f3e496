"""OpenAI's API: images (made, edited, streamed), chat and responses, over the same jobs."""

from __future__ import annotations

from typing import Final

from web.dialects.dialect import Dialect
from web.dialects.openai import edits, generations, speech, videos
from web.dialects.openai.chat import routes as chat
from web.dialects.openai.responses import routes as responses

DIALECT: Final = Dialect(
    name="openai",
    label="OpenAI",
    blueprints=tuple(part.blueprint for part in (generations, edits, chat, responses, videos, speech)),
    page="use-openai-clients.md",
    lacks=(
        (
            "`audio.transcriptions`, `embeddings`, `fine_tuning`, `batches`",
            "no route; submit batches with `POST /v1/batches`",
        ),
        ("`quality`, `style`, `background`, `moderation` of images", "apps have no such parameters: ignored, and said"),
        ("`tools`, `response_format`, `stop` of chats", "apps have no such parameters: ignored, and said"),
        ("`usage` in answers", "apps do not count tokens"),
    ),
)
