"""What the unmodified ``openai`` package makes of the image routes: one JSON object for each case that is named.

Usage: ``python openai_images.py CASE...`` with OPENAI_BASE_URL and OPENAI_API_KEY, which the package reads by itself.
Runs with the packages of ``requirements/client-openai.txt``.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import openai
from openai import OpenAI
from openai.types import ImagesResponse

Found = dict[str, Any]
_MODEL: Final = "flux-schnell"
#: What our models take beside OpenAI's own parameters. Few steps: the app takes its time for each.
_QUICK: Final = {"steps": 1}


def _shown(answer: ImagesResponse) -> Found:
    return {
        "request_id": answer._request_id,
        "items": [item.model_dump(exclude_none=True) for item in answer.data or ()],
        "extra": answer.model_extra,
    }


def defaults(client: OpenAI) -> Found:
    """As most programs ask, by a name of OpenAI's."""
    return _shown(client.images.generate(model="dall-e-3", prompt="defaults", size="256x256", extra_body=_QUICK))


def url(client: OpenAI) -> Found:
    """By address alone."""
    return _shown(
        client.images.generate(
            model=_MODEL, prompt="url", size="256x128", response_format="url", output_format="png", extra_body=_QUICK
        )
    )


def b64_json(client: OpenAI) -> Found:
    """Two files in base64."""
    return _shown(
        client.images.generate(
            model=_MODEL, prompt="b64_json", n=2, size="128x256", response_format="b64_json", extra_body=_QUICK
        )
    )


def extra_body(client: OpenAI) -> Found:
    """With parameters of the model, and with one that has no effect."""
    raw = client.images.with_raw_response.generate(
        model=_MODEL, prompt="extra_body", size="256x256", quality="high", extra_body={"seed": 7, "steps": 3}
    )
    return {**_shown(raw.parse()), "ignored": raw.headers["x-ignored-params"]}


def stream(client: OpenAI) -> Found:
    """As events."""
    events = client.images.generate(
        model="echo", prompt="stream", size="256x256", stream=True, partial_images=2, extra_body={"seed": 7}
    )
    return {"events": [event.model_dump(exclude_none=True) for event in events]}


def edit(client: OpenAI) -> Found:
    """A picture from a picture."""
    return _shown(client.images.edit(model="retouch", image=_picture(), prompt="at night"))


def edit_with_mask(client: OpenAI) -> Found:
    """A picture and the place where it may change."""
    return _shown(client.images.edit(model="mix", image=_picture(), mask=_picture(), prompt="at night"))


def edit_several(client: OpenAI) -> Found:
    """One picture from two."""
    return _shown(client.images.edit(model="collage", image=[_picture(), _picture()], prompt="side by side"))


def variation(client: OpenAI) -> Found:
    """A picture like another one."""
    return _shown(client.images.create_variation(model="retouch", image=_picture()))


def _picture() -> tuple[str, bytes]:
    return "picture.png", Path(os.environ["PICTURE"]).read_bytes()


def models(client: OpenAI) -> Found:
    """The models."""
    return {
        "listed": [model.id for model in client.models.list()],
        "one": client.models.retrieve(_MODEL).id,
        "object": client.models.retrieve(_MODEL).object,
    }


def no_key(client: OpenAI) -> Found:
    """A key that is none."""
    return _refused(lambda: client.with_options(api_key="sk-none").images.generate(model=_MODEL, prompt="no key"))


def no_model(client: OpenAI) -> Found:
    """A model that there is not."""
    return _refused(lambda: client.images.generate(model="steam", prompt="no model"))


def no_size(client: OpenAI) -> Found:
    """A size that is none."""
    return _refused(lambda: client.images.generate(model=_MODEL, prompt="no size", size="large"))


def too_many(client: OpenAI) -> Found:
    """One more request than the key may send in a minute."""
    limited = client.with_options(api_key=os.environ["LIMITED_KEY"], max_retries=0)
    limited.images.generate(model="echo", prompt="too many", size="64x64")
    return _refused(lambda: limited.images.generate(model="echo", prompt="too many", size="64x64"))


def failed(client: OpenAI) -> Found:
    """A job that fails: the package must not ask again."""
    return _refused(lambda: client.images.generate(model=_MODEL, prompt="crash", size="256x256"))


def failed_stream(client: OpenAI) -> Found:
    """A job that fails while its events are read."""

    def read() -> object:
        return list(client.images.generate(model=_MODEL, prompt="crash in a stream", size="256x256", stream=True))

    return _refused(read)


def _refused(call: Callable[[], object]) -> Found:
    try:
        call()
    except openai.APIError as error:
        return {
            "class": type(error).__name__,
            "status": getattr(error, "status_code", None),
            "code": error.code,
            "param": error.param,
            "type": error.type,
            "message": error.message,
            "request_id": getattr(error, "request_id", None),
        }
    return {"class": None}


def interrupted(client: OpenAI) -> Found:
    """A picture whose server dies."""
    raw = client.images.with_raw_response.generate(model=_MODEL, prompt="interrupted openai-python", size="64x64")
    return {**_shown(raw.parse()), "replayed": raw.headers.get("idempotency-replayed")}


_CASES: Final = {
    case.__name__: case
    for case in (
        defaults, url, b64_json, extra_body, stream, edit, edit_with_mask, edit_several, variation, models, no_key, no_model, no_size,
        too_many, failed, failed_stream, interrupted,
    )
}  # fmt: skip


def main() -> None:
    """Run the cases, one after the other."""
    with OpenAI() as client:
        print(json.dumps({name: _CASES[name](client) for name in sys.argv[1:]}))


if __name__ == "__main__":
    main()
