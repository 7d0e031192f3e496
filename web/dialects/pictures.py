"""The pictures of a job as dialects give them: as bytes of a format, in base64, or by a link that needs no key."""

from __future__ import annotations

import base64
from typing import Final

from jobs.files.image_terms import CONTENT_TYPES
from jobs.files.images import convert
from jobs.model import Job, Output
from media import suffix_of
from web.images.variants import FORMATS, Wish
from web.services import asker, caller, services
from web.v1.job_links import open_output, signed_link

#: Seconds for which a link in an answer is good, if the job is kept that long.
LINK_SECONDS: Final = 7 * 86_400


def pictures_of(job: Job) -> list[Output]:
    """The outputs of a job that are pictures."""
    return [output for output in job.outputs if output.kind == "image"]


def content(job: Job, output: Output, form: str | None = None, width: int | None = None) -> tuple[bytes, str]:
    """A picture's file and its content type. What has no pixels stays as it is.

    Args:
        job: The job.
        output: Its output.
        form: The format (``png``); None: as it is.
        width: Its width in pixels, at most; None: as it is.

    Raises:
        ArtifactNotFound: It is no longer kept.
        Problem: 429: too many are being converted.
    """
    file, _, digest = open_output(services(), job, output)
    wish = Wish(None if form is None else FORMATS[form], width)
    changes = None if output.width is None else wish.of(output)
    with file:
        if changes is None:
            return file.read(), output.content_type or "application/octet-stream"
        kind, narrower = changes
        made = services().image_variants.get(
            f"{digest}-{narrower or 'full'}-{kind.lower()}", lambda: convert(file, kind, narrower), caller().owner
        )
        return made, CONTENT_TYPES[kind]


def in_base64(job: Job, output: Output, form: str | None = None, width: int | None = None) -> str:
    """A picture's file in base64; raises what :func:`content` does."""
    return base64.b64encode(content(job, output, form, width)[0]).decode()


def data_uri(job: Job, output: Output, form: str | None = None) -> str:
    """A picture as a ``data:`` URI; raises what :func:`content` does."""
    data, content_type = content(job, output, form)
    return f"data:{content_type};base64,{base64.b64encode(data).decode()}"


def link(job: Job, output: Output, form: str | None = None) -> str:
    """An address of an output that needs no key, as long as the job is kept. Its path ends as names of such files do."""
    own = suffix_of(output.content_type) if output.content_type else ""
    ending = own if form is None else f".{form}"
    url, _ = signed_link(asker(), job, LINK_SECONDS, "outputs", f"{output.index}{ending}")
    return url if form is None else f"{url}&format={form}"
