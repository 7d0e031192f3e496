"""The results of a job as files, and on the terminal."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from PIL import Image

from cli.commands.api.client import Api, Job
from media import kind_of, suffix_of

Output = dict[str, Any]


def save_outputs(api: Api, job: Job, target: Path | None) -> list[Path]:
    """Write the outputs of a succeeded job to files, and return these. Several outputs are numbered.

    An image is converted if the suffix of ``target`` asks for another format; of several outputs only images take its
    suffix, the others have their own. Without a target the files are named after the job, in the working directory, and
    no texts and JSON are written that can be printed.
    """
    written = []
    outputs: list[Output] = job.get("outputs") or []
    for output in outputs:
        has_file = not is_inline(output) or "sha256" in output
        if target is None and not has_file:
            continue
        content, suffix = b"", _suffix(output)
        if output["kind"] == "image":
            content, content_type = api.download(output["url"])
            suffix = suffix_of(content_type)
        path = target or Path(f"darkroom-{job['id'][-8:].lower()}{suffix}")
        if len(outputs) > 1:
            path = path.with_stem(f"{path.stem}-{output['index'] + 1}")
            path = path if output["kind"] == "image" else path.with_suffix(suffix)
        if not has_file:
            path.write_text(inline(output) + "\n", encoding="utf-8")
        elif output["kind"] == "image":
            path.write_bytes(_converted(content, suffix, path.suffix))
        else:
            api.save(output["url"], path)
        written.append(path)
    return written


def inline(output: Output) -> str:
    """A text, or JSON, as it is printed; of one that is too long for the job the begin, or nothing."""
    if output["kind"] == "json":
        return json.dumps(output["data"], indent=2, ensure_ascii=False) if "data" in output else ""
    return str(output.get("text") or "")


def is_inline(output: Output) -> bool:
    """Whether it is a text or JSON, and no file."""
    return not kind_of(output["kind"]).is_file


def _suffix(output: Output) -> str:
    named = Path(str(output.get("filename") or "")).suffix
    return named or suffix_of(str(output.get("content_type") or kind_of(output["kind"]).inline_type or ""))


def _converted(content: bytes, suffix: str, wanted: str) -> bytes:
    formats = Image.registered_extensions()
    if not wanted or formats.get(wanted.lower()) in {None, formats.get(suffix)}:
        return content
    file = io.BytesIO()
    with Image.open(io.BytesIO(content)) as image:
        plain = image.convert("RGB") if formats[wanted.lower()] == "JPEG" else image
        plain.save(file, formats[wanted.lower()])
    return file.getvalue()
