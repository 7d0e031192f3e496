"""What version 1 of the unmodified ``replicate`` package makes of its routes: one JSON object for each case that is named.

Usage: ``python replicate_1.py CASE...`` with REPLICATE_BASE_URL and REPLICATE_API_TOKEN, which the package reads by itself,
and a picture's file in PICTURE. Runs with the packages of ``requirements/client-replicate-1.txt``.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import replicate
from replicate.client import Client
from replicate.exceptions import ModelError, ReplicateError

Found = dict[str, Any]
_PAINTS: Final = "black-forest-labs/flux-schnell"
_WRITES: Final = "darkroom/write"
_SMALL: Final = {"width": 64, "height": 64, "num_inference_steps": 1}


def _input(prompt: str, **more: Any) -> Found:
    return {"prompt": prompt, **_SMALL, **more}


def _files(output: Any) -> Found:
    kinds = [type(file).__name__ for file in output]
    return {"kinds": kinds, "files": [base64.b64encode(file.read()).decode() for file in output]}


def run() -> Found:
    """A picture, as most programs ask, with a parameter that has no effect."""
    return _files(replicate.run(_PAINTS, input=_input("run 1", seed=7, output_format="webp")))


def run_version() -> Found:
    """A picture by the version of its model."""
    version = replicate.models.get("darkroom/flux-schnell").latest_version
    assert version is not None
    return _files(replicate.run(f"darkroom/flux-schnell:{version.id}", input=_input("run version 1")))


def run_long() -> Found:
    """A picture that takes longer than the wait."""
    return _files(replicate.run(_PAINTS, input=_input("run long 1", num_inference_steps=40), wait=1))


def run_polled() -> Found:
    """A picture that is asked for again and again."""
    return _files(replicate.run(_PAINTS, input=_input("run polled 1"), wait=False))


def run_with_file() -> Found:
    """A picture made from a file, which is uploaded first; and from a file within the request."""
    picture = Path(os.environ["PICTURE"])
    with picture.open("rb") as file, picture.open("rb") as again:
        uploaded = replicate.run("darkroom/retouch", input={"image": file})
        inline = replicate.run("darkroom/retouch", input={"image": again}, file_encoding_strategy="base64")
    return {"uploaded": _files(uploaded), "inline": _files(inline)}


def text() -> Found:
    """A text, whole and by its version, where the package gives its parts."""
    return {
        "output": replicate.run(_WRITES, input={"prompt": "text 1"}),
        "parts": list(replicate.run(f"{_WRITES}:write", input={"prompt": "text version 1"})),
    }


def stream() -> Found:
    """A text as it comes."""
    events = replicate.stream(_WRITES, input={"prompt": "stream 1"})
    return {"events": [[event.event.value, event.data, event.id] for event in events]}


def predictions() -> Found:
    """A prediction that is made, found again, listed and waited for."""
    made = replicate.predictions.create(model=_PAINTS, input=_input("predictions 1", num_inference_steps=20))
    progress = None
    # Before and after the app's own steps, parts of a whole are all that is known.
    while (progress is None or progress.total == 100) and made.status not in {"succeeded", "failed", "canceled"}:
        made.reload()
        progress = made.progress
    made.wait()
    listed = [one.id for page in replicate.paginate(replicate.predictions.list) for one in page]
    return {
        "id": made.id,
        "status": made.status,
        "model": made.model,
        "logs": made.logs,
        "progress": None if progress is None else [progress.percentage, progress.current, progress.total],
        "same": replicate.predictions.get(made.id).output == made.output,
        "listed": made.id in listed,
    }


def cancel() -> Found:
    """A prediction that is canceled while it runs."""
    made = replicate.predictions.create(version=_PAINTS, input=_input("cancel 1", num_inference_steps=50))
    while made.status == "starting":
        time.sleep(0.05)
        made.reload()
    made.cancel()
    made.wait()
    return {"status": made.status, "output": made.output, "id": made.id}


def models() -> Found:
    """The models and their versions."""
    one = replicate.models.get(_PAINTS)
    (version,) = one.versions.list()
    return {
        "listed": [model.id for page in replicate.paginate(replicate.models.list) for model in page],
        "one": one.id,
        "prompt": one.versions.get(version.id).openapi_schema["components"]["schemas"]["Input"]["properties"]["prompt"],
        "found": [model.name for model in replicate.models.search("schnell")],
        "account": Client().accounts.current().type,
        "hardware": list(replicate.hardware.list()),
        "collections": list(replicate.collections.list()),
    }


def files() -> Found:
    """A file that is uploaded, found, listed and deleted."""
    made = replicate.files.create(Path(os.environ["PICTURE"]), metadata={"album": "sea"})
    found = replicate.files.get(made.id)
    listed = made.id in [file.id for file in replicate.files.list()]
    gone = replicate.files.delete(made.id)
    return {"name": found.name, "metadata": found.metadata, "listed": listed, "deleted": gone}


class Listener:
    """Keeps the headers and the body of every message."""

    def __init__(self) -> None:
        self._messages: list[tuple[dict[str, str], str]] = []
        self._came = threading.Condition()
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                self.send_response(204)
                self.end_headers()
                with listener._came:
                    listener._messages.append((dict(self.headers), body))
                    listener._came.notify()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait_for(self, count: int) -> list[tuple[dict[str, str], str]]:
        """The messages, once there are so many.

        Raises:
            AssertionError: They did not come within a minute.
        """
        with self._came:
            assert self._came.wait_for(lambda: len(self._messages) >= count, timeout=60), self._messages
            return list(self._messages)


def webhook() -> Found:
    """The messages of a prediction, checked by the package."""
    with Listener() as listener:
        made = replicate.predictions.create(
            model=_PAINTS,
            input=_input("webhook 1"),
            webhook=listener.url,
            webhook_events_filter=["start", "output", "completed"],
        )
        messages = listener.wait_for(3)
    secret = replicate.webhooks.default.secret()
    for headers, body in messages:
        replicate.webhooks.validate(headers=headers, body=body, secret=secret, tolerance=300)
    return {"id": made.id, "messages": [json.loads(body) for _, body in messages]}


def no_key() -> Found:
    """A key that is none."""
    return _refused(lambda: Client(api_token="r8_none").run(_PAINTS, input=_input("no key")))


def no_model() -> Found:
    """A model that there is not."""
    return _refused(lambda: replicate.run("stability-ai/sdxl", input=_input("no model")))


def no_version() -> Found:
    """A version of Replicate's own."""
    return _refused(lambda: replicate.run(f"stability-ai/sdxl:{'39ed52f2' * 8}", input=_input("no version")))


