"""What a driver is asked for: the job's input with its images and credentials at hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import logs
from jobs import metrics
from jobs.files import ArtifactNotFound, ArtifactStore
from jobs.files.images import INPUT_LIMIT, KEPT, BadImage, ImageInfo, clean, verify
from jobs.model import Job
from jobs.record.counters import Counters
from jobs.vault import Vault, VaultError
from providers import Control, Credentials, InputFile, ModelSpec, ProviderRequest


class RequestBuilder:
    """Builds drivers' requests.

    Args:
        secret: Gives the encrypted credentials of a job, None once they are deleted.
        vault: Decrypts them.
        artifacts: Has the images that are kept with a job.
        fetch: Downloads an image of at most that many bytes from an address that a user gave.
        proxy: Gives the address at which a user's proxy is connected to, or refuses the proxy.
        counters: Counts the downloads.
    """

    def __init__(
        self,
        secret: Callable[[str], bytes | None],
        vault: Vault,
        artifacts: ArtifactStore,
        fetch: Callable[[str, int, Control], bytes],
        proxy: Callable[[str], str],
        counters: Counters,
    ) -> None:
        self._secret = secret
        self._vault = vault
        self._artifacts = artifacts
        self._fetch = fetch
        self._proxy = proxy
        self._counters = counters

    def build(self, job: Job, spec: ModelSpec | None, control: Control) -> ProviderRequest:
        """The request of a job to a provider. Call it within :func:`logs.hiding`: it hides the credentials.

        Args:
            job: The job, with the input for this provider.
            spec: The model as the provider declares it; says which parameters are images.
            control: Ends a download when the attempt ends.

        Raises:
            BadImage: An image cannot be used or fetched.
            VaultError: The credentials are gone, or cannot be decrypted.
            ProviderError: The proxy cannot be used, or the attempt has ended.
            JobError: Redis cannot serve.
        """
        files: dict[str, InputFile] = {}
        galleries: dict[str, tuple[InputFile, ...]] = {}
        credentials = self._credentials(job) if job.has_credentials else Credentials()
        for name in spec.image_params if spec else ():
            match job.input.get(name):
                case str(source) if source:
                    files[name] = self._image(job, source, control)
                case list(sources):
                    galleries[name] = tuple(self._image(job, str(source), control) for source in sources)
        return ProviderRequest(
            model=job.model, input=job.input, files=files, galleries=galleries, credentials=credentials
        )

    def _credentials(self, job: Job) -> Credentials:
        locked = self._secret(job.id)
        if locked is None:
            raise VaultError("the job's credentials are no longer there")
        credentials = Credentials(**self._vault.unlock(job.id, locked))
        for field in dataclasses.fields(credentials):
            logs.hide(getattr(credentials, field.name) or "")
        if credentials.proxy is None:
            return credentials
        # The connection goes to the address that was checked: a name could lead elsewhere the next time.
        pinned = self._proxy(credentials.proxy)
        logs.hide(pinned)
        return dataclasses.replace(credentials, proxy=pinned)

    def _image(self, job: Job, source: str, control: Control) -> InputFile:
        """An image of the input: one that is kept with the job, or one behind an address."""
        data, found = self._kept(job, source) if source.startswith(KEPT) else self._downloaded(source, control)
        return InputFile(f"input.{found.content_type.rpartition('/')[2]}", data, found.content_type)

    def _kept(self, job: Job, source: str) -> tuple[bytes, ImageInfo]:
        try:
            with self._artifacts.open(job.id, source.removeprefix(KEPT)) as file:
                data = file.read()
        except ArtifactNotFound as error:
            raise BadImage("the job's image is no longer there") from error
        return data, verify(data)

    def _downloaded(self, source: str, control: Control) -> tuple[bytes, ImageInfo]:
        try:
            found = clean(self._fetch(source, INPUT_LIMIT, control))
        except BadImage:
            self._counters.add(metrics.DOWNLOADS, "failed")
            raise
        self._counters.add(metrics.DOWNLOADS, "ok")
        return found
