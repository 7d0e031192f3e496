"""Compiles each route once in a test session, however many applications have it.

werkzeug writes and compiles two functions for each route, which build its address. They depend on nothing but the rule, and
took more than half the time of a test that makes an application of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final
from unittest.mock import patch

import pytest
from werkzeug.routing import Rule

_COMPILED: Final[dict[object, Callable[..., tuple[str, str]]]] = {}
_compile = Rule._compile_builder


def _compile_once(rule: Any, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:  # noqa: FBT001, FBT002 - werkzeug's
    if rule.defaults:
        return _compile(rule, append_unknown)
    key = (rule.rule, *rule._trace, append_unknown)
    if key not in _COMPILED:
        _COMPILED[key] = _compile(rule, append_unknown)
    return _COMPILED[key]


@pytest.fixture(scope="session", autouse=True)
def _routes_are_compiled_once() -> Iterator[None]:
    with patch.object(Rule, "_compile_builder", _compile_once):
        yield
