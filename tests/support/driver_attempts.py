"""One attempt on a driver, run as web and worker run it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from providers import config_file
from providers.base import Control
from providers.catalog import Catalog
from providers.events import Completed, Data, FileOutput, ProviderEvent, Text
from providers.spec import Credentials, InputFile, ProviderRequest

E = TypeVar("E")

#: Seconds for one attempt in a test.
ATTEMPT_SECONDS = 60.0


@dataclass(slots=True)
class Outcome:
    """What one attempt gave: its events, and its files read while the app was open."""

    events: list[ProviderEvent]
    files: list[bytes]
    texts: list[str]
    seed: int | None

    def of(self, kind: type[E]) -> list[E]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]


@dataclass(slots=True)
class Attempt:
    """Runs attempts on the providers of one configuration."""

    catalog: Catalog

    def __call__(
        self,
        provider: str,
        model: str,
        given: Mapping[str, object],
        *,
        files: Mapping[str, InputFile] | None = None,
        galleries: Mapping[str, tuple[InputFile, ...]] | None = None,
        credentials: Credentials | None = None,
        resume: Mapping[str, object] | None = None,
    ) -> Outcome:
        """Validate, normalise and run, as web and worker do."""
        admitted = self.catalog.choose(model, provider).admit(dict(given))
        request = ProviderRequest(
            model=model,
            input=admitted.inputs[provider],
            files=files or {},
            galleries=galleries or {},
            credentials=credentials or Credentials(),
        )
        return read(self.catalog.driver(provider).run(request, resume, Control(ATTEMPT_SECONDS)))


def read(events: Iterable[ProviderEvent]) -> Outcome:
    """Take all events; read the files as the worker does, before the driver goes on."""
    outcome = Outcome([], [], [], None)
    for event in events:
        outcome.events.append(event)
        if isinstance(event, Completed):
            outcome.seed = event.seed
            outcome.texts = [output.text for output in event.outputs if isinstance(output, Text)]
            files = [output for output in event.outputs if not isinstance(output, Text | Data)]
            outcome.files = [
                (output.file if isinstance(output, FileOutput) else output).read(1 << 24) for output in files
            ]
    return outcome


def attempt_on(toml: str, hub_url: str = "") -> Attempt:
    """Attempts on the providers of a TOML text and the built-in ones."""
    return Attempt(Catalog.of(config_file.parse(toml), hub_url=hub_url, installed=[]))
