"""A call that is ready to be sent. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from media import Kind
from providers.errors import Changed
from providers.gradio.endpoints import App, Endpoint
from providers.gradio.naming import arguments

Style = Literal["call", "join"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPlan:
    """A call that is ready to be sent.

    ``style`` is ``call``, ``join`` or (Gradio 4.0 to 4.8) ``sse``; ``kind`` is that of the wanted outputs.
    """

    app: App
    endpoint: Endpoint
    data: list[object]
    style: str
    kind: Kind = "image"
    trigger_id: int | None = None

    @property
    def has_diffs(self) -> bool:
        """Whether steps come as changes. Only ``/queue/join`` sends them; after ``/call`` each step is full (recorded)."""
        return self.style == "join" and self.app.has_diffs


def make_plan(
    app: App,
    api_name: str | None,
    given: Mapping[str, object],
    *,
    kind: Kind = "image",
    order: Sequence[str] = (),
    style: Style = "call",
    fn_index: int | None = None,
    trigger_id: int | None = None,
) -> CallPlan:
    """Plan a call of one function; see :meth:`providers.gradio.client.GradioApp.call`.

    Raises:
        Changed: The app has no such function, or other parameters, or runs Gradio 3.
    """
    if not app.speaks_queue:
        version = ".".join(str(part) for part in app.version)
        raise Changed(f"the app runs Gradio {version}, which is not supported: 4.0 or newer is needed")
    endpoint = app.find(api_name, fn_index)
    usable: str = style
    if app.protocol == "sse":
        usable = "sse"
    elif not app.has_call or endpoint.api_name is None:
        usable = "join"
    return CallPlan(
        app=app,
        endpoint=endpoint,
        data=arguments(endpoint, given, order, app.version),
        style=usable,
        kind=kind,
        trigger_id=trigger_id if endpoint.fn_index == fn_index else None,
    )
