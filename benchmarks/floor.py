"""The floor of a status poll: a Flask view that reads one Redis value and answers with it."""

from __future__ import annotations

import os

import redis
from flask import Flask, Response

app = Flask("floor")
_client = redis.Redis.from_url(os.environ["DARKROOM_REDIS_URL"])


@app.get("/value")
def value() -> Response:
    """What is stored under one key."""
    return Response(_client.get("floor") or b"", content_type="application/json")