def no_seed() -> Found:
    """A parameter of a wrong type."""
    return _refused(lambda: replicate.run(_PAINTS, input=_input("no seed", seed="seven")))


def no_training() -> Found:
    """What is not there."""
    return _refused(replicate.trainings.list)


def failed() -> Found:
    """A prediction that fails, and its events."""
    found = _refused(lambda: replicate.run("darkroom/crash-1", input={"prompt": "crash 1"}))
    try:
        list(replicate.stream("darkroom/crash-1", input={"prompt": "crash stream 1"}))
    except RuntimeError as error:
        found["stream"] = str(error)
    return found


def _refused(call: Callable[[], object]) -> Found:
    try:
        call()
    except ReplicateError as error:
        return {"class": type(error).__name__, "status": error.status, "title": error.title, "detail": error.detail}
    except ModelError as error:
        return {"class": type(error).__name__, "status": error.prediction.status, "detail": str(error)}
    return {"class": None}


_CASES: Final = {
    case.__name__: case
    for case in (
        run, run_version, run_long, run_polled, run_with_file, text, stream, predictions, cancel, models, files, webhook,
        no_key, no_model, no_version, no_seed, no_training, failed,
    )
}  # fmt: skip


if __name__ == "__main__":
    print(json.dumps({name: _CASES[name]() for name in sys.argv[1:]}))
