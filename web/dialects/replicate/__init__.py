"""Replicate's API: predictions (made, waited for, streamed, with webhooks), models and versions, over the same jobs."""

from __future__ import annotations

from typing import Final

from web.dialects.dialect import Dialect
from web.dialects.replicate import account, models, predictions, requests

DIALECT: Final = Dialect(
    name="replicate",
    label="Replicate",
    blueprints=(requests.blueprint, predictions.blueprint, models.blueprint, account.blueprint),
)
