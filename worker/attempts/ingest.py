"""From what an upstream handed over to artifacts that we vouch for."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from jobs.failpoints import failpoint
from jobs.files import ArtifactStore
from jobs.files.images import BYTES_LIMIT, BadPicture, verify
from jobs.files.metadata import Label, label_of, rewrite
from jobs.model import Job, Output, Recipe
from providers import File, Text
from worker.attempts import mapping

#: Most outputs of one job; an upstream that hands over more is not believed.
OUTPUTS_LIMIT: Final = 16
#: Longest text output, in characters.
TEXT_LIMIT: Final = 200_000
#: Seconds until a broken picture is fetched once more. Gradio names a file by its content and takes one that is there as
#: it is: of two jobs that make the same picture, one is answered while the other still writes it (seen with Gradio 6).
SECOND_LOOK_SECONDS: Final = 0.7


class BadOutput(Exception):
    """The upstream said that it succeeded, but what it handed over is not usable."""


def ingest(
    job: Job, outputs: Sequence[File | Text], seed: int | None, recipe: Recipe, artifacts: ArtifactStore
) -> tuple[Output, ...]:
    """Fetch, verify and store every output of a job.

    What an upstream wrote into a file besides the picture is dropped; the recipe is written into it, unless the job
    does not want that. An attempt that comes after one which died here stores the same bytes.

    Raises:
        BadOutput: There is none, too many, or one is no picture that may be kept.
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
            found.append(_picture(job.id, index, output, seed, label, artifacts))
    return tuple(found)


def _picture(
    job_id: str, index: int, output: File, seed: int | None, label: Label | None, artifacts: ArtifactStore
) -> Output:
    failpoint("downloading")
    data = rewrite(output.read(BYTES_LIMIT), label)
    try:
        picture = verify(data)
    except BadPicture:
        time.sleep(SECOND_LOOK_SECONDS)
        data = rewrite(output.read(BYTES_LIMIT), label)
        try:
            picture = verify(data)
        except BadPicture as error:
            raise BadOutput(f"output {index} cannot be kept: {error}") from error
    return Output(
        index=index,
        kind="image",
        content_type=picture.content_type,
        width=picture.width,
        height=picture.height,
        bytes=len(data),
        sha256=artifacts.put(job_id, data),
        seed=seed,
    )
