"""Keeps one output: a text or data in the record, an image made ours, any other file as it came.

Files are fetched piece by piece and go to the disk; only an image is held in memory, as it is decoded as a check.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import chain
from pathlib import PurePath
from typing import Final

import msgspec

import logs
from jobs.failpoints import failpoint
from jobs.files import OutputStore
from jobs.files.adopt import adopt
from jobs.files.image_terms import BadImage
from jobs.files.images import verify
from jobs.files.metadata.label import label_of
from jobs.files.metadata.rewrite import rewrite
from jobs.model import Job, Output, Recipe
from media import HEAD, Facts, Format, Kind, OutputLimits, Unreadable, kind_of, recognise
from providers import Data, FileOutput, RawOutput, Text, clean, pieces_of
from resilience import foreign
from worker.attempts import mapping
from worker.attempts.mapping import BadOutput, Torn

#: Longest label and caption of an output, in characters.
LABEL_LIMIT: Final = 200
CAPTION_LIMIT: Final = 2000
_NAME_LIMIT: Final = 100
#: The suffix that a file of unknown format may keep.
_SUFFIX: Final = re.compile(r"\.[A-Za-z0-9]{1,12}")
#: What a file's name may hold besides letters and digits.
_NAME: Final = re.compile(r"[^\w .()+-]+")

_encode = msgspec.json.Encoder().encode


class Keeper:
    """Keeps the outputs of one job, one after another.

    Args:
        job: The job, with the input that the provider got.
        recipe: How they were made.
        seed: The seed that was used.
        limits: What may be kept.
        artifacts: Where files go.
        tell: Takes what is to be said of an output that is not kept as it came.
    """

    def __init__(
        self,
        *,
        job: Job,
        recipe: Recipe,
        seed: int | None,
        limits: OutputLimits,
        artifacts: OutputStore,
        tell: Callable[[str], None],
    ) -> None:
        self._job = job
        self._recipe = recipe
        self._seed = seed
        self._limits = limits
        self._artifacts = artifacts
        self._tell = tell
        #: Bytes that are left for texts and data in the record.
        self._room = limits.inline_bytes
        #: Bytes that are left for files.
        self._left = limits.job_bytes

    def keep(self, index: int, output: RawOutput) -> Output:
        """Keep an output under this number.

        Raises:
            BadOutput: It may not be kept.
            ProviderError: It could not be fetched.
            ArtifactError: It could not be stored.
        """
        match output:
            case Text():
                return self._text(index, output)
            case Data():
                return self._data(index, output)
            case FileOutput():
                return self._file(index, output)
            case _:
                return self._file(index, FileOutput(output))

    # -- in the record -------------------------------------------------------------

    def _text(self, index: int, output: Text) -> Output:
        text = mapping.text(output.text, len(output.text))
        data = text.encode()
        made = Output(index=index, kind="text", seed=self._seed, label=_line(output.label, LABEL_LIMIT))
        if len(data) <= self._room:
            self._room -= len(data)
            return msgspec.structs.replace(made, text=text)
        begin = data[: self._room].decode(errors="ignore")
        self._room = 0
        self._tell(f"output {index} is a text of {len(data)} bytes: the job shows its begin, its file has all of it")
        return self._stored(msgspec.structs.replace(made, text=begin or None), data)

    def _data(self, index: int, output: Data) -> Output:
        try:
            value = clean.json_value(logs.redacted(output.value))
        except (ValueError, RecursionError):
            raise BadOutput(f"output {index} is JSON that is nested too deeply, or none") from None
        data = _encode(value)
        made = Output(index=index, kind="json", seed=self._seed, label=_line(output.label, LABEL_LIMIT))
        if len(data) <= self._room:
            self._room -= len(data)
            return msgspec.structs.replace(made, data=value)
        self._tell(f"output {index} is JSON of {len(data)} bytes: it is only in its file, not in the job")
        return self._stored(made, data)

    def _stored(self, made: Output, data: bytes) -> Output:
        """What is too long for the record, as a file."""
        return msgspec.structs.replace(
            made,
            content_type=kind_of(made.kind).inline_type,
            bytes=len(data),
            sha256=self._artifacts.put(self._job.id, data),
        )

    # -- files -----------------------------------------------------------------------

    def _file(self, index: int, output: FileOutput) -> Output:
        failpoint("downloading")
        with closing(pieces_of(output.file, self._limits.most_bytes)) as pieces:
            head, pieces_left = _head(pieces)
            if not head:
                raise Torn(f"output {index} is an empty file")
            form = recognise(head[:HEAD], output.file.name, output.kind)
            limit = self._limits.bytes_of(kind_of(form.kind).limit)
            whole = self._bounded(chain((head,), pieces_left), limit, index)
            if kind_of(form.kind).pixels:
                made = self._image(index, b"".join(whole), form)
            else:
                made = self._as_it_came(index, whole, form, output.file.name)
        self._compare(index, output.kind, form)
        self._left -= made.bytes or 0
        return msgspec.structs.replace(
            made, label=_line(output.label, LABEL_LIMIT), caption=_line(output.caption, CAPTION_LIMIT)
        )

    def _image(self, index: int, data: bytes, form: Format) -> Output:
        try:
            adopted = adopt(data, form.content_type, self._limits.image_pixels, self._rewrite(index))
        except BadImage as error:
            raise Torn(f"output {index} cannot be kept: {error}") from error
        if adopted.done:
            self._tell(f"output {index} {adopted.done}")
        return Output(
            index=index,
            kind=form.kind,
            content_type=adopted.content_type,
            width=adopted.width,
            height=adopted.height,
            bytes=len(adopted.data),
            sha256=self._artifacts.put(self._job.id, adopted.data),
            seed=self._seed,
        )

    def _rewrite(self, index: int) -> Callable[[bytes], bytes]:
        """Writes the recipe of an output into its image, unless the job does not want that."""
        label = label_of(self._job, self._recipe, index, self._seed) if self._job.embed_recipe else None
        return lambda data: rewrite(data, label)

    def _as_it_came(self, index: int, pieces: Iterator[bytes], form: Format, name: str) -> Output:
        with self._artifacts.draft(self._job.id) as draft:
            for piece in pieces:
                draft.write(piece)
            facts, reader = Facts(), kind_of(form.kind).reader
            if reader is not None:
                try:
                    with foreign(lambda _: Unreadable("its reader failed"), unless=(Unreadable,)):
                        facts = reader(draft.file(), form)
                except Unreadable as error:
                    raise BadOutput(f"output {index} cannot be kept: {error}") from error
            digest = draft.keep()
            size = draft.size
        if facts.note:
            self._tell(f"output {index} is kept as it came, but {facts.note}")
        return Output(
            index=index,
            kind=form.kind,
            content_type=form.content_type,
            filename=filename_of(name, form),
            width=facts.width,
            height=facts.height,
            duration=facts.duration,
            frame_rate=facts.frame_rate,
            poster=self._poster(facts.poster),
            bytes=size,
            sha256=digest,
            seed=self._seed,
        )

    def _poster(self, poster: bytes | None) -> str | None:
        """Keep a poster; what is no image is none, since it was made from a hostile file."""
        if poster is None:
            return None
        try:
            verify(poster)
        except BadImage:
            return None
        return self._artifacts.put(self._job.id, poster)

    def _bounded(self, pieces: Iterator[bytes], limit: int, index: int) -> Iterator[bytes]:
        """The pieces of a file, as long as it and all files together are not too large."""
        size = 0
        for piece in pieces:
            size += len(piece)
            if size > limit:
                raise BadOutput(f"output {index} is larger than {limit} bytes, the limit of its kind")
            if size > self._left:
                raise BadOutput(
                    f"output {index} is too much: {self._limits.job_bytes} bytes are the limit of a job's files"
                )
            yield piece

    def _compare(self, index: int, said: Kind | None, form: Format) -> None:
        if said not in {None, "file", form.kind}:
            self._tell(f"output {index} is kept as {form.kind} ({form.content_type}): the app said {said}")


def _head(pieces: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The begin of a file, long enough for every signature, and the rest."""
    head = b""
    for piece in pieces:
        head += piece
        if len(head) >= HEAD:
            break
    return head, pieces


def _line(said: str, limit: int) -> str | None:
    """Words of the app beside an output, as one line; None: there are none."""
    return clean.text(logs.redact(said[: limit + 1000]), limit) or None


def filename_of(name: str, form: Format) -> str:
    """A name to save a file under: the upstream's, without all that a file system or a shell could trip over."""
    path = PurePath(clean.text(name, _NAME_LIMIT).replace("\\", "/"))
    stem = _NAME.sub("_", logs.redact(path.stem)).strip(" .") or "file"
    suffix = path.suffix.lower()
    if suffix in form.suffixes:
        return stem + suffix
    keeps = form.kind == "file" and form.content_type == "application/octet-stream" and _SUFFIX.fullmatch(suffix)
    return stem + (suffix if keeps else form.suffixes[0])
