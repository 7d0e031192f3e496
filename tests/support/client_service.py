"""A service as the programs in ``tests/clients`` use it, and what a test asks it about their jobs."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import requests

from jobs.access.api_key_store import ApiKeyStore
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

    def kill_the_web(self) -> None:
        """Kill the processes that hold the connections of clients; new ones come in their place."""
        web = self.stack.processes[-1].popen.pid
        serving = subprocess.run(["pgrep", "-P", str(web)], capture_output=True, text=True, check=True).stdout.split()
        for pid in serving:
            os.kill(int(pid), signal.SIGKILL)

    def calls(self, prompt: str) -> list[Any]:
        """The arguments of each call that the painting app got for this prompt."""
        arguments: list[Any] = [note["arguments"] for note in self.painter.notes()]
        return [given for given in arguments if given["prompt"] == prompt]


@contextmanager
def opened(folder: Path, tables: Sequence[str], painter: Space, *others: Space) -> Iterator[Service]:
    """A service of these providers, closed by keys, in front of apps that were started."""
    config = folder / "providers.toml"
    config.write_text("\n".join(tables))
    with Stack(folder / "stack", environ={"DARKROOM_CONFIG": str(config)}) as stack:
        keys = ApiKeyStore(stack.connection)
        keys.create("admin")
        _, key = keys.create("client")
        _, limited = keys.create("limited", limits={"submits_per_minute": 1})
        stack.whole()
        for app in (painter, *others):
            app.wait()
        yield Service(stack, painter, key, limited)
