"""From what an upstream handed over to artifacts that we vouch for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from jobs.artifacts import ArtifactStore
from jobs.failpoints import failpoint
from jobs.model import Output
from jobs.pictures import BYTES_LIMIT, BadPicture, verify
from providers import File, Text
from worker import mapping

#: Most outputs of one job; an upstream that hands over more is not believed.
OUTPUTS_LIMIT: Final = 16
#: Longest text output, in characters.
TEXT_LIMIT: Final = 200_000


class BadOutput(Exception):
    """The upstream said that it succeeded, but what it handed over is not usable."""


def ingest(
    job_id: str, outputs: Sequence[File | Text], seed: int | None, artifacts: ArtifactStore
) -> tuple[Output, ...]:
    """Fetch, verify and store every output of a job.

    Raises:
        BadOutput: There is none, too many, or one is no picture that may be kept.
        ProviderError: One could not be fetched.
        ArtifactError: One could not be stored.
    """
    if not outputs:
        raise BadOutput("the provider reported success without any output")
    if len(outputs) > OUTPUTS_LIMIT:
        raise BadOutput(f"the provider handed over {len(outputs)} outputs; at most {OUTPUTS_LIMIT} are taken")
    used = mapping.count(seed)
    return tuple(_one(job_id, index, output, used, artifacts) for index, output in enumerate(outputs))


def _one(job_id: str, index: int, output: File | Text, seed: int | None, artifacts: ArtifactStore) -> Output:
    if isinstance(output, Text):
        return Output(index=index, kind="text", text=mapping.text(output.text, TEXT_LIMIT), seed=seed)
    failpoint("downloading")
    data = output.read(BYTES_LIMIT)
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
