"""One stream of lines from many programs."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.stack.logstream import LineBuffer, log_stream, pipe_of


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_lines_are_whole_however_the_bytes_are_cut(size: int) -> None:
    text = "one\r\ntwo ünïcode\n\nfour\n".encode()
    buffer = LineBuffer()
    lines = [line for at in range(0, len(text), size) for line in buffer.feed(text[at : at + size])]
    assert lines == ["one", "two ünïcode", "", "four"]


def test_a_line_without_end_does_not_grow_for_ever() -> None:
    buffer = LineBuffer()
    lines = [line for _ in range(40) for line in buffer.feed(b"x" * 4096)]
    assert "".join(lines) == "x" * len("".join(lines))
    assert len(lines) == 2


def test_bytes_that_are_no_text_are_shown_as_such() -> None:
    assert LineBuffer().feed(b"a\xffb\n") == ["a\N{REPLACEMENT CHARACTER}b"]


def test_each_line_comes_with_its_programs_name_also_after_a_restart(tmp_path: Path) -> None:
    seen: list[tuple[str, str]] = []
    with log_stream(tmp_path, ["web", "worker"], lambda name, line: seen.append((name, line))):
        for name, text in (("web", "up\n"), ("worker", "ready\n"), ("web", "again\n")):
            with pipe_of(tmp_path, name).open("w") as pipe:  # a program that comes and goes
                pipe.write(text)
    assert sorted(seen) == [("web", "again"), ("web", "up"), ("worker", "ready")]


@pytest.mark.parametrize(
    "error", [OSError("No space left on device"), UnicodeEncodeError("ascii", "ü", 0, 1, "x"), KeyError("x")]
)
def test_a_line_that_cannot_be_shown_is_lost_alone(tmp_path: Path, error: Exception) -> None:
    """A program whose pipe nobody reads any more would stand still as soon as it is full."""
    seen: list[str] = []

    def emit(name: str, line: str) -> None:
        if line == "bad":
            raise error
        seen.append(line)

    with log_stream(tmp_path, ["web"], emit), pipe_of(tmp_path, "web").open("w") as pipe:
        pipe.write("bad\ngood\n")
    assert seen == ["good"]
