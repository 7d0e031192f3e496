"""A Flask view that reads one Redis value: the floor of a status poll, as bytes, and as JSON that is read and written."""

from __future__ import annotations

import json
import os

import redis
from flask import Flask, Response, jsonify

app = Flask("floor")
_client = redis.Redis.from_url(os.environ["DARKROOM_REDIS_URL"])


@app.get("/value")
def value() -> Response:
    """What is stored under one key."""
    return Response(_stored(), content_type="application/json")


@app.get("/json")
def parsed() -> Response:
    """The same, read and written again."""
    return jsonify(json.loads(_stored()))


def _stored() -> bytes:
    stored = _client.get("floor")
    return stored if isinstance(stored, bytes) else b"{}"
