"""The requests of programs that draw and talk by OpenAI's API, as they send them, and what each reads of the answer.

Each function is one program: it fails where the program would. What they send was read in their sources.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from PIL import Image

from tests.support.client_service import Service
from tests.support.sample_images import plain_image

_DRAWS: Final = "flux-schnell"
_SIDE: Final = "64x64"


@dataclass(frozen=True, slots=True)
class Door:
    """The service as a program of the given name sees it: an address and a key."""

    service: Service

    def ask(self, method: str, path: str, **more: Any) -> requests.Response:
        """An answer, which must be a success."""
        headers = {"Authorization": f"Bearer {self.service.key}", **more.pop("headers", {})}
        answer = requests.request(
            method, f"{self.service.stack.url}/v1{path}", headers=headers, timeout=(5, 60), **more
        )
        assert answer.status_code == 200, answer.text
        return answer

    def json(self, path: str, body: Any) -> Any:
        """The JSON that answers JSON."""
        return self.ask("POST", path, json=body).json()

    def form(self, path: str, fields: dict[str, str], *files: str) -> Any:
        """The JSON that answers a form with pictures in parts of these names."""
        parts = [(name, ("image.png", plain_image(), "image/png")) for name in files]
        return self.ask("POST", path, data=fields, files=parts).json()

    def chunks(self, path: str, body: Any) -> Iterator[Any]:
        """The messages of a stream."""
        for line in self.ask("POST", path, json=body, stream=True).iter_lines():
            if line.startswith(b"data: ") and line != b"data: [DONE]":
                yield json.loads(line.removeprefix(b"data: "))


def size(data: str | bytes) -> tuple[int, int]:
    """Width and height of a picture, as bytes or in base64."""
    with Image.open(io.BytesIO(base64.b64decode(data) if isinstance(data, str) else data)) as image:
        image.load()
        return image.size


def opened(url: str) -> requests.Response:
    """What an address gives without a key."""
    answer = requests.get(url, timeout=(5, 30))
    assert answer.status_code == 200, answer.text
    return answer


def open_webui(door: Door) -> None:
    """Version 0.12 (routers/images.py, openai.py): its user in a header; `url` before `b64_json`, if it may fetch it."""
    user = {"X-OpenWebUI-User-Id": "user-7"}
    body = {"model": _DRAWS, "prompt": "open webui", "n": 1, "size": _SIDE, "response_format": "b64_json"}
    (item,) = door.ask("POST", "/images/generations", json=body, headers=user).json()["data"]
    assert "url" not in item
    assert size(item["b64_json"]) == (64, 64)
    (job,) = door.service.jobs("open webui")
    assert job["metadata"]["user"] == "user-7"
    fields = {"model": "retouch", "prompt": "at night", "n": "1", "response_format": "b64_json"}
    assert size(door.form("/images/edits", fields, "image")["data"][0]["b64_json"]) == (40, 30)
    models = door.ask("GET", "/models").json()["data"]
    assert {"write", _DRAWS} <= {model["id"] for model in models}
    talk = {
        "model": "write", "stream": True, "stream_options": {"include_usage": True},
        "messages": [{"role": "user", "content": "open webui chat"}],
    }  # fmt: skip
    said = [
        choice["delta"].get("content") or ""
        for chunk in door.chunks("/chat/completions", talk)
        for choice in chunk["choices"]
    ]
    assert "".join(said) == "You said open webui chat and I wrote this."


def librechat_images(door: Door) -> None:
    """The tool image_gen_oai (OpenAIImageTools.js): `auto` everywhere, and only `b64_json` of the first item."""
    drawn = {
        "model": "gpt-image-1", "prompt": "librechat", "n": 1, "background": "auto", "output_format": "png",
        "quality": "auto", "size": "auto",
    }  # fmt: skip
    assert size(door.json("/images/generations", drawn)["data"][0]["b64_json"])
    fields = {"model": "collage", "prompt": "side by side", "quality": "auto", "size": "auto"}
    assert size(door.form("/images/edits", fields, "image[]", "image[]")["data"][0]["b64_json"]) == (80, 30)


def librechat_dalle(door: Door) -> None:
    """The tool dalle (DALLE3.js): the address, and the ending of the file from the address's path."""
    body = {"model": "dall-e-3", "quality": "standard", "style": "vivid", "size": _SIDE, "prompt": "dalle", "n": 1}
    url = door.json("/images/generations", body)["data"][0]["url"]
    ending = PurePosixPath(urlsplit(url).path).suffix
    assert opened(url).headers["Content-Type"] == {".png": "image/png", ".webp": "image/webp"}[ending]


def lobehub(door: Door) -> None:
    """createImage.ts: the parameters of its model card, and base64 of the first item; names with :image go by chat."""
    card = {"width": 64, "height": 64, "seed": 7, "steps": 1, "cfg": 3.5}
    assert size(
        door.json("/images/generations", {"model": _DRAWS, "prompt": "lobehub", "n": 1, **card})["data"][0]["b64_json"]
    )
    (call,) = door.service.calls("lobehub")
    assert (call["seed"], call["num_inference_steps"]) == (7, 1)
    said = [{"role": "user", "content": [{"type": "text", "text": "lobehub chat"}]}]
    body = {"model": _DRAWS, "messages": said, "modalities": ["image", "text"], "stream": False}
    (image,) = door.json("/chat/completions", body)["choices"][0]["message"]["images"]
    assert size(image["image_url"]["url"].partition(",")[2])


def n8n(door: Door) -> None:
    """The node OpenAI, resource image (generate.operation.ts): `b64_json` of each item, or the items as they are."""
    data = {"prompt": "n8n", "model": "gpt-image-1-mini", "size": _SIDE, "quality": "medium"}
    assert [size(item["b64_json"]) for item in door.json("/images/generations", data)["data"]] == [(64, 64)]
    links = {"prompt": "n8n links", "model": _DRAWS, "size": _SIDE, "n": 2, "response_format": "url"}
    urls = [item["url"] for item in door.json("/images/generations", links)["data"]]
    assert [size(opened(url).content) for url in urls] == [(64, 64)] * 2


def langchain(door: Door) -> None:
    """DallEAPIWrapper: the openai package without a response format; the addresses, joined."""
    body = {"model": _DRAWS, "prompt": "langchain", "n": 2, "size": _SIDE}
    urls = "\n".join(item["url"] for item in door.json("/images/generations", body)["data"])
    assert [size(opened(url).content) for url in urls.split("\n")] == [(64, 64)] * 2


def litellm(door: Door) -> None:
    """The openai package by the name openai/flux-schnell; it reads `created` and `data`, and `usage` if there is one."""
    body = {"model": _DRAWS, "prompt": "litellm", "size": _SIDE, "user": "litellm-user"}
    answer = door.json("/images/generations", body)
    assert isinstance(answer["created"], int)
    assert size(answer["data"][0]["b64_json"]) == (64, 64)
    chat = {"model": "write", "messages": [{"role": "user", "content": "litellm chat"}], "max_tokens": 10}
    found = door.json("/chat/completions", chat)
    assert found["choices"][0]["message"]["content"].startswith("You said litellm chat")
    assert found["choices"][0]["finish_reason"] == "stop"
