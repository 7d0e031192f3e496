"""The peer of a submit: the Flask and Celery of any tutorial, with a result backend."""

from __future__ import annotations

import os

from celery import Celery
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
