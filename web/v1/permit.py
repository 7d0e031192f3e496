"""From a request to a submission: the providers that accept its input, and the rules for what the caller may use."""

from __future__ import annotations

from typing import Final

from jobs.egress import BadAddress
from jobs.model import Webhook
from jobs.submissions import Submission
from providers.errors import UnknownName
from providers.inputs.validate import InvalidInput
from providers.route import Admission, Route
from web.http.auth import caller
from web.http.problems import Problem, invalid, invalid_all
from web.http.validation import or_none
from web.services import services
from web.v1.context import links
from web.v1.schemas.input_images import Held, InputImages
from web.v1.schemas.jobs import JobCredentials, JobRequest
from web.v1.schemas.webhooks import JobWebhook

#: The warning of a job that asks for a hedge which cannot start.
ALONE: Final = "Only one provider can run this request, so `hedge` has no effect."


def permit(wanted: JobRequest, route: Route | None = None, images: InputImages | None = None) -> Submission:
    """The submission that the current caller's request makes. Nothing is written, and no quota is charged.

    Args:
        wanted: The request, from a body of any dialect or from an earlier job.
        route: The providers of its model; chosen here by default.
        images: Reads its images; several jobs of one request share one.

    Raises:
        Problem: 403 for a proxy without its scope, 404 for an unknown model or provider, 422 with every fault of the
            input, or for an image, a webhook or a proxy that cannot be used, 503 if all providers are switched off.
    """
    route = route or choose(wanted.model, or_none(wanted.provider))
    admitted = _admitted(wanted, route)
    read = (images or input_images()).read(wanted.input, route.images)
    return Submission(
        owner=caller().owner,
        model=wanted.model,
        given=read.given,
        inputs={name: read.rename(used, route.images) for name, used in admitted.inputs.items()},
        images=read.contents,
        provider=or_none(wanted.provider),
        strategy=wanted.strategy,
        priority=wanted.priority,
        metadata=wanted.metadata,
        deadline_seconds=or_none(wanted.deadline_seconds),
        retention_seconds=wanted.retention_seconds,
        embed_recipe=or_none(wanted.embed_recipe),
        cache=wanted.cache,
        credentials=_credentials(or_none(wanted.credentials)),
        webhook=_webhook(or_none(wanted.webhook)),
        warnings=(ALONE,) if wanted.strategy == "hedge" and len(admitted.inputs) == 1 else (),
    )


def choose(model: str, provider: str | None) -> Route:
    """The providers that may be asked for a model; see :meth:`providers.catalog.Catalog.choose`.

    Raises:
        Problem: 404 for an unknown model or provider.
    """
    try:
        return services().catalog.choose(model, provider)
    except UnknownName as error:
        raise Problem("not_found", f"{error}.", errors=[(f"/{error.field}", str(error))]) from None


def input_images() -> InputImages:
    """A reader for the images of the current request."""
    uploads, owner = services().uploads, caller().owner

    def find(file_id: str) -> Held | None:
        upload = uploads.find(file_id, owner)
        return None if upload is None else (upload.id, upload.sha256)

    return InputImages(find, services().egress, links().base)


def _admitted(wanted: JobRequest, route: Route) -> Admission:
    try:
        admitted = route.admit(wanted.input)
    except InvalidInput as error:
        raise invalid_all([(f"/input{fault.pointer}", fault.detail) for fault in error.faults]) from None
    if not admitted.inputs:
        detail = f"Every provider of {wanted.model} is switched off."
        raise Problem("model_unavailable", detail, headers={"Retry-After": "60"})
    return admitted


def _credentials(given: JobCredentials | None) -> dict[str, str]:
    """Credentials as the vault keeps them: cookies become the text of one header."""
    if given is None:
        return {}
    found = {name: or_none(getattr(given, name)) for name in ("api_key", "hf_token", "zerogpu_uuid", "proxy")}
    if proxy := found["proxy"]:
        _check_proxy(proxy)
    if cookies := or_none(given.cookies):
        found["cookies"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
    return {name: value for name, value in found.items() if value is not None}


def _check_proxy(url: str) -> None:
    """Refuse a proxy that is not a public one, or that the caller may not bring."""
    try:
        services().egress.check_proxy(url)
    except BadAddress as error:
        raise invalid("/credentials/proxy", str(error)) from None
    if "proxy" not in caller().scopes:
        raise Problem("forbidden", "A proxy of your own needs a key with the scope proxy.")


def _webhook(given: JobWebhook | None) -> Webhook | None:
    if given is None:
        return None
    try:
        return services().webhooks.accept(
            caller().owner, given.url, base=links().base, events=given.events, payload=given.payload
        )
    except BadAddress as error:
        raise invalid("/webhook/url", str(error)) from None
