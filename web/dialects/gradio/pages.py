"""What an app is: ``/config`` and ``/info``, and the sign of life that older clients wait for."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response

from web.dialects.gradio import documents
from web.dialects.gradio.apps import app_of
from web.dialects.gradio.declared import CREDENTIAL, REFUSALS, TAG, Routes, json_answer, refusal
from web.http.operation import Answer, Operation, ok

blueprint: Final = Blueprint("gradio_pages", __name__)
_routes: Final = Routes(blueprint)


@_routes.add(
    "GET", "/config",
    Operation(
        "gradioConfig", TAG, "read", answers=(ok("The app.", None),), errors=REFUSALS, credential=CREDENTIAL, refusal=refusal,
    ),
)  # fmt: skip
def config(name: str) -> Response:
    """Get the app's configuration.

    As Gradio's clients ask for it when they connect. `name` is a model, or a provider.
    """
    app = app_of(name)
    return json_answer(documents.config(app.name, app.functions))


@_routes.add(
    "GET", "/info",
    Operation(
        "gradioInfo", TAG, "read", answers=(ok("The functions.", None),), errors=REFUSALS, credential=CREDENTIAL,
        refusal=refusal,
    ),
)  # fmt: skip
def info(name: str) -> Response:
    """Get the app's functions.

    Parameters with their names and defaults, and what each function answers.
    """
    return json_answer(documents.info(app_of(name).functions))


@_routes.add(
    "GET", "/heartbeat/<session>",
    Operation(
        "gradioHeartbeat", TAG, "read", answers=(Answer(200, "The answer breaks off at once.", {"text/event-stream": None}),), errors=(),
        credential=CREDENTIAL, refusal=refusal,
    ),
)  # fmt: skip
def heartbeat(name: str, session: str) -> Response:
    """Get a sign of life.

    Not needed here. Clients of Gradio 1.x ask for it all the same, and ask again at once when it is refused or ends well.
    So it breaks off, after which they ask no more.
    """
    del name, session
    answer = Response(b"", content_type="text/event-stream")
    answer.automatically_set_content_length = False
    answer.headers["Content-Length"] = "1"
    answer.headers["Connection"] = "close"
    return answer
