"""For admins: add a Gradio app as a provider, and compare all with their live apps.

An admin may name any address, also one of the operator's own network: that is what adding an app of one's own is. The
requests have the bounds of :class:`providers.gradio.app_limits.AppLimits`, and follow no redirect to another origin.
"""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, request
from msgspec import UNSET

import logs
from jobs.access import audit
from providers.base import Control
from providers.config import ConfigError
from providers.discovery import operator_file
from providers.discovery.adding import Plan, plan
from providers.discovery.check import Checked, check_all
from providers.discovery.declaration import CannotDeclare
from providers.discovery.guess import Candidate
from providers.errors import ProviderError
from web.http.operation import Operation, Parameter, json_response, ok, only
from web.http.problems import invalid
from web.http.validation import or_none
from web.services import caller, services
from web.v1.catalog import spec_of
from web.v1.schemas.admin_providers import (
    APP_TO_ADD,
    AppFunction,
    AppToAdd,
    ProviderCheck,
    ProviderCheckList,
    ProviderPlan,
)

blueprint = Blueprint("admin_providers", __name__)

#: Seconds for one look at an app.
_LOOK_SECONDS: Final = 15.0


@blueprint.post("/admin/provider-previews")
@Operation(
    "adminPreviewProvider",
    "Admin",
    "admin",
    body=APP_TO_ADD,
    answers=(ok("What would be added.", ProviderPlan),),
    errors=("invalid_input",),
)
def preview() -> Response:
    """Look at an app, and show how it would be added as a provider.

    The app is asked what it can do. Nothing runs there, and nothing is written.
    """
    return json_response(_plan_resource(_planned(APP_TO_ADD.of(request)), added=False))


@blueprint.post("/admin/providers")
@Operation(
    "adminAddProvider",
    "Admin",
    "admin",
    body=APP_TO_ADD,
    answers=(ok("What was added.", ProviderPlan, status=201),),
    errors=("invalid_input",),
)
def add() -> Response:
    """Add a Gradio app as a provider.

    Its table is written to the end of the service's file of providers. All processes take it within seconds. An app that
    needs a token or a login is added by `darkroom providers add`.
    """
    found = _planned(APP_TO_ADD.of(request))
    settings, live = services().settings, services().live
    try:
        operator_file.add(settings.providers_file, found.name, found.text)
    except ConfigError as error:
        raise invalid("/name", str(error)) from None
    live.look(at_once=True)
    audit.note(caller().owner, "added a provider", provider=found.name)
    return json_response(_plan_resource(found, added=True), 201)


@blueprint.get("/admin/provider-checks")
@Operation(
    "adminCheckProviders",
    "Admin",
    "admin",
    parameters=(Parameter("provider", "query", "Only this one."),),
    answers=(ok("Each provider of the file, compared.", ProviderCheckList),),
    errors=("invalid_input", "not_found"),
)
def check_providers() -> Response:
    """Compare what is declared of providers with their live apps.

    A parameter that has another name now, a function that is gone, another type or range. Nothing runs at the apps.
    """
    wanted = only(request, "provider").get("provider")
    found = services()
    names = tuple(found.catalog.config.providers) if wanted is None else (spec_of(wanted).name,)
    data = [_check_resource(checked) for checked in check_all(found.catalog, names, _LOOK_SECONDS)]
    return json_response(ProviderCheckList(data=data, has_more=False, problem=found.live.problem or UNSET))


def _planned(body: AppToAdd) -> Plan:
    settings = services().settings
    try:
        with logs.hiding():
            found = plan(
                body.app,
                function=or_none(body.function),
                name=or_none(body.name),
                keys={},
                known=services().live.fresh().names(),
                hub_url=settings.hub_url,
                control=Control(_LOOK_SECONDS),
            )
    except CannotDeclare as error:
        raise invalid("/function", str(error)) from None
    except (ConfigError, ProviderError) as error:
        raise invalid("/app", getattr(error, "detail", str(error))) from None
    try:
        operator_file.added(settings.providers_file, found.name, found.text)
    except ConfigError as error:
        raise invalid("/name", str(error)) from None
    return found


def _plan_resource(found: Plan, *, added: bool) -> ProviderPlan:
    """A planned provider as the API shows it."""
    return ProviderPlan(
        name=found.name,
        gradio=found.version,
        function=found.function.label,
        functions=[_function_resource(candidate) for candidate in found.candidates],
        remarks=list(found.remarks),
        toml=found.text,
        added=added,
    )


def _function_resource(candidate: Candidate) -> AppFunction:
    function = candidate.function
    return AppFunction(
        name=function.label,
        inputs=[entry.name or entry.label for entry in function.inputs],
        outputs=[component for component in function.outputs if component],
        reasons=list(candidate.reasons),
    )


def _check_resource(checked: Checked) -> ProviderCheck:
    """A comparison as the API shows it."""
    return ProviderCheck(
        provider=checked.provider, fits=checked.fits, drift=list(checked.drift), failure=checked.failure or UNSET
    )
