"""Several functions of an app, called in order in one session: what each is given, and how far the job is. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from providers.errors import Changed
from providers.events import Progress
from providers.gradio.answers.files import Reference, find, value_of
from providers.gradio.components.sending import AppFile
from providers.gradio.endpoints import Endpoint
from providers.gradio.naming import AsIs, component

#: Most steps of one job.
STEPS_LIMIT: Final = 20


@dataclass(frozen=True, slots=True)
class Given:
    """An argument that is one of the job's parameters, by our name."""

    parameter: str


@dataclass(frozen=True, slots=True)
class Handed:
    """An argument that is an output of an earlier step. Both count from 0; ``gr.State`` outputs do not count."""

    step: int
    output: int


@dataclass(frozen=True, slots=True)
class Constant:
    """An argument that is the same in every job."""

    value: object


Source = Given | Handed | Constant


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One call.

    Args:
        api_name: The function.
        arguments: By the app's name of the parameter.
        order: As in :class:`providers.gradio.driver.Call`.
        style: ``call`` or ``join``.
        weight: Its share of the job's progress, against the others' weights.
    """

    api_name: str
    arguments: Mapping[str, Source] = field(default_factory=dict)
    order: tuple[str, ...] = ()
    style: Literal["call", "join"] = "call"
    weight: float = 1.0


def parameters(steps: Sequence[Step]) -> frozenset[str]:
    """Our names of all parameters that any step is given."""
    return frozenset(ours for step in steps for ours, _ in given_by(step))


def given_by(step: Step) -> tuple[tuple[str, str], ...]:
    """Each of the job's parameters that a step is given, with the app's name for it; one may stand there twice."""
    return tuple((source.parameter, name) for name, source in step.arguments.items() if isinstance(source, Given))


def all_arguments(step: Step) -> dict[str, tuple[str]]:
    """The app's name of each argument; one that is no parameter of the job stands under a name that none can have.

    So does the second argument that is the same parameter.
    """
    found: dict[str, tuple[str]] = {}
    for name, source in step.arguments.items():
        is_first = isinstance(source, Given) and source.parameter not in found
        found[source.parameter if isinstance(source, Given) and is_first else f"{name}="] = (name,)
    return found


def handed_on(
    step: Step, function: Endpoint, results: Sequence[Sequence[object]], functions: Sequence[Endpoint]
) -> dict[str, object]:
    """The arguments of a step that are no parameters of the job, by the app's names.

    Args:
        step: The step.
        function: Its function.
        results: The answers of the steps before, an item for each output component.
        functions: Of these steps.

    Raises:
        Changed: A step before has no such output.
    """
    found: dict[str, object] = {}
    for name, source in step.arguments.items():
        match source:
            case Handed(number, output):
                made, value = _output(functions[number], results[number], output)
                same = made == component(function, name, step.order)
                found[name] = AsIs(value) if same else _as_files(value)
            case Constant(value):
                found[name] = AsIs(value)
            case _:
                pass
    return found


def _output(function: Endpoint, data: Sequence[object], output: int) -> tuple[str, object]:
    """The component of an output, and its value."""
    if len(data) != len(function.outputs):
        raise Changed(
            f"{function.label} gave {len(data)} outputs, and the app says that it has {len(function.outputs)}"
        )
    shown = [
        (made.component, value_of(item))
        for item, made in zip(data, function.outputs, strict=True)
        if made.component != "state"
    ]
    if output >= len(shown):
        raise Changed(f"{function.label} has no output {output}: it gave {len(shown)}, counted from 0")
    return shown[output]


def _as_files(value: object) -> object:
    """A value for a component of another kind: its files, if it holds some; else as it is."""
    if isinstance(value, list):
        return [_as_files(item) for item in value]
    if isinstance(value, dict):
        # What a gallery, a video (before Gradio 6) or an editor shows.
        shown = next((value[key] for key in ("image", "video", "composite") if isinstance(value.get(key), dict)), value)
        return AppFile(shown) if isinstance(find(shown), Reference) else value
    return value


def of_all(event: Progress, steps: Sequence[Step], current: int) -> Progress:
    """The progress of all steps, from that of the current one, whose number counts from 0."""
    if event.fraction is None:
        return event
    return replace(event, fraction=share(steps, current, event.fraction))


def share(steps: Sequence[Step], current: int, fraction: float) -> float:
    """How much of all steps is done."""
    done = sum(step.weight for step in steps[:current]) + steps[current].weight * min(max(fraction, 0.0), 1.0)
    return done / sum(step.weight for step in steps)


def title(steps: Sequence[Step], current: int) -> str:
    """What people are told when a step begins."""
    return f"step {current + 1} of {len(steps)}: {steps[current].api_name}"
