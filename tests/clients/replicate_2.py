"""What version 2 of the unmodified ``replicate`` package makes of its routes: one JSON object for each case that is named.

Usage: ``python replicate_2.py CASE...`` with REPLICATE_BASE_URL and REPLICATE_API_TOKEN, which the package reads by itself,
and a picture's file in PICTURE. Runs with the packages of ``requirements/client-replicate-2.txt``.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Final

#: The tests' own environment has version 1, whose types are others.
replicate: Any = import_module("replicate")
ModelError: Any = import_module("replicate.exceptions").ModelError

Found = dict[str, Any]
_PAINTS: Final = "black-forest-labs/flux-schnell"
_WRITES: Final = "darkroom/write"
_SMALL: Final = {"width": 64, "height": 64, "num_inference_steps": 1}


def _input(prompt: str, **more: Any) -> Found:
    return {"prompt": prompt, **_SMALL, **more}


def _files(output: Any) -> Found:
    kinds = [type(file).__name__ for file in output]
    return {"kinds": kinds, "files": [base64.b64encode(file.read()).decode() for file in output]}


def run(client: Any) -> Found:
    """A picture, as most programs ask."""
    return _files(client.run(_PAINTS, input=_input("run 2", seed=7)))


def run_version(client: Any) -> Found:
    """A picture by the version of its model."""
    return _files(client.run("darkroom/flux-schnell:flux-schnell", input=_input("run version 2")))


def run_long(client: Any) -> Found:
    """A picture that takes longer than the wait."""
    return _files(client.run(_PAINTS, input=_input("run long 2", num_inference_steps=40), wait=1))


def run_async(client: Any) -> Found:
    """A picture, by the half of the package that does not block."""

    async def ask() -> Found:
        async with replicate.AsyncReplicate(bearer_token=client.bearer_token, base_url=client.base_url) as other:
            (file,) = await other.run(_PAINTS, input=_input("run async 2"))
            return {"kinds": [type(file).__name__], "files": [base64.b64encode(await file.read()).decode()]}

    return asyncio.run(ask())


def run_with_file(client: Any) -> Found:
    """A picture made from a file, which is uploaded first; and from a file within the request."""
    picture = Path(os.environ["PICTURE"])
    with picture.open("rb") as file, picture.open("rb") as again:
        uploaded = client.run("darkroom/retouch", input={"image": file})
        inline = client.run("darkroom/retouch", input={"image": again}, file_encoding_strategy="base64")
    return {"uploaded": _files(uploaded), "inline": _files(inline)}


def text(_: Any) -> Found:
    """A text, whole and as a function."""
    return {
        "output": replicate.run(_WRITES, input={"prompt": "text 2"}),
        "used": replicate.use(_WRITES)(prompt="used 2"),
        "parts": list(replicate.use(_WRITES, streaming=True)(prompt="parts 2")),
    }


def stream(_: Any) -> Found:
    """A text by the older way."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {"parts": list(replicate.stream(_WRITES, input={"prompt": "stream 2"}))}


def use(_: Any) -> Found:
    """A picture by a function: the package takes no file without TLS."""
    (output,) = replicate.use(_PAINTS)(**_input("use 2"))
    return {"begin": str(output)[:22]}


def predictions(client: Any) -> Found:
    """A prediction that is made, found again, listed and waited for."""
    owner, name = _PAINTS.split("/")
    made = client.models.predictions.create(model_owner=owner, model_name=name, input=_input("predictions 2"))
    ended = client.predictions.wait(made.id)
    return {
        "id": made.id,
        "first": made.status,
        "status": ended.status,
        "model": ended.model,
        "logs": ended.logs,
        "total_time": ended.metrics is not None and ended.metrics.total_time is not None,
        "listed": made.id in [one.id for one in client.predictions.list(created_after=made.created_at)],
        "earlier": made.id in [one.id for one in client.predictions.list(created_before=made.created_at)],
        "same": client.predictions.get(prediction_id=made.id).output == ended.output,
    }


