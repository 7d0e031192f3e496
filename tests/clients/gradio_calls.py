"""What the unmodified ``gradio_client`` package makes of our apps: one JSON object for each case that is named.

Usage: ``python gradio_calls.py CASE...`` with DARKROOM_URL and DARKROOM_API_KEY. Runs with the packages of
``requirements/client-gradio-1.txt`` and ``client-gradio-2.txt``.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import gradio_client
import httpx
from gradio_client import Client, handle_file

Found = dict[str, Any]
_URL: Final = os.environ["DARKROOM_URL"]
_KEY: Final = os.environ["DARKROOM_API_KEY"]
_SECONDS: Final = 60.0
#: The name that the first major version gives the argument.
_TOKEN: Final = "hf_token" if gradio_client.__version__.startswith("1.") else "token"


def _client(name: str = "flux-schnell") -> Client:
    return Client(f"{_URL}/gradio/{name}", verbose=False, **{_TOKEN: _KEY})


def _bytes(path: str) -> int:
    return len(Path(path).read_bytes())


def predict() -> Found:
    """As the Space's own documentation says."""
    picture, seed = _client().predict(
        prompt=f"predict {_TOKEN}", seed=7, randomize_seed=False, width=256, height=128, num_inference_steps=1,
        api_name="/infer",
    )  # fmt: skip
    return {"picture": picture, "bytes": _bytes(picture), "seed": seed}


def defaults() -> Found:
    """With the first value alone, and without a name."""
    picture, seed = _client().predict(f"defaults {_TOKEN}")
    return {"bytes": _bytes(picture), "seed": seed}


def header() -> Found:
    """With the key in the usual header, and a token for the Hub in the other."""
    client = Client(
        f"{_URL}/gradio/flux-schnell", verbose=False, headers={"Authorization": f"Bearer {_KEY}"}, **{_TOKEN: "hf_none"}
    )
    picture, _ = client.predict(f"header {_TOKEN}", num_inference_steps=1)
    return {"bytes": _bytes(picture)}


def submit() -> Found:
    """A job, and what is heard of it."""
    job = _client().submit(f"submit {_TOKEN}", num_inference_steps=6)
    heard = []
    while not job.done():
        status = job.status()
        units = [unit.__dict__ for unit in status.progress_data or ()]
        heard.append({"code": status.code.value, "rank": status.rank, "progress": units})
        time.sleep(0.05)
    picture, _ = job.result(timeout=_SECONDS)
    return {"bytes": _bytes(picture), "heard": heard, "last": job.status().code.value}


def two() -> Found:
    """Two jobs of one client at once."""
    client = _client()
    jobs = [client.submit(f"two {_TOKEN} {number}", num_inference_steps=1) for number in (1, 2)]
    return {"bytes": [_bytes(job.result(timeout=_SECONDS)[0]) for job in jobs]}


def cancel() -> Found:
    """A job that is canceled while it runs."""
    job = _client().submit(f"cancel {_TOKEN}", num_inference_steps=50)
    while job.status().code.value not in {"PROCESSING", "PROGRESS"}:
        time.sleep(0.05)
    return {"canceled": job.cancel()}


def file_in() -> Found:
    """A picture from a picture."""
    made = _client("retouch").predict(handle_file(os.environ["PICTURE"]), api_name="/retouch")
    return {"picture": made}


def gallery_in() -> Found:
    """A picture from several."""
    picture = handle_file(os.environ["PICTURE"])
    given = [{"image": picture, "caption": None}] * 2
    return {"picture": _client("collage").predict(given, api_name="/collage")}


def failed() -> Found:
    """A job that fails."""
    return _refused(lambda: _client().predict(f"crash {_TOKEN}", num_inference_steps=1))


def bad_value() -> Found:
    """A value that the model does not take."""
    return _refused(lambda: _client().predict(f"bad value {_TOKEN}", width=100_000))


def no_key() -> Found:
    """A key that is none."""
    return _refused(lambda: Client(f"{_URL}/gradio/flux-schnell", verbose=False, **{_TOKEN: "hf_none"}))


def no_model() -> Found:
    """A model that there is not."""
    return _refused(lambda: _client("steam"))


def by_space() -> Found:
    """By the name of the Space, where HF_ENDPOINT names us."""
    client = Client("studio/retouch", verbose=False, **{_TOKEN: _KEY})
    made = client.predict(handle_file(os.environ["PICTURE"]), api_name="/retouch")
    return {"src": client.src, "picture": made}


def view_api() -> Found:
    """What it says of the functions."""
    told: Any = _client().view_api(print_info=False, return_format="dict")
    (name, function), *_ = told["named_endpoints"].items()
    return {"name": name, "parameters": [one["parameter_name"] for one in function["parameters"]]}


def interrupted() -> Found:
    """A job whose web process dies."""
    return _refused(lambda: _client().submit(f"interrupted {_TOKEN}", num_inference_steps=1).result(timeout=10.0))


def _refused(call: Callable[[], object]) -> Found:
    try:
        call()
    except BaseException as error:  # noqa: BLE001 - a canceled future is none of Exception
        answer = error.response if isinstance(error, httpx.HTTPStatusError) else None
        return {"class": type(error).__name__, "message": str(error), "status": answer and answer.status_code}
    return {"class": None}


_CASES: Final = {
    case.__name__: case
    for case in (
        predict, defaults, header, submit, two, cancel, file_in, gallery_in, failed, bad_value, no_key, no_model, by_space,
        view_api, interrupted,
    )
}  # fmt: skip


def main() -> None:
    """Run the cases, one after the other."""
    print(json.dumps({name: _CASES[name]() for name in sys.argv[1:]}), flush=True)
    # The first line waits for ever for the end of a job whose stream broke off, in a thread that keeps a process alive.
    os._exit(0)


if __name__ == "__main__":
    main()
