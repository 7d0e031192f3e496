"""Turns the outputs of an upstream into verified artifacts, with the recipe of how they were made."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from jobs import metrics
from jobs.files.image_terms import BadImage
from jobs.files.images import shrink
from jobs.model import Job, Output
from media import OutputLimits, kind_of
from providers import (
    Canceled,
    Completed,
    File,
    ModelSpec,
    Protocol,
    ProviderError,
    ProviderSpec,
    RawOutput,
    Status,
    clean,
)
from worker.attempts import mapping
from worker.attempts.keeping import Keeper
from worker.attempts.mapping import BadOutput, Torn
from worker.attempts.outcome import Finished, has_spent_all
from worker.attempts.parts import Parts
from worker.attempts.recipes import recipe_of

#: Largest seed in a job's record: larger JSON numbers lose digits in other languages.
SEED_LIMIT: Final = 2**53
#: Longest side in pixels and largest size in bytes of a preview that is kept.
PREVIEW_SIDE: Final = 512
PREVIEW_BYTES: Final = 64 << 10
#: Largest preview that is fetched from an upstream, in bytes.
PREVIEW_FETCH_LIMIT: Final = 8 << 20
#: Most warnings of one result.
WARNINGS_LIMIT: Final = 50

#: Takes a line for the job's log.
Say = Callable[[Status], None]


def ingest(job: Job, event: Completed, spec: ProviderSpec, revision: str | None, parts: Parts, say: Say) -> Finished:
    """Download, verify and store every output of a job.

    What one output breaks costs that output only. What is not kept, or not as it came, is told in the log and in the
    job's warnings. What an upstream wrote into an image's file besides the image is dropped; the recipe is written into
    it, unless the job does not want that. An attempt after one that died here stores the same bytes.

    Args:
        job: The job, with the input that the provider got.
        event: What the provider made.
        spec: The provider's declaration.
        revision: The commit of the provider's Space.
        parts: Where the outputs go.
        say: Takes what is to be said of an output that is not kept, or not as it came.

    Raises:
        BadOutput: There is none, or none of the wanted kind may be kept.
        ProviderError: None of the wanted kind could be fetched.
        ArtifactError: One could not be stored.
    """
    if not event.outputs:
        raise BadOutput("the provider reported success without any output")
    limits = parts.limits.changed(spec.limits)
    seed = clean.count(event.seed, SEED_LIMIT)
    recipe = recipe_of(job, spec, seed, revision)
    told: list[str] = [mapping.text(line) for line in event.warnings]
    keeper = Keeper(job=job, recipe=recipe, seed=seed, limits=limits, artifacts=parts.artifacts, tell=told.append)
    found, lost = _all(keeper, event.outputs[: limits.outputs], parts.timings.refetch, is_last=has_spent_all(job))
    _judge(found, lost, spec.model(job.model))
    told += [f"one output less: {mapping.text(str(error))}" for error in lost]
    told += _beyond(event.outputs, limits)
    if len(told) > WARNINGS_LIMIT:
        told[WARNINGS_LIMIT - 1 :] = [f"and {len(told) - WARNINGS_LIMIT + 1} more"]
    for line in told:
        say(Status(line, "warning"))
    for stored in found:
        parts.counters.add(metrics.OUTPUTS, stored.kind)
        parts.counters.add(metrics.OUTPUT_BYTES, by=stored.bytes or 0)
    return Finished(tuple(found), recipe, warnings=tuple(told))


def _all(
    keeper: Keeper, outputs: tuple[RawOutput, ...], pause: float, *, is_last: bool
) -> tuple[list[Output], list[BadOutput | ProviderError]]:
    """The outputs that could be kept, and why the others could not."""
    found: list[Output] = []
    lost: list[BadOutput | ProviderError] = []
    for output in outputs:
        try:
            found.append(_twice(keeper, len(found), output, pause))
        except (BadOutput, ProviderError) as error:
            if _may_be_had_later(error, is_last=is_last):
                raise
            lost.append(error)
    return found, lost


def _may_be_had_later(error: Exception, *, is_last: bool) -> bool:
    """Whether another attempt may fetch it, of the same run if the driver can; after the last one the rest counts."""
    lasting = isinstance(error, BadOutput | Protocol)
    return not lasting and (isinstance(error, Canceled) or not is_last)


def _twice(keeper: Keeper, index: int, output: RawOutput, pause: float) -> Output:
    """Keep an output. What may be over in a moment, as a file that is written just now, is tried once more."""
    try:
        return keeper.keep(index, output)
    except Torn:
        time.sleep(pause)
        return keeper.keep(index, output)


def _judge(found: list[Output], lost: list[BadOutput | ProviderError], model: ModelSpec | None) -> None:
    """Raise the first loss, or say what came, unless there is an output of the wanted kind."""
    if found and (model is None or model.any_kind or any(_is_wanted(output, model) for output in found)):
        return
    if lost:
        raise lost[0]
    came = ", ".join(dict.fromkeys(kind_of(output.kind).plural for output in found))
    raise BadOutput(f"the provider gave no {model.kind if model else 'result'}; what it gave: {came or 'nothing'}")


def _is_wanted(output: Output, model: ModelSpec) -> bool:
    """A model of files may give files of any kind."""
    return output.kind == model.kind or (model.kind == "file" and kind_of(output.kind).is_file)


def _beyond(outputs: tuple[RawOutput, ...], limits: OutputLimits) -> list[str]:
    more = len(outputs) - limits.outputs
    return [f"{more} of {len(outputs)} outputs are not kept: the limit is {limits.outputs}"] if more > 0 else []


def preview_of(image: File) -> bytes:
    """Download a preview, and make it small.

    Raises:
        BadOutput: It is no image that may be kept.
        ProviderError: It could not be fetched.
    """
    try:
        return shrink(image.read(PREVIEW_FETCH_LIMIT), PREVIEW_SIDE, PREVIEW_BYTES)
    except BadImage as error:
        raise BadOutput(str(error)) from error
