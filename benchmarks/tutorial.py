"""The Flask and Celery of any tutorial, with a result backend: ``delay()`` in one view, ``AsyncResult`` in another."""

from __future__ import annotations

import os

from celery import Celery
from celery.result import AsyncResult
from flask import Flask, Response, jsonify, request

_URL = os.environ["DARKROOM_REDIS_URL"]
celery = Celery("tutorial", broker=_URL, backend=_URL)
app = Flask("tutorial")


@celery.task(name="tutorial.generate")
def generate(prompt: str) -> str:
    """Never runs: only the sending is measured."""
    return prompt


@app.post("/generate")
def submit() -> tuple[Response, int]:
    """Send a task, answer with its id."""
    task = generate.delay(request.get_json()["input"]["prompt"])
    return jsonify(task_id=task.id), 202


@app.get("/result/<task_id>")
def result(task_id: str) -> Response:
    """The state of a task, and what it returned."""
    task = AsyncResult(task_id, app=celery)
    return jsonify(id=task_id, state=task.state, result=task.result if task.ready() else None)


@app.post("/fill")
def fill() -> Response:
    """Store what a worker stores of a task that succeeded; for the bench."""
    made = {"url": "/outputs/1.png", "prompt": "a lighthouse in the fog, oil on canvas", "seed": 7, "seconds": 4.0}
    celery.backend.store_result("floor", made, "SUCCESS")
    return jsonify(ok=True)
