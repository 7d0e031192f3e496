"""What the unmodified ``openai`` package makes of chat and responses: one JSON object for each case that is named.

Usage: ``python openai_talk.py CASE...`` with OPENAI_BASE_URL and OPENAI_API_KEY, which the package reads by itself, and
the address of a picture in PICTURE. Runs with the packages of ``requirements/client-openai.txt``.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any, Final

import openai
from openai import OpenAI

Found = dict[str, Any]
#: A model that looks at pictures and answers, one that writes word by word, one that draws, and one that crashes.
_LOOKS: Final = "janus-pro-7b"
_WRITES: Final = "write"
_DRAWS: Final = "flux-schnell"
_CRASHES: Final = "crash-python"
_SMALL: Final = {"steps": 1, "width": 64, "height": 64}


def _said(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


def _seen(text: str) -> list[Any]:
    picture = {"type": "image_url", "image_url": {"url": os.environ["PICTURE"]}}
    return [{"role": "user", "content": [{"type": "text", "text": text}, picture]}]


def _given(text: str) -> list[Any]:
    picture = {"type": "input_image", "image_url": os.environ["PICTURE"], "detail": "auto"}
    return [{"role": "user", "content": [{"type": "input_text", "text": text}, picture]}]


def chat(client: OpenAI) -> Found:
    """A question about a picture."""
    answer = client.chat.completions.create(model=_LOOKS, messages=_seen("chat"), temperature=0.5, max_tokens=99)
    return {
        "id": answer.id,
        "request_id": answer._request_id,
        "text": answer.choices[0].message.content,
        "finish": answer.choices[0].finish_reason,
    }


def chat_stream(client: OpenAI) -> Found:
    """A text as it comes."""
    chunks = client.chat.completions.create(model=_WRITES, messages=_said("chat_stream"), stream=True)
    return {"pieces": [chunk.choices[0].delta.content for chunk in chunks if chunk.choices[0].delta.content]}


def chat_draw(client: OpenAI) -> Found:
    """A picture through chat, by a name of OpenAI's and by one of ours."""
    asked = client.chat.completions.create(model=_DRAWS, messages=_said("chat_draw"), extra_body=_SMALL)
    return {"text": asked.choices[0].message.content, "images": (asked.choices[0].message.model_extra or {})["images"]}


def response(client: OpenAI) -> Found:
    """A question about a picture, as a response."""
    answer = client.responses.create(model=_LOOKS, input=_given("response"), instructions="Be short.")
    return {"id": answer.id, "request_id": answer._request_id, "text": answer.output_text, "status": answer.status}


def response_stream(client: OpenAI) -> Found:
    """A response as it comes, put together by the package."""
    with client.responses.stream(model=_WRITES, input="response_stream") as stream:
        events = [event.type for event in stream]
        return {"events": events, "text": stream.get_final_response().output_text}


def response_draw(client: OpenAI) -> Found:
    """A picture by OpenAI's tool, made in the background and asked for until it is there."""
    made = client.responses.create(
        model="gpt-5", input="response_draw", background=True, tools=[{"type": "image_generation", "size": "64x64"}]
    )
    first = made.status
    while made.status in {"queued", "in_progress"}:
        time.sleep(0.1)
        made = client.responses.retrieve(made.id)
    pictures = [item.result for item in made.output if item.type == "image_generation_call"]
    return {"first": first, "status": made.status, "pictures": pictures, "model": made.model}


def response_cancel(client: OpenAI) -> Found:
    """A response that is taken back while it runs."""
    made = client.responses.create(model="echo", input="cancel", background=True, extra_body={"script": ["wait 60s"]})
    client.responses.cancel(made.id)
    while (made := client.responses.retrieve(made.id)).status in {"queued", "in_progress"}:
        time.sleep(0.1)
    return {"status": made.status}


def chat_no_key(client: OpenAI) -> Found:
    """A key that is none."""
    wrong = client.with_options(api_key="sk-none")
    return _refused(lambda: wrong.chat.completions.create(model=_LOOKS, messages=_said("no key")))


def chat_no_model(client: OpenAI) -> Found:
    """A model that there is not."""
    return _refused(lambda: client.chat.completions.create(model="steam", messages=_said("no model")))


def chat_no_picture(client: OpenAI) -> Found:
    """A picture for a model that takes none."""
    return _refused(lambda: client.chat.completions.create(model=_DRAWS, messages=_seen("x")))


def chat_rejected(client: OpenAI) -> Found:
    """A question that the app refuses: it is about a picture, and there is none."""
    return _refused(lambda: client.chat.completions.create(model=_LOOKS, messages=_said("rejected")))


def chat_failed(client: OpenAI) -> Found:
    """A job that fails: the package must not ask again."""
    return _refused(lambda: client.chat.completions.create(model=_CRASHES, messages=_said("crash chat")))


def chat_failed_stream(client: OpenAI) -> Found:
    """A job that fails while its text is read."""

    def read() -> object:
        return list(client.chat.completions.create(model=_CRASHES, messages=_said("crash chat stream"), stream=True))

    return _refused(read)


def response_no_model(client: OpenAI) -> Found:
    """A model that there is not."""
    return _refused(lambda: client.responses.create(model="steam", input="no model"))


def response_unknown(client: OpenAI) -> Found:
    """A response that there is not."""
    return _refused(lambda: client.responses.retrieve("resp_job_01ARZ3NDEKTSV4RRFFQ69G5FAV"))


def response_failed(client: OpenAI) -> Found:
    """A job that fails: the package must not ask again."""
    return _refused(lambda: client.responses.create(model=_CRASHES, input="crash response"))


def response_failed_stream(client: OpenAI) -> Found:
    """A job that fails while its events are read."""
    events = list(client.responses.create(model=_CRASHES, input="crash response stream", stream=True))
    last = events[-1]
    assert last.type == "response.failed", last
    return {"class": None, "code": last.response.error and last.response.error.code}


def _refused(call: Callable[[], object]) -> Found:
    try:
        call()
    except openai.APIError as error:
        status = getattr(error, "status_code", None)
        return {"class": type(error).__name__, "status": status, "code": error.code, "param": error.param}
    return {"class": None}


def chat_interrupted(client: OpenAI) -> Found:
    """A text whose server dies."""
    raw = client.chat.completions.with_raw_response.create(model=_WRITES, messages=_said("interrupted chat"))
    return {"text": raw.parse().choices[0].message.content, "replayed": raw.headers.get("idempotency-replayed")}


_CASES: Final = {
    case.__name__: case
    for case in (
        chat, chat_stream, chat_draw, response, response_stream, response_draw, response_cancel, chat_no_key, chat_no_model,
        chat_no_picture, chat_rejected, chat_failed, chat_failed_stream, response_no_model, response_unknown, response_failed,
        response_failed_stream, chat_interrupted,
    )
}  # fmt: skip


def main() -> None:
    """Run the cases, one after the other."""
    with OpenAI() as client:
        print(json.dumps({name: _CASES[name](client) for name in sys.argv[1:]}))


if __name__ == "__main__":
    main()
