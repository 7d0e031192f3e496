"""What the functions of an app look like to who calls them, and what each of their inputs is to us.

From what the live app says of itself and from how its driver calls it: enough to answer in the app's place.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import logs
from media import Kind
from providers.base import Control
from providers.discovery import functions
from providers.discovery.declared import DeclaredCall
from providers.discovery.functions import describe
from providers.discovery.look import Describable
from providers.gradio.answers.seeds import names_seed
from providers.gradio.components.table import TABLE, param_type
from providers.gradio.naming import named
from providers.spec import FILE_TYPES, ModelSpec

#: Longest default that is kept, in characters of JSON. A longer one is a picture, say.
_DEFAULT: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """An input of a function.

    Args:
        name: The app's name of it.
        params: Our parameters that go into it; none: it always gets ``default``, what the app's page would send.
        component: Such as ``slider``; empty if it is not known.
        takes: The type of what the component takes; None: nothing of ours does.
        schema: The JSON type that the app tells, such as ``string``; empty if it tells none.
    """

    name: str
    label: str
    params: tuple[str, ...] = ()
    component: str = ""
    takes: str | None = None
    schema: str = ""
    required: bool = False
    default: Any = None
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[Any, ...] = ()

    @property
    def is_file(self) -> bool:
        """Whether its values are files."""
        return self.takes in FILE_TYPES


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """An output of a function.

    Args:
        component: Such as ``image``; empty if it is not known.
        kind: Of what the component shows, ``file`` for any file; None: anything.
        is_seed: Whether its label says that it is the seed.
    """

    component: str
    label: str
    kind: Kind | None = None
    is_seed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function of an app that is a model of ours. ``is_stepwise``: it may answer in several steps."""

    api_name: str
    fn_index: int
    model: str
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    is_stepwise: bool = False


def signature(driver: Describable, control: Control) -> tuple[Function, ...]:
    """The functions of a driver's app that are models, in the order of the models. Asks the app.

    A model that several functions make in turn is none of them, and is left out; so is one whose function is gone.

    Raises:
        ProviderError: The app does not answer, is no Gradio app, or does not tell which input is which.
    """
    # What opens the app may come back in its words, which are cut when they are read.
    config, info = (logs.redacted(told) for told in driver.described(control))
    description = describe(config, info)
    found = []
    for model in driver.spec.models:
        calls = driver.calls[model.name]
        function = description.find(calls[0].api_name) if len(calls) == 1 else None
        if function is not None:
            found.append(_function(model, calls[0], function))
    return tuple(found)


def _function(model: ModelSpec, call: DeclaredCall, function: functions.Function) -> Function:
    endpoint = function.endpoint
    ours: dict[str, list[str]] = {}
    for param, names in call.arguments.items():
        present = next((name for name in names if name in endpoint.names), names[0])
        ours.setdefault(present, []).extend([param] if model.param(param) else [])
    slots = [slot for slot in named(endpoint, dict.fromkeys(ours), call.order) if not slot.hidden]
    return Function(
        api_name=endpoint.api_name or call.api_name.strip("/"),
        fn_index=endpoint.fn_index,
        model=model.name,
        inputs=tuple(
            Input(
                name=slot.name or "",
                label=slot.label or slot.title,
                params=tuple(ours.get(slot.name or "", ())),
                component=slot.component,
                takes=param_type(slot),
                schema=entry.schema,
                required=slot.required,
                default=slot.default if len(json.dumps(slot.default, default=str)) <= _DEFAULT else None,
                minimum=entry.minimum,
                maximum=entry.maximum,
                choices=entry.choices,
            )
            for slot, entry in zip(slots, function.inputs, strict=True)
        ),
        outputs=tuple(_outputs(function)),
        is_stepwise=function.is_stepwise,
    )


def _outputs(function: functions.Function) -> Iterator[Output]:
    for output in function.endpoint.outputs:
        row = TABLE.get(output.component)
        if row is None or row.read is not None:
            kind = None if row is None else row.gives or "file"
            yield Output(component=output.component, label=output.label, kind=kind, is_seed=names_seed(output.label))
