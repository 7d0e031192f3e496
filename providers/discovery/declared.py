"""How a function is called, as far as it is compared with its app."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class DeclaredCall(Protocol):
    """How a model is called, as :class:`providers.gradio.driver.Call` has it."""

    @property
    def api_name(self) -> str:
        """The function."""
        ...

    @property
    def fn_index(self) -> int | None:
        """Its number, if that counts."""
        ...

    @property
    def arguments(self) -> Mapping[str, tuple[str, ...]]:
        """For each of our parameters its names in the app, the newest first."""
        ...

    @property
    def order(self) -> tuple[str, ...]:
        """Names of all its inputs, for an app that does not tell them."""
        ...

    @property
    def is_result(self) -> bool:
        """Whether its outputs are the result."""
        ...
