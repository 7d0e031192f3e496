"""A dry run: what would become of a submission, without submitting it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, UnsetType

from jobs.limits import Limits
from jobs.model import Strategy
from jobs.resources import examples
from jobs.resources.base import Resource, about, optional, optional_time
from jobs.resources.progress import WaitingMessage, WaitingReason, WaitingUntil
from jobs.scheduling.plan import Plan, plan
from jobs.submissions import Submission
from web.services import Services


def planned(submission: Submission, limits: Limits, found: Services) -> PlanResource:
    """The plan for a submission of a key with these limits, as the API shows it. Writes nothing."""
    job = found.submissions.job(submission, "job_")
    groups = found.views.groups(job.owner, job.user, limits)
    made = plan(job, found.queue_estimates.situation(job), found.queue.overview(), job.created_at, groups)
    used = submission.input if made.provider is None else submission.inputs[made.provider]
    return _plan_resource(submission, made, used)


class PlanResource(Resource, frozen=True, kw_only=True):
    """What would become of a submission (`dry_run`)."""

    object: Literal["plan"] = "plan"
    model: Annotated[str, about("As the submission said.", example="flux-schnell")]
    strategy: Annotated[Strategy, about("As the submission said.", example="failover")]
    provider: Annotated[
        str | UnsetType, about("The provider that would take it now; absent if none can.", example=examples.PROVIDER)
    ] = UNSET
    fallbacks: Annotated[
        list[str],
        about("The providers after it, in order: for a failure, and for a `hedge` that takes long.", example=[]),
    ]
    hedge_after_seconds: Annotated[
        float | UnsetType,
        about("Seconds after which the hedge starts: the p95 of the provider. Absent: there is no hedge."),
    ] = UNSET
    route: Annotated[list[str], about("The providers that may run it, in order.", example=[examples.PROVIDER])]
    input: Annotated[
        dict[str, Any], about("What would be used: defaults filled in, sizes rounded.", example=examples.INPUT)
    ]
    eta_seconds: Annotated[float | UnsetType, about("Estimated seconds until the result.", example=4.2)] = UNSET
    reason: WaitingReason | UnsetType = UNSET
    message: WaitingMessage | UnsetType = UNSET
    until: WaitingUntil | UnsetType = UNSET


def _plan_resource(submission: Submission, made: Plan, used: dict[str, Any]) -> PlanResource:
    waiting = made.waiting
    return PlanResource(
        model=submission.model,
        strategy=submission.strategy,
        provider=optional(made.provider),
        fallbacks=list(made.fallbacks),
        hedge_after_seconds=optional(made.hedge_after),
        route=list(submission.route),
        input=used,
        eta_seconds=optional(made.eta_seconds),
        reason=UNSET if waiting is None else waiting.reason,
        message=UNSET if waiting is None else waiting.message,
        until=UNSET if waiting is None else optional_time(waiting.until),
    )
