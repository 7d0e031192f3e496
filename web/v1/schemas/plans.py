"""A dry run: what would become of a submission, without submitting it."""

from __future__ import annotations

from jobs.limits import Limits
from jobs.scheduling.plan import Plan, plan
from jobs.service import Submission
from web.schemas import Json, optional_time, present
from web.services import Services


def planned(submission: Submission, limits: Limits, found: Services) -> Json:
    """The plan for a submission of a key with these limits, as the API shows it. Writes nothing."""
    job = found.jobs.job(submission, "job_")
    crowds = found.views.crowds(job.owner, job.user, limits)
    made = plan(job, found.queue_estimates.situation(job), found.store.overview(), job.created_at, crowds)
    used = submission.input if made.provider is None else submission.inputs[made.provider]
    return plan_json(submission, made, used)


def plan_json(submission: Submission, made: Plan, used: Json) -> Json:
    """A plan as the API shows it.

    Args:
        submission: What was planned.
        made: The plan.
        used: The input as the provider would use it.
    """
    waiting = made.waiting
    return present(
        {
            "object": "plan",
            "model": submission.model,
            "strategy": submission.strategy,
            "provider": made.provider,
            "fallbacks": list(made.fallbacks),
            "hedge_after_seconds": made.hedge_after,
            "route": list(submission.route),
            "input": used,
            "eta_seconds": made.eta_seconds,
            "reason": None if waiting is None else waiting.reason,
            "until": None if waiting is None else optional_time(waiting.until),
        }
    )
