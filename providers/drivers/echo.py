"""An offline provider that plays the job's ``script``: for tests, CI and first steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

from providers import (
    Checkpoint,
    Completed,
    Control,
    File,
    InlineFile,
    ModelSpec,
    Param,
    Preview,
    Probe,
    Progress,
    ProviderConfig,
    ProviderEvent,
    ProviderRequest,
    ProviderSpec,
    Queued,
    Rejected,
    Started,
    Status,
    Text,
)
from providers.echo.painting import paint
from providers.echo.script import FAILURES, Step, parse
from providers.params import ASPECT_RATIO, MESSAGES, seed, side
from providers.spec import PROMPT_LIMIT

#: The script of a job without one.
DEFAULT_SCRIPT = ("queue", "progress 4", "preview", "image")

MODEL = ModelSpec(
    name="echo",
    params=(
        Param(name="prompt", default="echo", max_length=PROMPT_LIMIT, description="Decides what is painted."),
        MESSAGES,
        Param(
            name="image", type="image", description="An image that is returned unchanged, in place of a painted one."
        ),
        Param(name="script", type="script", description="What happens, step by step."),
        seed(),
        side("width", 512),
        side("height", 512),
        ASPECT_RATIO,
    ),
    vision=True,
    previews=True,
)


class Echo:
    """The scripted provider."""

    def __init__(self, config: ProviderConfig) -> None:
        config.only()
        self.spec = config.apply(
            ProviderSpec(
                name="echo",
                label="Echo (scripted, offline)",
                url="",
                models=(MODEL,),
            )
        )

    def run(
        self, request: ProviderRequest, resume: Mapping[str, object] | None, control: Control
    ) -> Iterator[ProviderEvent]:
        """Play the script, from the last checkpoint on."""
        script = request.input.get("script")
        lines = [str(line) for line in script] if isinstance(script, list) else list(DEFAULT_SCRIPT)
        first = resume.get("next") if resume else 0
        yield from _Play(request, control).steps(lines, first if isinstance(first, int) else 0)

    def abandon(self, state: Mapping[str, object], request: ProviderRequest) -> None:
        """There is nothing to cancel."""

    def probe(self, control: Control) -> Probe | None:
        """There is no upstream to look at."""


class _Play:
    """One performance of a script."""

    def __init__(self, request: ProviderRequest, control: Control) -> None:
        self._input = request.input
        self._given = request.files.get("image")
        self._control = control
        self._seed = _integer(request.input.get("seed"), 0)
        self._started = False
        self._next = 0
        self._acts: Mapping[str, Callable[[Step], Iterator[ProviderEvent]]] = {
            "queue": self._queue,
            "start": self._start,
            "progress": self._progress,
            "preview": self._preview,
            "wait": self._wait,
            "checkpoint": self._checkpoint,
            "fail": self._fail,
            "fail-once": self._fail_once,
            "log": self._say,
            "status": self._say,
            "warning": self._say,
        }

    def steps(self, lines: Sequence[str], first: int) -> Iterator[ProviderEvent]:
        """Play from a step on. Outputs of earlier steps still belong to the result."""
        outputs: list[File | Text] = []
        for index, line in enumerate(lines):
            self._control.check()
            self._next = index + 1
            step = parse(line)
            if step.verb == "image":
                outputs += [self._image(len(outputs) + number) for number in range(step.count)]
            elif step.verb == "text":
                outputs.append(Text(step.text))
            elif index >= first:
                yield from self._acts[step.verb](step)
        yield from self._ensure_started()
        yield Completed(tuple(outputs) or (self._image(0),), self._seed)

    def _queue(self, step: Step) -> Iterator[ProviderEvent]:
        """Move forward one place every second."""
        left = step.seconds or 0.0
        size = max(1, math.ceil(left))
        for rank in reversed(range(size)):
            yield Queued(rank, size, left)
            pause = left - rank if left > rank else 0.0
            self._control.sleep(pause)
            left -= pause

    def _start(self, step: Step) -> Iterator[ProviderEvent]:
        del step
        yield from self._ensure_started()

    def _progress(self, step: Step) -> Iterator[ProviderEvent]:
        yield from self._ensure_started()
        for number in range(1, step.count + 1):
            self._control.sleep((step.seconds or 0.0) / step.count)
            yield Progress(number / step.count, number, step.count, "steps")

    def _preview(self, step: Step) -> Iterator[ProviderEvent]:
        yield from self._ensure_started()
        for number in range(1, step.count + 1):
            self._control.sleep((step.seconds or 0.0) / step.count)
            yield Preview(InlineFile(f"preview-{number}.png", self._paint(0, number / (step.count + 1))))

    def _wait(self, step: Step) -> Iterator[ProviderEvent]:
        self._control.sleep(step.seconds or 0.0)
        yield from ()

    def _checkpoint(self, step: Step) -> Iterator[ProviderEvent]:
        del step
        yield Checkpoint({"next": self._next})

    def _fail(self, step: Step) -> Iterator[ProviderEvent]:
        yield from ()
        failure = FAILURES[step.failure]
        if failure is Rejected:
            raise Rejected(step.text, content=step.failure == "content_rejected", retry_after=step.seconds)
        raise failure(step.text, retry_after=step.seconds)

    def _fail_once(self, step: Step) -> Iterator[ProviderEvent]:
        yield Checkpoint({"next": self._next})
        yield from self._fail(step)

    def _say(self, step: Step) -> Iterator[ProviderEvent]:
        yield Status(step.text, "warning" if step.verb == "warning" else "info")

    def _ensure_started(self) -> Iterator[ProviderEvent]:
        if not self._started:
            self._started = True
            yield Started()

    def _image(self, number: int) -> InlineFile:
        if self._given is not None:
            return InlineFile(self._given.name, self._given.data)
        return InlineFile(f"image-{number}.png", self._paint(number, 1.0))

    def _paint(self, number: int, finished: float) -> bytes:
        width, height = (_integer(self._input.get(name), 512) for name in ("width", "height"))
        return paint(str(self._input.get("prompt", "")), self._seed + number, width, height, finished=finished)


def _integer(value: object, otherwise: int) -> int:
    return value if isinstance(value, int) else otherwise


driver = Echo
