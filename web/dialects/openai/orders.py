"""From a request of OpenAI's clients to jobs: the model that it means, its parameters, and what has no effect."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from flask import request

from jobs.model import Job
from jobs.resources.base import optional
from providers.route import Route
from web.dialects.bodies import unknown_fields
from web.dialects.made import Made
from web.dialects.models import as_typed, inputs, shortened
from web.dialects.openai.fields import Fields
from web.dialects.openai.names import model_of, provider_of
from web.dialects.submitting import Wanted, end_user, submit
from web.http.problems import invalid
from web.http.validation import or_none
from web.services import services
from web.v1.permit import choose
from web.v1.schemas.jobs import JobRequest

#: Fields of OpenAI's requests that mean something else than a parameter of ours that has the same name.
_THEIRS: Final = frozenset({
    "api_key", "audio", "background", "functions", "image", "images", "include", "input_fidelity", "messages", "modalities",
    "moderation", "n", "output_compression", "prediction", "prompt", "quality", "reasoning", "response_format", "stop", "store",
    "stream_format", "style", "text", "tools",
})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A request that was read and submitted.

    Args:
        model: The model that it means.
        ignored: Its fields that have no effect.
        made: Its jobs.
    """

    model: str
    ignored: Sequence[str]
    made: Sequence[Made]

    @property
    def job(self) -> Job:
        """Its first job as it was accepted."""
        return self.made[0].accepted.record.job

    def without_jobs(self) -> Order:
        """The same without its jobs: for an answer that is given them when they have ended."""
        return replace(self, made=())


@dataclass(frozen=True, slots=True)
class Said:
    """What a route's own fields are to a model.

    Args:
        found: Its parameters that need no look at their names.
        places: Where they stand in the request (:meth:`web.http.problems.Problem.relocated`).
        ignored: What has no effect.
    """

    found: Mapping[str, Any] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)
    ignored: Sequence[str] = ()


def order(
    asked: Fields,
    body: Mapping[str, Any],
    kind: str,
    say: Callable[[Route], Said] = lambda _: Said(),
    *,
    kind_only: bool = False,
    given: Mapping[str, Any] | None = None,
    places: Mapping[str, str] | None = None,
    ignored: Sequence[str] = (),
    metadata: Mapping[str, str] | None = None,
    copies: int = 1,
    stays: bool = True,
) -> Order:
    """Submit the jobs of a request.

    Args:
        asked: The body.
        body: As it came: any other field of it is passed on where the model has a parameter of its name.
        kind: What a model is to make, where the request names none of ours.
        say: What the route's own fields are to the providers of the model.
        kind_only: Whether to refuse a model that makes something else.
        given: Further parameters, by any of their names.
        places: Where these stand, if not in fields of their names.
        ignored: What was left out already.
        metadata: Of the jobs.
        copies: How many jobs; each further one gets the next seed.
        stays: Whether the client stays connected for the result.

    Raises:
        Problem: It is not one that any provider of the model takes.
    """
    model = model_of(or_none(asked.model), kind)
    provider, unknown = provider_of(or_none(asked.provider))
    route = choose(services(), model, provider)
    if kind_only:
        _refuse_other_kinds(route, kind)
    said = say(route)
    others = unknown_fields(body, type(asked))
    theirs = [name for name in others if name in _THEIRS]
    passed = {**(given or {}), **{name: body[name] for name in others if name not in _THEIRS}}
    found, names, unused = inputs(route, passed)
    placed = {other: (places or {}).get(other, f"/{other}") for other in passed}
    wanted = Wanted(
        dialect="openai",
        jobs=[
            JobRequest(
                model=model,
                input=_copy({**shortened(route, as_typed(route, found)), **said.found}, number),
                provider=optional(provider),
                strategy=or_none(asked.strategy) or "failover",
                metadata={
                    **(metadata or {}),
                    **end_user(request, or_none(asked.user) or or_none(asked.safety_identifier)),
                },
            )
            for number in range(copies)
        ],
        # What is not known may be a secret.
        body={name: value for name, value in body.items() if name in {*asked.__struct_fields__, *names.values()}},
        places={**said.places, **{f"/input/{name}": placed[other] for name, other in names.items()}, "/input": ""},
        ignored=list(
            dict.fromkeys(
                [*ignored, *said.ignored, *unknown, *(placed[name].split("/")[-1] for name in unused), *theirs]
            )
        ),
        stays=stays,
    )
    return Order(model=model, ignored=wanted.ignored, made=submit(wanted))


def _copy(found: dict[str, Any], number: int) -> dict[str, Any]:
    seed = found.get("seed")
    return {**found, "seed": seed + number} if number and isinstance(seed, int) else found


def _refuse_other_kinds(route: Route, kind: str) -> None:
    kinds = {found.kind for found in route.models.values()}
    if kinds and kind not in kinds and not any(found.any_kind for found in route.models.values()):
        raise invalid("/model", f"makes {', '.join(sorted(kinds))} and no {kind}; use POST /v1/jobs")
