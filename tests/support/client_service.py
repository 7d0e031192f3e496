"""A service as the programs in ``tests/clients`` use it, and what a test asks it about their jobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import requests

from tests.spaces.launcher import Space
from tests.support.processes import Stack

#: The provider of the app that paints.
PAINTER: Final = "blackforestlabs-flux1-schnell"


@dataclass(frozen=True, slots=True)
class Service:
    """The service with its app, and the keys of its clients."""

    stack: Stack
    painter: Space
    key: str
    limited_key: str

    @property
    def environ(self) -> dict[str, str]:
        """What an OpenAI client needs to know."""
        return {"OPENAI_BASE_URL": f"{self.stack.url}/v1", "OPENAI_API_KEY": self.key}

    def get(self, path: str, **query: str) -> Any:
        """An answer of the native API."""
        headers = {"Authorization": f"Bearer {self.key}"}
        answer = requests.get(f"{self.stack.url}{path}", headers=headers, params=query, timeout=(5, 30))
        assert answer.status_code == 200, answer.text
        return answer.json()

    def jobs(self, prompt: str) -> list[Any]:
        """The jobs whose prompt is this."""
        return [job for job in self.get("/v1/jobs", q=prompt)["data"] if job["input"].get("prompt") == prompt]

    def calls(self, prompt: str) -> list[Any]:
        """The arguments of each call that the painting app got for this prompt."""
        arguments: list[Any] = [note["arguments"] for note in self.painter.notes()]
        return [given for given in arguments if given["prompt"] == prompt]
