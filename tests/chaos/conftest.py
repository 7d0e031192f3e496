"""Failing asserts in the harness explain themselves, too."""

import pytest

pytest.register_assert_rewrite(
    "tests.chaos.trial",
    "tests.chaos.faults",
    "tests.chaos.hook_faults",
    "tests.chaos.machine_faults",
    "tests.chaos.deployment",
    "tests.chaos.parts",
    "tests.chaos.generator",
)
