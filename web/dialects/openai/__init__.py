"""OpenAI's API: images, chat, responses, videos and speech, over the same jobs."""

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
            "`audio.transcriptions`, `embeddings`, `fine_tuning`, `batches`, `assistants`",
            "no route; submit batches with `POST /v1/batches`",
        ),
        ("`videos.remix`, `videos.extend`, `videos.edit`, thumbnails", "apps make one film from one prompt"),
        (
            "`response_format` and `stream_format` of speech",
            "sounds are not converted: `Content-Type` says what they are",
        ),
        ("`previous_response_id`", "refused: send the earlier messages in `input`"),
        ("`quality`, `style`, `background`, `moderation` of images", "apps have no such parameters: ignored, and said"),
        ("`tools`, `response_format`, `stop` of chats", "apps have no such parameters: ignored, and said"),
        ("`usage` in answers", "apps do not count tokens"),
    ),
)
