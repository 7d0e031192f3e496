"""What the unmodified ``openai`` package makes of videos, speech and files: one JSON object for each case that is named.

Usage: ``python openai_media.py CASE...`` with OPENAI_BASE_URL and OPENAI_API_KEY, which the package reads by itself, and
the path of a picture in PICTURE. Runs with the packages of ``requirements/client-openai.txt``.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import openai
from openai import OpenAI

Found = dict[str, Any]
_FILMS: Final = "film"
_SPEAKS: Final = "speak"
_UNKNOWN: Final = "video_job_01ARZ3NDEKTSV4RRFFQ69G5FAV"


def _picture() -> Path:
    return Path(os.environ["PICTURE"])


def _coded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def video(client: OpenAI) -> Found:
    """A film from a picture, waited for as the package does, and its file."""
    # The package's types know the sizes of OpenAI's own models only.
    made = client.videos.create_and_poll(
        model=_FILMS,
        prompt="video",
        seconds="4",
        size="64x48",  # type: ignore[arg-type]
        input_reference=_picture(),
    )
    file = client.videos.download_content(made.id)
    return {
        "video": made.model_dump(),
        "file": _coded(file.read()),
        "type": file.response.headers["content-type"],
        "again": client.videos.retrieve(made.id).status,
    }


def videos(client: OpenAI) -> Found:
    """The list, in parts, and after one was deleted."""
    ids = [client.videos.create_and_poll(model="sora-2", prompt=f"videos {number}").id for number in range(3)]
    listed = [found.id for found in client.videos.list(limit=2)]
    deleted = client.videos.delete(ids[1])
    left = [found.id for found in client.videos.list(limit=2)]
    return {"ids": ids, "listed": listed, "deleted": deleted.model_dump(), "left": left}


def video_failed(client: OpenAI) -> Found:
    """A film that the app cannot make, and its file, which there is not."""
    made = client.videos.create_and_poll(model=_FILMS, prompt="crash video")
    return {"video": made.model_dump(), "file": _refused(lambda: client.videos.download_content(made.id))}


def video_unknown(client: OpenAI) -> Found:
    """A video that there is not."""
    return _refused(lambda: client.videos.retrieve(_UNKNOWN))


def video_no_film(client: OpenAI) -> Found:
    """A model that makes no films."""
    return _refused(lambda: client.videos.create(model="flux-schnell", prompt="no film"))


def video_no_size(client: OpenAI) -> Found:
    """A size that is none."""
    return _refused(lambda: client.videos.create(model=_FILMS, prompt="no size", size="large"))  # type: ignore[arg-type]


def speech(client: OpenAI) -> Found:
    """A text that is read aloud, by a name of OpenAI's and a voice of OpenAI's."""
    raw = client.audio.speech.with_raw_response.create(
        model="tts-1", voice="alloy", input="speech", speed=2, response_format="wav"
    )
    return {
        "file": _coded(raw.content),
        "type": raw.headers["content-type"],
        "ignored": raw.headers.get("x-ignored-params"),
        "request_id": raw.headers["x-request-id"],
    }


def speech_stream(client: OpenAI) -> Found:
    """The same as it arrives, with a voice of the app's."""
    with client.audio.speech.with_streaming_response.create(model=_SPEAKS, voice="bob", input="speech stream") as sound:
        return {"file": _coded(sound.read())}


def speech_failed(client: OpenAI) -> Found:
    """A text that the app cannot read."""
    return _refused(lambda: client.audio.speech.create(model=_SPEAKS, voice="ada", input="crash speech"))


def speech_no_voice(client: OpenAI) -> Found:
    """A voice that there is not."""
    return _refused(lambda: client.audio.speech.create(model=_SPEAKS, voice="carl", input="no voice"))


def files(client: OpenAI) -> Found:
    """A file that is uploaded, found, used in a chat, read and deleted."""
    made = client.files.create(file=_picture(), purpose="vision")
    message: Any = {"role": "user", "content": [{"type": "input_image", "file_id": made.id}]}
    found = {
        "made": made.model_dump(),
        "retrieved": client.files.retrieve(made.id).id,
        "listed": [file.id for file in client.files.list()],
        "content": _coded(client.files.content(made.id).read()),
        "said": client.responses.create(
            model="janus-pro-7b", input=[message, {"role": "user", "content": "files"}]
        ).output_text,
        "deleted": client.files.delete(made.id).model_dump(),
    }
    return {**found, "after": _refused(lambda: client.files.retrieve(made.id))}


def _refused(call: Callable[[], object]) -> Found:
    try:
        call()
    except openai.APIError as error:
        status = getattr(error, "status_code", None)
        return {"class": type(error).__name__, "status": status, "code": error.code, "param": error.param}
    return {"class": None}


_CASES: Final = {
    case.__name__: case
    for case in (
        video, videos, video_failed, video_unknown, video_no_film, video_no_size, speech, speech_stream, speech_failed,
        speech_no_voice, files,
    )
}  # fmt: skip


def main() -> None:
    """Run the cases, one after the other."""
    with OpenAI() as client:
        print(json.dumps({name: _CASES[name](client) for name in sys.argv[1:]}))


if __name__ == "__main__":
    main()
