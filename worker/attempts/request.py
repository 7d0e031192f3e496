"""What a driver is asked for: the job's input with its images and credentials at hand."""

from __future__ import annotations

import dataclasses

import logs
from jobs import metrics
from jobs.files import ArtifactNotFound
from jobs.files.images import INPUT_LIMIT, KEPT, BadPicture, Picture, clean, verify
from jobs.model import Job
from jobs.vault import VaultError
from providers import Control, Credentials, InputFile, ModelSpec, ProviderRequest
from worker.attempts.parts import Parts


def request_of(job: Job, spec: ModelSpec | None, parts: Parts, control: Control) -> ProviderRequest:
    """The request of a job to a provider. Call it within :func:`logs.hiding`: it hides the credentials.

    Args:
        job: The job, with the input for this provider.
        spec: The model as the provider declares it; says which parameters are images.
        parts: Where images and credentials come from.
        control: Ends a download when the attempt ends.

    Raises:
        BadPicture: An image cannot be used or fetched.
        VaultError: The credentials are gone, or cannot be decrypted.
        ProviderError: The proxy cannot be used, or the attempt has ended.
        JobError: Redis cannot serve.
    """
    credentials = _credentials(job, parts) if job.has_credentials else Credentials()
    files: dict[str, InputFile] = {}
    galleries: dict[str, tuple[InputFile, ...]] = {}
    for name in spec.image_params if spec else ():
        match job.input.get(name):
            case str(source) if source:
                files[name] = _image(job, source, parts, control)
            case list(sources):
                galleries[name] = tuple(_image(job, str(source), parts, control) for source in sources)
    return ProviderRequest(model=job.model, input=job.input, files=files, galleries=galleries, credentials=credentials)


def _credentials(job: Job, parts: Parts) -> Credentials:
    locked = parts.leases.secret(job.id)
    if locked is None:
        raise VaultError("the job's credentials are no longer there")
    credentials = Credentials(**parts.vault.unlock(job.id, locked))
    for field in dataclasses.fields(credentials):
        logs.hide(getattr(credentials, field.name) or "")
    if credentials.proxy is None:
        return credentials
    # The connection goes to the address that was checked: a name could lead elsewhere the next time.
    pinned = parts.proxy(credentials.proxy)
    logs.hide(pinned)
    return dataclasses.replace(credentials, proxy=pinned)


def _image(job: Job, source: str, parts: Parts, control: Control) -> InputFile:
    """An image of the input: one that is kept with the job, or one behind an address."""
    data, found = _kept(job, source, parts) if source.startswith(KEPT) else _fetched(source, parts, control)
    return InputFile(f"input.{found.content_type.rpartition('/')[2]}", data, found.content_type)


def _kept(job: Job, source: str, parts: Parts) -> tuple[bytes, Picture]:
    try:
        with parts.artifacts.open(job.id, source.removeprefix(KEPT)) as file:
            data = file.read()
    except ArtifactNotFound as error:
        raise BadPicture("the job's picture is no longer there") from error
    return data, verify(data)


def _fetched(source: str, parts: Parts, control: Control) -> tuple[bytes, Picture]:
    try:
        found = clean(parts.fetch(source, INPUT_LIMIT, control))
    except BadPicture:
        parts.counters.add(metrics.DOWNLOADS, "failed")
        raise
    parts.counters.add(metrics.DOWNLOADS, "ok")
    return found
