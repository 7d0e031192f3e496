"""The Model Context Protocol: tools for assistants, over the same jobs."""

from __future__ import annotations

from typing import Final

from web.dialects.dialect import Dialect
from web.dialects.mcp import routes

DIALECT: Final = Dialect(
    name="mcp",
    label="MCP",
    blueprints=(routes.blueprint,),
    page="use-mcp-hosts.md",
    lacks=(
        ("resources, prompts, completion, logging", "there is nothing of that kind to offer"),
        (
            "sampling, roots, elicitation",
            "the revision of 2026-07-28 has dropped or deprecated the first two; no tool asks",
        ),
        ("sessions, streams by GET, resumption", "what was lost is asked for with `get_job`"),
        ("batches of messages (2025-03-26)", "no client sends them; refused"),
        ("tasks of 2025-11-25", "replaced by the extension, which is there"),
        ("OAuth", "a key in the header `Authorization`"),
    ),
)
