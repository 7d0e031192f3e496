"""From a request to a submission: the providers that accept its input, and the rules for what the caller may use."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from jobs.egress import BadAddress
from jobs.model import Webhook
from jobs.submissions import Submission
from providers.errors import UnknownName
from providers.inputs.validate import InvalidInput
from providers.route import Admission, Route
from web.http.problems import Problem, invalid, invalid_all
from web.http.validation import or_none
from web.services import Asker, Services
from web.v1.input_images import Held, InputImages
from web.v1.schemas.jobs import JobCredentials, JobRequest
from web.v1.schemas.webhooks import JobWebhook

#: The warning of a job that asks for a hedge which cannot start.
ALONE: Final = "Only one provider can run this request, so `hedge` has no effect."


def permit(
    asker: Asker, wanted: JobRequest, route: Route | None = None, images: InputImages | None = None
) -> Submission:
    """The submission that a request makes. Nothing is written, and no quota is charged.

    Args:
        asker: Whose request it is.
        wanted: The request, from a body of any dialect or from an earlier job.
        route: The providers of its model; chosen here by default.
        images: Reads its images; several jobs of one request share one.

    Raises:
        Problem: 403 for a proxy without its scope, 404 for an unknown model or provider, 422 with every fault of the
            input, or for an image, a webhook or a proxy that cannot be used, 503 if all providers are switched off.
    """
    route = route or choose(asker.services, wanted.model, or_none(wanted.provider))
    admitted = _admitted(wanted, route)
    read = (images or input_images(asker)).read(wanted.input, route.files)
    return Submission(
        owner=asker.caller.owner,
        model=wanted.model,
        given=read.given,
        inputs={name: read.rename(used, route.files) for name, used in admitted.inputs.items()},
        images=read.contents,
        provider=or_none(wanted.provider),
        strategy=wanted.strategy,
        priority=wanted.priority,
        metadata=wanted.metadata,
        deadline_seconds=or_none(wanted.deadline_seconds),
        retention_seconds=wanted.retention_seconds,
        embed_recipe=or_none(wanted.embed_recipe),
        cache=wanted.cache,
        credentials=_credentials(asker, or_none(wanted.credentials)),
        webhook=_webhook(asker, or_none(wanted.webhook)),
        warnings=(ALONE,) if wanted.strategy == "hedge" and len(admitted.inputs) == 1 else (),
    )


def choose(services: Services, model: str, provider: str | None) -> Route:
    """The providers that may be asked for a model; see :meth:`providers.catalog.Catalog.choose`.

    Raises:
        Problem: 404 for an unknown model or provider.
    """
    try:
        with suppress(UnknownName):
            return services.catalog.choose(model, provider)
        # Another process may have taken the file already that adds it.
        return services.live.fresh().choose(model, provider)
    except UnknownName as error:
        raise Problem("not_found", f"{error}.", errors=[(f"/{error.field}", str(error))]) from None


def input_images(asker: Asker) -> InputImages:
    """A reader for the images of a request."""
    uploads, owner = asker.services.uploads, asker.caller.owner

    def find(file_id: str) -> Held | None:
        upload = uploads.find(file_id, owner)
        return None if upload is None else Held(upload.id, upload.sha256, upload.content_type, upload.name)

    return InputImages(find, asker.services.egress, asker.links.base)


def _admitted(wanted: JobRequest, route: Route) -> Admission:
    try:
        admitted = route.admit(wanted.input)
    except InvalidInput as error:
        raise invalid_all([(f"/input{fault.pointer}", fault.detail) for fault in error.faults]) from None
    if not admitted.inputs:
        detail = f"Every provider of {wanted.model} is switched off."
        raise Problem("model_unavailable", detail, headers={"Retry-After": "60"})
    return admitted


def _credentials(asker: Asker, given: JobCredentials | None) -> dict[str, str]:
    """Credentials as the vault keeps them: cookies become the text of one header."""
    if given is None:
        return {}
    found = {name: or_none(getattr(given, name)) for name in ("api_key", "hf_token", "zerogpu_uuid", "proxy")}
    if proxy := found["proxy"]:
        _check_proxy(asker, proxy)
    if cookies := or_none(given.cookies):
        found["cookies"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
    return {name: value for name, value in found.items() if value is not None}


def _check_proxy(asker: Asker, url: str) -> None:
    """Refuse a proxy that is not a public one, or that the caller may not bring."""
    try:
        asker.services.egress.check_proxy(url)
    except BadAddress as error:
        raise invalid("/credentials/proxy", str(error)) from None
    if "proxy" not in asker.caller.scopes:
        raise Problem("forbidden", "A proxy of your own needs a key with the scope proxy.")


def _webhook(asker: Asker, given: JobWebhook | None) -> Webhook | None:
    if given is None:
        return None
    try:
        return asker.services.webhooks.accept(
            asker.caller.owner, given.url, base=asker.links.base, events=given.events, payload=given.payload
        )
    except BadAddress as error:
        raise invalid("/webhook/url", str(error)) from None
