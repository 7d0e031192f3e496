"""Messages that no worker can make sense of."""

from __future__ import annotations

import base64
import json
from typing import Final

from jobs.record.messages import QUEUE, RUN_JOB


def _message(body: object, task: str = RUN_JOB, content_type: str = "application/json", **headers: str) -> bytes:
    """What Celery's messages look like in Redis; ``body`` as JSON, or as it is where it is bytes."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return json.dumps(
        {
            "body": base64.b64encode(raw).decode(),
            "content-encoding": "utf-8",
            "content-type": content_type,
            "headers": {"lang": "py", "task": task, "id": "poison", **headers},
            "properties": {
                "body_encoding": "base64",
                "delivery_tag": "poison",
                "delivery_info": {"exchange": "", "routing_key": QUEUE},
            },
        }
    ).encode()


_OPTIONS: Final = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}

#: What must not stop a worker.
POISON_MESSAGES: Final = (
    b"\x00\xff not json",
    b"null",
    b"[]",
    b'{"body": 1}',
    b'{"body": "", "properties": {}}',
    _message([[], {}, _OPTIONS], task="no.such.task"),
    _message([["job_01ARZ3NDEKTSV4RRFFQ69G5FAV"], {}, _OPTIONS]),
    _message([["../../etc/passwd"], {}, _OPTIONS]),
    _message([[], {}, _OPTIONS]),
    _message([[{"a": 1}, 2], {"x": None}, _OPTIONS]),
    _message([["job_01ARZ3NDEKTSV4RRFFQ69G5FAV"], {}, _OPTIONS], expires="never", eta="soon"),
    _message("not what a task takes"),
    _message(b"\xff\xfe"),
    # Pickled code that would end the process.
    _message(b"cposix\n_exit\n(I3\ntR.", content_type="application/x-python-serialize"),
)
