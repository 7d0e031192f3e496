"""Gradio's API: each model answers as the app that its provider calls, over the same jobs."""

from __future__ import annotations

from typing import Final

from web.dialects.dialect import Dialect
from web.dialects.gradio import calls, files, hub, pages, queue

DIALECT: Final = Dialect(
    name="gradio",
    label="Gradio",
    blueprints=(
        pages.blueprint,
        queue.blueprint,
        calls.blueprint,
        files.blueprint,
        hub.blueprint,
    ),
    page="use-gradio-clients.md",
    lacks=(
        ("the app's page in a browser", "the API only"),
        ("`auth=` (the login of an app)", "send a key as `token=`, or in `headers=`"),
        ('`gr.load(…, src="spaces")`', "it asks the Hub at a fixed address; give the loader that the page shows"),
        ("the protocols `ws` and `sse` (clients of Gradio 3)", "every client from 1.0 on speaks `sse_v3`"),
        ("`gr.State`, streaming inputs, events of the page", "a job has no session"),
        ("models of other kinds than one function of a Gradio app", "use `POST /v1/jobs`"),
    ),
)
