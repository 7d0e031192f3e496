"""Hugging Face's inference API: one address for each model, whose kind says what is done."""

from __future__ import annotations

from typing import Final

from web.dialects.dialect import Dialect
from web.dialects.huggingface import routes

DIALECT: Final = Dialect(
    name="huggingface",
    label="Hugging Face",
    blueprints=(routes.blueprint,),
    page="use-hugging-face-clients.md",
    lacks=(
        ("`text_generation(stream=True)`", "apps give no tokens; `chat_completion(stream=True)` streams the text"),
        ("`visual_question_answering`, `image_classification` and other tasks with scores", "apps give no scores"),
        ("`text_to_video`, `image_to_video`", "the package does not send them to an address; use `POST /v1/jobs`"),
        ("`provider=`", "the package ignores it where the model is an address"),
        ("`get_endpoint_info`, `health_check`", "no route; use `GET /v1/models` and `GET /readyz`"),
    ),
)
