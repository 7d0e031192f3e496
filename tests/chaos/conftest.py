"""Failing asserts in the harness explain themselves, too."""

import pytest

pytest.register_assert_rewrite("tests.chaos.trial", "tests.chaos.faults", "tests.chaos.house", "tests.chaos.generator")
