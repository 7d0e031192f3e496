"""Replicate's API: predictions (made, waited for, streamed, with webhooks), models and versions, over the same jobs."""

from __future__ import annotations

from typing import Final

from web.dialects.dialect import Dialect
from web.dialects.replicate import account, models, predictions, requests

DIALECT: Final = Dialect(
    name="replicate",
    label="Replicate",
    blueprints=(requests.blueprint, predictions.blueprint, models.blueprint, account.blueprint),
    page="use-replicate-clients.md",
    lacks=(
        ("`deployments`, `trainings`, `models.create`", "no route: models are the operator's providers"),
        ("versions of Replicate's own", "refused: which app is like one of them would be a guess"),
        ("`num_outputs`, `output_format`, `output_quality`", "apps have no such parameters: ignored, and said"),
        ("previews in a stream", "clients take an `output` for a result"),
        ("parts of a text in polls", "a text comes bit by bit in `stream` alone"),
    ),
)
