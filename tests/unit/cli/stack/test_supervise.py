"""supervisord's configuration."""

from __future__ import annotations

import configparser
import shlex
from pathlib import Path

from cli.stack.supervise import Program, render


def test_a_value_may_hold_what_means_something_to_supervisord() -> None:
    program = Program(name="web", argv=("run", "a #b", "c ;d", "100%", 'it\'s "so"'), order=1)
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";", "#"), strict=True)
    parser.read_string(render([program], Path("/a #folder ;with 100%")))
    command = shlex.split(parser["program:web"]["command"].replace("%%", "%"))
    assert tuple(command[-5:]) == program.argv
    assert "/a #folder ;with 100%" in command


def test_output_stop_time_and_order_are_as_asked() -> None:
    text = render([Program(name="redis", argv=("x",), order=7, stop_seconds=33)], Path("/"))
    assert {"priority=7", "stopwaitsecs=33", "stdout_logfile=redis.log", "autorestart=true"} <= set(text.splitlines())


def test_programs_with_one_order_stop_together() -> None:
    """Supervisord stops one group after the other, and looks once a second whether one has ended."""
    named = [Program(name=name, argv=("x",), order=order) for name, order in (("redis", 1), ("web", 2), ("worker", 2))]
    lines = render(named, Path("/")).splitlines()
    assert [line for line in lines if line.startswith("[group:")] == ["[group:order-2]"]
    assert lines[lines.index("[group:order-2]") + 1 :] == ["programs=web,worker", "priority=2"]
