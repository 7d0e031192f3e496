"""FastAPI on uvicorn: a view that reads one Redis value, as JSON that is read and written, and as bytes."""

from __future__ import annotations

import json
import os
from typing import Any

import redis.asyncio
from fastapi import FastAPI, Response

app = FastAPI()
_client = redis.asyncio.Redis.from_url(os.environ["DARKROOM_REDIS_URL"])


@app.get("/json")
async def parsed() -> Any:  # noqa: ANN401 - any JSON
    """What is stored under one key."""
    return json.loads(await _client.get("floor") or b"{}")


@app.get("/value")
async def value() -> Response:
    """The same, unread."""
    return Response(await _client.get("floor") or b"", media_type="application/json")
