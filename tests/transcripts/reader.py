"""Reads the recorded exchanges of this folder; the format is in README.md."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request with its answer.

    Args:
        version: Of Gradio.
        name: Of the recording.
        method: Of HTTP.
        path: With its query.
        status: Of the answer.
        headers: Of the answer, names in lower case.
        body: Of the answer.
        ended: How a stream ended, as it was noted.
        pieces: Lengths of the pieces in which a stream came.
    """

    version: str
    name: str
    method: str
    path: str
    status: int
    headers: dict[str, str]
    body: bytes
    ended: str
    pieces: tuple[int, ...]

    @property
    def id(self) -> str:
        """Version and name."""
        return f"{self.version}/{self.name}"

    @property
    def is_stream(self) -> bool:
        """Whether it is a stream of a job's messages."""
        return (
            self.method == "GET" and self.status == 200 and ("/queue/data" in self.path or "/queue/join" in self.path)
        )

    def cut(self) -> Iterator[bytes]:
        """The body in the pieces in which it came."""
        start = 0
        for length in self.pieces:
            yield self.body[start : start + length]
            start += length
        if start < len(self.body):
            yield self.body[start:]


def read(path: Path) -> Exchange:
    """Read one file."""
    raw = path.read_bytes()
    head, _, body = raw.partition(b"\n<<<\n")
    lines = head.decode().splitlines()
    request = next(line for line in lines if re.match(r">>> [A-Z]+ /", line)).split()
    status = next(line for line in lines if re.match(r"<<< \d", line)).split()
    headers = [line[4:].partition(": ") for line in lines if re.match(r"<<< [\w-]+: ", line)]
    times = path.with_name(path.name.removesuffix(".http") + ".times.jsonl")
    pieces = [json.loads(line)["len"] for line in times.read_text().splitlines()] if times.exists() else []
    return Exchange(
        version=path.parent.name,
        name=path.name.removesuffix(".http"),
        method=request[1],
        path=request[2],
        status=int(status[1]),
        headers={name.lower(): value for name, _, value in headers},
        body=body,
        ended=lines[0].removeprefix("# ended: ") if lines[0].startswith("# ended") else "",
        pieces=tuple(pieces),
    )


def everything() -> list[Exchange]:
    """All recordings, in order."""
    return [read(path) for path in sorted(FOLDER.glob("*/*.http"))]
