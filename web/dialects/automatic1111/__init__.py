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
    page="use-automatic1111-clients.md",
    lacks=(
        ("`extra-single-image`, ControlNet, training, extensions, server control", "no route: apps do none of it"),
        (
            "sampler, scheduler, VAE, styles, scripts, high-res fix, face restoration",
            "an app has its own: ignored, and said",
        ),
        ("what is global there", "the chosen model, the progress and an interruption are each key's own"),
    ),
)  # fmt: skip
