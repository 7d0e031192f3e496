"""For operators and tools: health, readiness, metrics, the OpenAPI document."""

from __future__ import annotations

from typing import Annotated

import msgspec
from flask import Blueprint, Response, current_app
from msgspec import UNSET, UnsetType
from prometheus_client import CONTENT_TYPE_LATEST

from jobs.errors import StoreUnavailable, WrongDatabase
from jobs.record import counters
from jobs.record.memory import ADMIT_SHARE, WARN_SHARE, Fill
from jobs.resources.base import Resource, about
from jobs.webhooks.outbox import Outbox
from web import metrics
from web.http.operation import Answer, Operation, json_response, ok
from web.http.problems import Problem
from web.openapi import document as openapi
from web.services import services

blueprint = Blueprint("operations", __name__)


class HealthResource(Resource, frozen=True, kw_only=True):
    """The health of the process or the service."""

    status: Annotated[str, about("`ok` or `ready`.", example="ready")]
    checks: Annotated[
        dict[str, str] | UnsetType,
        about(
            "What was looked at, and what was found: `ok`, or what is wrong. `memory` says from 80 % of Redis' `maxmemory`"
            " on how much is used. `providers` says so if a changed file of providers is not taken.",
            example={"redis": "ok", "database": "ok", "memory": "ok", "workers": "ok"},
        ),
    ] = UNSET


@blueprint.get("/healthz")
@Operation("health", "Operations", None, answers=(ok("This process answers.", HealthResource),))
def healthz() -> Response:
    """Tell whether this process lives."""
    return json_response(HealthResource(status="ok"))


@blueprint.get("/readyz")
@Operation(
    "readiness", "Operations", None, answers=(ok("Jobs are taken and run.", HealthResource),), errors=("not_ready",)
)
def readyz() -> Response:
    """Tell whether jobs are taken and run.

    Redis takes writes and has room, its database is the one that holds the jobs, and at least one worker lives.
    """
    found = services()
    checks = {"redis": "ok", "database": "ok", "memory": "ok", "workers": "ok"}
    memory = Fill()
    try:
        found.connection.check_writes()
        memory = found.connection.memory.look()
        if memory.share >= WARN_SHARE:
            checks["memory"] = f"{memory.share:.0%} of maxmemory is used"
        if not found.queue.overview().workers:
            checks["workers"] = "no worker is alive"
    except WrongDatabase as error:
        checks |= {"database": str(error), "memory": "unknown", "workers": "unknown"}
    except StoreUnavailable as error:
        checks = {"redis": str(error), "database": "unknown", "memory": "unknown", "workers": "unknown"}
    if found.live.problem:
        checks["providers"] = "the changed file is not taken: the log says why"
    missing = {name for name, state in checks.items() if state != "ok"}
    if missing - {"memory", "providers"} or memory.share >= ADMIT_SHARE:
        detail = "; ".join(f"{name}: {state}" for name, state in checks.items() if state != "ok")
        raise Problem("not_ready", f"{detail}.", headers={"Retry-After": "2"}, members={"checks": checks})
    return json_response(HealthResource(status="ready", checks=checks))


@blueprint.get("/metrics")
@Operation("metrics", "Operations", "admin", answers=(Answer(200, "Prometheus' text format.", {"text/plain": None}),))
def show_metrics() -> Response:
    """Get the metrics."""
    found = services()
    snapshot = metrics.Snapshot(
        overview=found.queue.overview(),
        providers=found.provider_states.get([spec.name for spec in found.catalog.specs()]),
        pending=Outbox(found.connection).pending(),
        memory=found.connection.memory.look(),
        sums=counters.read(found.connection),
    )
    return Response(metrics.exposition(snapshot), content_type=CONTENT_TYPE_LATEST)


@blueprint.get("/openapi.json")
@Operation("openapi", "Operations", None, answers=(ok("This document.", None),))
def document() -> Response:
    """Get the OpenAPI document."""
    body = msgspec.json.encode(openapi.document(current_app, services().catalog))
    return Response(body, mimetype="application/json", headers={"Cache-Control": "private, max-age=60"})
