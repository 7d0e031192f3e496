"""What is written reads as what was given."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.discovery import toml

VALUES = st.recursive(
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), VALUES, max_size=4))
def test_it_reads_as_it_was(values: dict[str, object]) -> None:
    assert tomllib.loads(toml.table("providers.p", values))["providers"]["p"] == values


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), object()])
def test_what_toml_does_not_have_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="TOML has no value"):
        toml.value(value)
