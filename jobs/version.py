"""Darkroom's version, in the one place that all others take it from."""

from typing import Final

VERSION: Final = "0.1.0"
