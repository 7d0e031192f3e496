"""For admins: the jobs of all keys, pauses and limits. Each action leaves a line in the log."""

from __future__ import annotations

from flask import Blueprint, Response, request
from msgspec import UNSET

from jobs.access import audit
from jobs.resources.job import job_resource
from providers.spec import ProviderSpec
from web.http.operation import Operation, Parameter, json_response, ok, only
from web.http.problems import invalid
from web.http.validation import or_none
from web.services import caller, links, services
from web.v1.catalog import spec_of
from web.v1.lists import PARAMETERS, listing, page_of, read_list
from web.v1.schemas.admin import (
    PROVIDER_CHANGE,
    QUEUE_CHANGE,
    AdminJobList,
    ProviderControl,
    QueueControl,
    admin_job_resource,
    provider_control,
    queue_control,
)

blueprint = Blueprint("admin", __name__)


@blueprint.get("/admin/jobs")
@Operation(
    "adminListJobs",
    "Admin",
    "admin",
    parameters=(*PARAMETERS, Parameter("owner", "query", "Only jobs of this key (its id), or of `local`.")),
    answers=(ok("Jobs, newest first.", AdminJobList, ("Link",)),),
    errors=("invalid_input",),
)
def list_jobs() -> Response:
    """List the jobs of all keys.

    Like `GET /v1/jobs`, with the owner of each job. The addresses in it work only with the owner's key.
    """
    wanted = read_list(request, "owner")
    owner = wanted.parameters.get("owner")
    audit.note(caller().owner, "listed jobs", of=owner or "everybody")
    base = links()
    data, following = page_of(
        wanted, owner, "admin", lambda seen: admin_job_resource(job_resource(*seen, base), seen.record.job.owner)
    )
    return listing(AdminJobList(data=data, has_more=following is not None), following, wanted.parameters, "admin")


@blueprint.get("/admin/queue")
@Operation(
    "adminGetQueue",
    "Admin",
    "admin",
    answers=(ok("The pause, if there is one.", QueueControl),),
    errors=("invalid_input",),
)
def get_queue() -> Response:
    """Get the pause of the whole service."""
    only(request)
    return json_response(queue_control(services().pauses.queue()))


@blueprint.patch("/admin/queue")
@Operation(
    "adminSetQueue",
    "Admin",
    "admin",
    body=QUEUE_CHANGE,
    answers=(ok("The new state.", QueueControl),),
    errors=("invalid_input",),
)
def set_queue() -> Response:
    """Pause or resume the whole service.

    While it is paused, jobs are still accepted and wait with the reason `paused`. Running jobs continue.
    """
    change = QUEUE_CHANGE.of(request)
    found = services()
    if change.paused:
        found.pauses.pause(reason=or_none(change.reason), by=caller().owner)
    else:
        found.pauses.resume(by=caller().owner)
        found.dispatcher.dispatch()
    return json_response(queue_control(found.pauses.queue()))


@blueprint.get("/admin/providers/<name>")
@Operation(
    "adminGetProvider",
    "Admin",
    "admin",
    answers=(ok("The settings.", ProviderControl),),
    errors=("not_found", "invalid_input"),
)
def get_provider(name: str) -> Response:
    """Get an admin's settings of a provider."""
    only(request)
    return _shown(spec_of(name))


@blueprint.patch("/admin/providers/<name>")
@Operation(
    "adminSetProvider",
    "Admin",
    "admin",
    body=PROVIDER_CHANGE,
    answers=(ok("The new state.", ProviderControl),),
    errors=("not_found", "invalid_input"),
)
def set_provider(name: str) -> Response:
    """Pause or resume a provider, or set its limit.

    Fields that you leave out keep their value. Jobs that run there continue. A provider that the configuration switches
    off stays off.
    """
    spec = spec_of(name)
    change = PROVIDER_CHANGE.of(request)
    if change.reason is not UNSET and change.state not in {"draining", "disabled"}:
        raise invalid("/reason", "is only allowed with the state draining or disabled")
    found, who = services(), caller().owner
    if change.limit is not UNSET:
        found.pauses.limit(name, change.limit, by=who)
    if change.state == "enabled":
        found.pauses.resume(name, by=who)
    elif change.state is not UNSET:
        found.pauses.hold(name, change.state, reason=or_none(change.reason), by=who)
    found.dispatcher.dispatch()
    return _shown(spec)


def _shown(spec: ProviderSpec) -> Response:
    state = services().provider_states.get([spec.name])[spec.name]
    return json_response(provider_control(spec.name, state, spec.concurrency))
