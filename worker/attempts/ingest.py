"""Turns the outputs of an upstream into verified artifacts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from jobs import metrics
from jobs.failpoints import failpoint
from jobs.files.images import BYTES_LIMIT, BadImage, verify
from jobs.files.metadata.label import Label, label_of
from jobs.files.metadata.rewrite import rewrite
from jobs.model import Job, Output, Recipe
from media import FORMATS
from providers import File, Text
from worker.attempts import mapping
from worker.attempts.failures import BadOutput
from worker.attempts.parts import Parts

#: Most outputs of one job; an upstream that hands over more is not believed.
OUTPUTS_LIMIT: Final = 16
#: Longest text output, in characters.
TEXT_LIMIT: Final = 200_000


def ingest(
    job: Job, outputs: Sequence[File | Text], seed: int | None, recipe: Recipe, parts: Parts
) -> tuple[Output, ...]:
    """Download, verify and store every output of a job.

    What an upstream wrote into a file besides the image is dropped; the recipe is written into the file, unless the
    job does not want that. An attempt after one that died here stores the same bytes.

    Raises:
        BadOutput: There is none, there are too many, or one is no image that may be kept.
        ProviderError: One could not be fetched.
        ArtifactError: One could not be stored.
    """
    if not outputs:
        raise BadOutput("the provider reported success without any output")
    if len(outputs) > OUTPUTS_LIMIT:
        raise BadOutput(f"the provider handed over {len(outputs)} outputs; at most {OUTPUTS_LIMIT} are taken")
    found = []
    for index, output in enumerate(outputs):
        if isinstance(output, Text):
            found.append(Output(index=index, kind="text", text=mapping.text(output.text, TEXT_LIMIT), seed=seed))
        else:
            label = label_of(job, recipe, index, seed) if job.embed_recipe else None
            found.append(_image(job.id, index, output, seed, label, parts))
    for stored in found:
        parts.counters.add(metrics.OUTPUTS, stored.kind)
        parts.counters.add(metrics.OUTPUT_BYTES, by=stored.bytes or 0)
    return tuple(found)


def _image(job_id: str, index: int, output: File, seed: int | None, label: Label | None, parts: Parts) -> Output:
    failpoint("downloading")
    data = rewrite(output.read(BYTES_LIMIT), label)
    try:
        image = verify(data)
    except BadImage:
        time.sleep(parts.timings.refetch)
        data = rewrite(output.read(BYTES_LIMIT), label)
        try:
            image = verify(data)
        except BadImage as error:
            raise BadOutput(f"output {index} cannot be kept: {error}") from error
    return Output(
        index=index,
        kind=FORMATS[image.content_type].kind,
        content_type=image.content_type,
        width=image.width,
        height=image.height,
        bytes=len(data),
        sha256=parts.artifacts.put(job_id, data),
        seed=seed,
    )