def cancel(client: Any) -> Found:
    """A prediction that is canceled; and one that has no time."""
    steps = _input("cancel 2", num_inference_steps=50)
    made = client.predictions.create(version=_PAINTS, input=steps)
    client.predictions.cancel(prediction_id=made.id)
    late = client.predictions.create(
        version=_PAINTS, input=_input("late 2", num_inference_steps=50), extra_headers={"Cancel-After": "1s"}
    )
    return {
        "status": client.predictions.wait(made.id).status,
        "late": client.predictions.wait(late.id).error,
        "deadline": late.deadline is not None,
    }


def models(client: Any) -> Found:
    """The models and their versions."""
    owner, name = _PAINTS.split("/")
    one = client.models.get(model_owner=owner, model_name=name)
    (version,) = client.models.versions.list(model_owner=owner, model_name=name).results
    same = client.models.versions.get(model_owner=owner, model_name=name, version_id=version.id)
    return {
        "listed": [f"{model.owner}/{model.name}" for model in client.models.list()],
        "one": f"{one.owner}/{one.name}",
        "prompt": same.openapi_schema["components"]["schemas"]["Input"]["properties"]["prompt"],
        "found": [model.name for model in client.models.search(body="schnell")],
        "account": client.account.get().type,
        "hardware": client.hardware.list(),
        "collections": list(client.collections.list()),
    }


def files(client: Any) -> Found:
    """A file that is uploaded, found, listed and deleted."""
    made = client.files.create(content=Path(os.environ["PICTURE"]), metadata={"album": "sea"})
    found = client.files.get(file_id=made.id)
    listed = made.id in [file.id for file in client.files.list()]
    client.files.delete(file_id=made.id)
    gone = _refused(lambda: client.files.get(file_id=made.id))
    return {"metadata": found.metadata, "listed": listed, "deleted": gone["class"] == "NotFoundError"}


def webhook(client: Any) -> Found:
    """The secret of the webhooks."""
    return {"key": client.webhooks.default.secret.get().key}


def no_key(client: Any) -> Found:
    """A key that is none."""
    return _refused(lambda: client.copy(bearer_token="r8_none").run(_PAINTS, input=_input("no key")))


def no_model(client: Any) -> Found:
    """A model that there is not."""
    return _refused(lambda: client.run("stability-ai/sdxl", input=_input("no model")))


def no_seed(client: Any) -> Found:
    """A parameter of a wrong type."""
    return _refused(lambda: client.run(_PAINTS, input=_input("no seed", seed="seven")))


def no_deployment(client: Any) -> Found:
    """What is not there."""
    return _refused(lambda: client.deployments.get(deployment_owner="acme", deployment_name="x"))


def failed(client: Any) -> Found:
    """A prediction that fails."""
    return _refused(lambda: client.run("darkroom/crash-2", input={"prompt": "crash 2"}))


def _refused(call: Callable[[], object]) -> Found:
    try:
        call()
    except replicate.APIStatusError as error:
        return {"class": type(error).__name__, "status": error.status_code, "detail": error.body["detail"]}
    except ModelError as error:
        return {"class": type(error).__name__, "status": error.prediction.status, "detail": str(error)}
    return {"class": None}


def interrupted(client: Any) -> Found:
    """A picture whose server dies."""
    raw = client.predictions.with_raw_response.create(version=_PAINTS, input=_input("interrupted 2"), prefer="wait")
    made = client.predictions.wait(raw.parse().id)
    return {"id": made.id, "status": made.status, "replayed": raw.headers.get("idempotency-replayed")}


_CASES: Final = {
    case.__name__: case
    for case in (
        run, run_version, run_long, run_async, run_with_file, text, stream, use, predictions, cancel, models, files, webhook,
        no_key, no_model, no_seed, no_deployment, failed, interrupted,
    )
}  # fmt: skip


if __name__ == "__main__":
    with replicate.Replicate() as client:
        print(json.dumps({name: _CASES[name](client) for name in sys.argv[1:]}))
