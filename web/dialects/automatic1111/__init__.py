"""The API of AUTOMATIC1111's Stable Diffusion web UI (``/sdapi/v1``), over the same jobs.

What is global there is each key's own here: the chosen model, the progress, the interruption.
"""

from __future__ import annotations

from typing import Final

from web.dialects.automatic1111 import generating, lists, options, pictures, progress
from web.dialects.automatic1111.declared import LABEL, NAME
from web.dialects.dialect import Dialect

DIALECT: Final = Dialect(
    name=NAME,
    label=LABEL,
    blueprints=(
        generating.blueprint, progress.blueprint, options.blueprint, pictures.blueprint, lists.blueprint,
    ),
)  # fmt: skip
