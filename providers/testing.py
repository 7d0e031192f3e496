"""A scripted driver, for tests of drivers and of the worker."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from media import Kind
from providers import Control, Driver, ModelSpec, Param, Probe, ProviderEvent, ProviderRequest, ProviderSpec


class ScriptedDriver:
    """A driver that yields a fixed list of events.

    Args:
        events: Events in order. An exception among them is raised; a callable is called with the control.
        name: The provider's name.
        model: The name of its one model.
        kind: What that gives.
    """

    def __init__(
        self,
        events: Iterable[ProviderEvent | Exception | Callable[[Control], None]],
        *,
        name: str = "scripted",
        model: str = "scripted",
        kind: Kind = "image",
    ) -> None:
        self._events = tuple(events)
        self.calls: list[tuple[ProviderRequest, Mapping[str, object] | None]] = []
        self.abandoned: list[Mapping[str, object]] = []
        self.spec = ProviderSpec(
            name=name,
            label=name,
            url="",
            models=(ModelSpec(name=model, kind=kind, params=(Param(name="prompt", required=True),)),),
        )

    def run(
        self, request: ProviderRequest, resume: Mapping[str, object] | None, control: Control
    ) -> Iterator[ProviderEvent]:
        """Yield the script."""
        self.calls.append((request, resume))
        for event in self._events:
            control.check()
            if isinstance(event, Exception):
                raise event
            if callable(event):
                event(control)
            else:
                yield event

    def abandon(self, state: Mapping[str, object], request: ProviderRequest) -> None:
        """Record what was abandoned."""
        del request
        self.abandoned.append(state)

    def probe(self, control: Control) -> Probe | None:
        """There is nothing to look at."""
        del control
        return None


_: type[Driver] = ScriptedDriver
