"""rq and Flask: a view that fetches a job and what it returned."""

from __future__ import annotations

import os

import redis
from flask import Flask, Response, jsonify
from rq import Queue, SimpleWorker
from rq.job import Job

app = Flask("rqueue")
_client = redis.Redis.from_url(os.environ["DARKROOM_REDIS_URL"])


def generate(prompt: str) -> dict[str, str]:
    """What a worker runs."""
    return {"url": "/outputs/1.png", "prompt": prompt}


@app.get("/result/<job_id>")
def result(job_id: str) -> Response:
    """The state of a job, and what it returned."""
    job = Job.fetch(job_id, connection=_client)
    return jsonify(id=job_id, state=job.get_status(refresh=False), result=job.return_value())


@app.post("/fill")
def fill() -> Response:
    """Let a job have succeeded; for the bench."""
    queue = Queue("bench", connection=_client)
    queue.enqueue(generate, "a lighthouse", job_id="floor", result_ttl=86_400)
    SimpleWorker([queue], connection=_client).work(burst=True)
    return jsonify(ok=True)
