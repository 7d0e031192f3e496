"""What the unmodified ``g4f`` package makes of OpenAI's routes: one JSON object for each case that is named.

Usage: ``python g4f_client.py CASE...`` with OPENAI_BASE_URL and OPENAI_API_KEY. Runs with the packages of
``requirements/client-g4f.txt``.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, Final

from g4f.client import Client

Found = dict[str, Any]


def _client() -> Any:
    return Client(base_url=os.environ["OPENAI_BASE_URL"], api_key=os.environ["OPENAI_API_KEY"])


def generate() -> Found:
    """A picture, as an address."""
    answer = _client().images.generate(model="flux-schnell", prompt="g4f", response_format="url", width=64, height=64)
    return {"urls": [item.url for item in answer.data]}


def chat() -> Found:
    """A text."""
    answer = _client().chat.completions.create(model="write", messages=[{"role": "user", "content": "g4f chat"}])
    return {"text": answer.choices[0].message.content}


def chat_stream() -> Found:
    """A text as it comes."""
    chunks = _client().chat.completions.create(
        model="write", messages=[{"role": "user", "content": "g4f stream"}], stream=True
    )
    return {"text": "".join(chunk.choices[0].delta.content or "" for chunk in chunks)}


_CASES: Final = {case.__name__: case for case in (generate, chat, chat_stream)}


def main() -> None:
    """Run the cases, one after the other."""
    print(json.dumps({name: _CASES[name]() for name in sys.argv[1:]}))


if __name__ == "__main__":
    main()
