"""A message that a script pushes is what Celery's own client would send."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from jobs.record.connection import Connection
from jobs.record.messages import QUEUE
from tests.support.celery_client import client_app, send
from tests.support.records import Records
from tests.support.sample_jobs import add_job

pytestmark = pytest.mark.real


@pytest.fixture
def client(redis_server: str) -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(redis_server)
    client.flushdb()
    yield client
    client.close()


def meaning(message: dict[str, Any]) -> dict[str, Any]:
    """All of a message but what differs from one sending to the next, with its body as it is read."""
    properties = dict(message["properties"])
    body = message["body"] if properties.pop("body_encoding") is None else base64.b64decode(message["body"])
    assert isinstance(properties.pop("delivery_tag"), str)
    assert isinstance(properties.pop("reply_to"), str)
    headers = {name: value for name, value in message["headers"].items() if name != "origin"}
    return {**message, "body": json.loads(body), "headers": headers, "properties": properties}


def test_a_pushed_message_is_the_one_of_celerys_client(client: redis.Redis, redis_server: str) -> None:
    """With the installed Celery, whichever that is."""
    record = Records(Connection(client))
    record.leases.beat("w", 1, 60, [])
    job = add_job(record.store)
    assert record.queue.choose() == (job.id,)
    record.queue.send_again([job.id])
    app = client_app(redis_server)
    send(app, job.id)
    app.close()
    rows: Any = client.lrange(QUEUE, 0, -1)
    theirs, again, ours = (json.loads(row) for row in rows)
    assert meaning(ours) == meaning(again) == meaning(theirs)
    assert len({message["properties"]["delivery_tag"] for message in (theirs, again, ours)}) == 3
