"""What the unmodified ``huggingface_hub`` package makes of the inference routes: one JSON object for each case that is named.

Usage: ``python huggingface.py CASE...`` with DARKROOM_URL, DARKROOM_API_KEY, and PICTURE, the path of one.
Runs with the packages of ``requirements/client-huggingface.txt``.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from huggingface_hub import AsyncInferenceClient, InferenceClient
from huggingface_hub.errors import HfHubHTTPError, HTTPError, TextGenerationError
from PIL import Image

Found = dict[str, Any]
_URL: Final = os.environ["DARKROOM_URL"]
_KEY: Final = os.environ["DARKROOM_API_KEY"]
_PICTURE: Final = Path(os.environ["PICTURE"])


def _address(model: str) -> str:
    return f"{_URL}/hf/models/{model}"


def _client(model: str) -> InferenceClient:
    return InferenceClient(base_url=_address(model), api_key=_KEY)


def _shown(image: Image.Image) -> Found:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return {"format": image.format, "size": image.size, "png": base64.b64encode(buffer.getvalue()).decode()}


def text_to_image() -> Found:
    """As most programs ask."""
    return _shown(_client("flux-schnell").text_to_image("a red boat", width=256, height=128, num_inference_steps=1))


def text_to_image_by_model() -> Found:
    """With the address as the model, and with parameters that the model has not."""
    client = InferenceClient(api_key=_KEY)
    image = client.text_to_image(
        "by model", model=_address("flux-schnell"), seed=7, negative_prompt="fog", scheduler="ddim",
        extra_body={"steps": 1, "size": "large"},
    )  # fmt: skip
    return _shown(image)


def image_to_image() -> Found:
    """A picture alone, which goes as it is."""
    return _shown(_client("retouch").image_to_image(_PICTURE.read_bytes()))


def image_to_image_with_prompt() -> Found:
    """A picture and a prompt, which go as JSON."""
    return _shown(_client("retouch").image_to_image(_PICTURE, prompt="at night"))


def image_to_text() -> Found:
    """What a picture shows."""
    return dict(_client("janus-pro-7b").image_to_text(str(_PICTURE)))


def text_generation() -> Found:
    """A text from a text."""
    return {"text": _client("writer").text_generation("a rhyme", max_new_tokens=50, return_full_text=False)}


def text_to_speech() -> Found:
    """A text that is read aloud."""
    sound = _client("speak").text_to_speech("good evening", extra_body={"voice": "bob"})
    return {"wave": sound[:4] == b"RIFF", "bytes": len(sound)}


def _asked(question: str) -> list[dict[str, Any]]:
    url = f"data:image/png;base64,{base64.b64encode(_PICTURE.read_bytes()).decode()}"
    content = [{"type": "text", "text": question}, {"type": "image_url", "image_url": {"url": url}}]
    return [{"role": "user", "content": content}]


def chat_completion() -> Found:
    """A question about a picture."""
    answer = _client("janus-pro-7b").chat_completion(_asked("What is it?"))
    return {"text": answer.choices[0].message.content, "model": answer.model}


def chat_completion_stream() -> Found:
    """The same by the names of OpenAI's package, as it comes."""
    # The stream ends with its client.
    with _client("janus-pro-7b") as client:
        answer = client.chat.completions.create(messages=_asked("Who is it?"), stream=True)
        return {"text": "".join(chunk.choices[0].delta.content or "" for chunk in answer)}


def in_async() -> Found:
    """Three at once."""

    async def ask() -> Found:
        painter, looker = (
            AsyncInferenceClient(base_url=_address(name), api_key=_KEY) for name in ("flux-schnell", "janus-pro-7b")
        )
        retoucher = AsyncInferenceClient(model=_address("retouch"), api_key=_KEY)
        image, changed, seen, said = await asyncio.gather(
            painter.text_to_image("in async", width=64, height=64),
            retoucher.image_to_image(_PICTURE, prompt="at noon"),
            looker.image_to_text(_PICTURE),
            looker.chat_completion(_asked("What now?")),
        )
        return {
            "image": _shown(image),
            "changed": _shown(changed),
            "seen": seen.generated_text,
            "said": said.choices[0].message.content,
        }

    return asyncio.run(ask())


def no_key() -> Found:
    """A key that is none."""
    client = InferenceClient(base_url=_address("flux-schnell"), api_key="dk_live_none")
    return _refused(lambda: client.text_to_image("no key"))


def no_model() -> Found:
    """A model that there is not."""
    return _refused(lambda: _client("steam/engine").text_to_image("no model"))


def no_size() -> Found:
    """A size that is none."""
    return _refused(lambda: _client("flux-schnell").text_to_image("no size", width=99_999, height=64))


def no_picture() -> Found:
    """A picture for a model that takes none."""
    return _refused(lambda: _client("flux-schnell").image_to_image(_PICTURE, prompt="at night"))


def failed() -> Found:
    """A job that fails."""
    return _refused(lambda: _client("flux-schnell").text_to_image("crash"))


def failed_chat() -> Found:
    """A chat that fails: this app needs a picture."""
    return _refused(lambda: _client("janus-pro-7b").chat_completion([{"role": "user", "content": "No picture"}]))


def failed_stream() -> Found:
    """The same, while it is read."""
    messages = [{"role": "user", "content": "No picture in a stream"}]
    with _client("janus-pro-7b") as client:
        return _refused(lambda: list(client.chat_completion(messages, stream=True)))


def failed_async() -> Found:
    """A job that fails."""
    client = AsyncInferenceClient(base_url=_address("flux-schnell"), api_key=_KEY)
    return _refused(lambda: asyncio.run(client.text_to_image("crash in async")))


def _refused(call: Callable[[], object]) -> Found:
    try:
        call()
    except HfHubHTTPError as error:
        status = error.response.status_code
        return {"class": type(error).__name__, "status": status, "text": str(error), "request_id": error.request_id}
    except (HTTPError, TextGenerationError) as error:
        return {"class": type(error).__name__, "text": str(error)}
    return {"class": None}


def interrupted() -> Found:
    """A picture whose server dies: the package does not ask again, the program does."""

    def ask() -> Found:
        return _shown(_client("flux-schnell").text_to_image("interrupted", width=64, height=64))

    lost = _refused(ask)["class"]
    return {"lost": lost, **ask()}


_CASES: Final = {
    case.__name__: case
    for case in (
        text_to_image, text_to_image_by_model, image_to_image, image_to_image_with_prompt, image_to_text, text_generation, text_to_speech,
        chat_completion, chat_completion_stream, in_async, no_key, no_model, no_size, no_picture, failed, failed_chat,
        failed_stream, failed_async, interrupted,
    )
}  # fmt: skip


if __name__ == "__main__":
    print(json.dumps({name: _CASES[name]() for name in sys.argv[1:]}))
