"""An offline provider that plays the job's ``script``: for tests, CI and first steps."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from providers import (
    Checkpoint,
    Completed,
    Control,
    Data,
    FileOutput,
    InlineFile,
    ModelSpec,
    Param,
    Partial,
    Preview,
    Probe,
    Progress,
    ProviderConfig,
    ProviderError,
    ProviderEvent,
    ProviderRequest,
    ProviderSpec,
    Queued,
    RawOutput,
    Rejected,
    Started,
    Status,
    Text,
)
from providers.echo.script import FAILURES, MEDIA_SECONDS, RESULT_STEPS, Step, parse
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
    any_kind=True,
)


class Echo:
    """The scripted provider."""

    def __init__(self, config: ProviderConfig) -> None:
        config.only()
        spec = ProviderSpec(
            name="echo", label="Echo (scripted, offline)", url="", models=(MODEL,), limits=config.limits
        )
        self.spec = config.apply(spec)

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

    def steps(self, lines: Sequence[str], first: int) -> Iterator[ProviderEvent]:
        """Play from a step on. Outputs of earlier steps still belong to the result."""
        outputs: list[RawOutput] = []
        for index, line in enumerate(lines):
            self._control.check()
            self._next = index + 1
            step = parse(line)
            if step.verb == "partial":
                yield from self._say(step, outputs, is_new=index >= first)
            elif step.verb in RESULT_STEPS:
                self._make(step, outputs)
            elif index >= first:
                yield from self._act(step)
        yield from self._ensure_started()
        yield Completed(tuple(outputs) or (self._image(0),), self._seed)

    def _make(self, step: Step, outputs: list[RawOutput]) -> None:
        """Add what a step makes to the result."""
        # Here and below: a process that only reads what the driver declares needs no Pillow.
        from providers.echo import samples

        prompt = str(self._input.get("prompt", ""))
        seconds = min(step.seconds or 1.0, MEDIA_SECONDS)
        match step.verb:
            case "image":
                outputs += [self._image(len(outputs) + number) for number in range(step.count)]
            case "text":
                outputs.append(Text(step.text))
            case "data":
                outputs.append(Data(step.data))
            case "video":
                frames = [self._paint(0, (number + 1) / (8 * seconds)) for number in range(max(1, int(8 * seconds)))]
                outputs.append(FileOutput(InlineFile("film.webm", samples.film(frames)), "video"))
            case "audio":
                pitch = 220.0 + self._seed % 440
                outputs.append(FileOutput(InlineFile("tone.wav", samples.sound(seconds, pitch)), "audio"))
            case "model":
                outputs.append(FileOutput(InlineFile("mesh.glb", samples.mesh()), "model"))
            case "file":
                outputs.append(FileOutput(InlineFile(step.text, samples.file(step.text, prompt)), "file"))
            case "caption" if outputs:
                newest = outputs[-1]
                if not isinstance(newest, Text | Data):
                    whole = newest if isinstance(newest, FileOutput) else FileOutput(newest)
                    outputs[-1] = replace(whole, caption=step.text)

    def _say(self, step: Step, outputs: list[RawOutput], *, is_new: bool) -> Iterator[ProviderEvent]:
        """A text that comes word by word, and is in the result then."""
        words = step.text.split(" ")
        if is_new:
            yield from self._ensure_started()
            for count in range(1, len(words) + 1):
                self._control.sleep((step.seconds or 0.0) / len(words))
                yield Partial(" ".join(words[:count]))
        outputs.append(Text(step.text))

    def _act(self, step: Step) -> Iterator[ProviderEvent]:
        match step.verb:
            case "queue":
                yield from self._queue(step.seconds or 0.0)
            case "start":
                yield from self._ensure_started()
            case "progress" | "preview":
                yield from self._work(step)
            case "wait":
                self._control.sleep(step.seconds or 0.0)
            case "checkpoint":
                yield Checkpoint({"next": self._next})
            case "fail":
                raise _failure(step)
            case "fail-once":
                yield Checkpoint({"next": self._next})
                raise _failure(step)
            case "log" | "status" | "warning":
                yield Status(step.text, "warning" if step.verb == "warning" else "info")

    def _queue(self, left: float) -> Iterator[ProviderEvent]:
        """Move forward one place every second."""
        size = max(1, math.ceil(left))
        for rank in reversed(range(size)):
            yield Queued(rank, size, left)
            pause = left - rank if left > rank else 0.0
            self._control.sleep(pause)
            left -= pause

    def _work(self, step: Step) -> Iterator[ProviderEvent]:
        yield from self._ensure_started()
        for number in range(1, step.count + 1):
            self._control.sleep((step.seconds or 0.0) / step.count)
            if step.verb == "progress":
                yield Progress(number / step.count, number, step.count, "steps")
            else:
                yield Preview(InlineFile(f"preview-{number}.png", self._paint(0, number / (step.count + 1))))

    def _ensure_started(self) -> Iterator[ProviderEvent]:
        if not self._started:
            self._started = True
            yield Started()

    def _image(self, number: int) -> InlineFile:
        if self._given is not None:
            return InlineFile(self._given.name, self._given.data)
        return InlineFile(f"image-{number}.png", self._paint(number, 1.0))

    def _paint(self, number: int, finished: float) -> bytes:
        from providers.echo.painting import paint

        width, height = (_integer(self._input.get(name), 512) for name in ("width", "height"))
        return paint(str(self._input.get("prompt", "")), self._seed + number, width, height, finished=finished)


def _failure(step: Step) -> ProviderError:
    failure = FAILURES[step.failure]
    if failure is Rejected:
        return Rejected(step.text, content=step.failure == "content_rejected", retry_after=step.seconds)
    return failure(step.text, retry_after=step.seconds)


def _integer(value: object, otherwise: int) -> int:
    return value if isinstance(value, int) else otherwise


driver = Echo
