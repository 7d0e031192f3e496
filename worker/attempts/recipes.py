"""How the outputs of a job were made, for the job and for the files themselves."""

from __future__ import annotations

from typing import Any

from jobs.cache import DICE
from jobs.egress import BadAddress, Egress
from jobs.model import Job, Recipe
from jobs.version import VERSION
from providers import ModelSpec, ProviderSpec


def recipe_of(job: Job, spec: ProviderSpec, seed: int | None, revision: str | None) -> Recipe:
    """How to make a result again, from the job's input, the provider's declaration, and what it said of itself.

    Args:
        job: The job, with the input that the provider got.
        spec: The provider's declaration.
        seed: The seed that the provider says it used.
        revision: The commit of the provider's Space.
    """
    model = spec.model(job.model)
    return Recipe(
        model=job.model if model is None else model.name,
        version=VERSION,
        job_id=job.id,
        at=job.created_at,
        space=spec.space,
        url=spec.url if _is_public(spec.url) else None,
        revision=revision if spec.space else None,
        fixed={} if model is None else _fixed(model, job.input, seed),
    )


def _fixed(model: ModelSpec, used: dict[str, Any], seed: int | None) -> dict[str, Any]:
    """The parameters that repeat this job's seed. A provider that names no seed has used the one that it was given."""
    param = model.param("seed")
    if seed is None and not used.get(DICE):
        seed = used.get("seed")
    if param is None or seed is None or (param.maximum is not None and seed > param.maximum):
        return {}
    return {"seed": seed, **({DICE: False} if used.get(DICE) else {})}


def _is_public(url: str) -> bool:
    """Whether the file may name this address: one of the operator's own network must stay hidden."""
    try:
        return Egress().check(url).port == 443
    except BadAddress:
        return False
