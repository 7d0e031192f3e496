"""What a driver is asked for: the job's input with its files and credentials at hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import logs
from jobs.files import ArtifactNotFound, ArtifactStore
from jobs.files.image_terms import INPUT_LIMIT, BadImage, ImageInfo
from jobs.files.images import clean, verify
from jobs.files.input_files import FILE_LIMIT, KeptFile, check, ending_of, kept_file
from jobs.model import Job
from jobs.vault import Vault, VaultError
from media import Kind
from providers import Control, Credentials, InputFile, ModelSpec, ProviderRequest
from providers.spec import FILE_TYPES


class RequestBuilder:
    """Builds drivers' requests.

    Args:
        secret: Gives the encrypted credentials of a job, None once they are deleted.
        vault: Decrypts them.
        artifacts: Has the files that are kept with a job.
        fetch: Downloads a file of at most that many bytes from an address that a user gave.
        proxy: Gives the address at which a user's proxy is connected to, or refuses the proxy.
        count: Counts a download by how it went, ``ok`` or ``failed``.
    """

    def __init__(
        self,
        secret: Callable[[str], bytes | None],
        vault: Vault,
        artifacts: ArtifactStore,
        fetch: Callable[[str, int, Control], bytes],
        proxy: Callable[[str], str],
        count: Callable[[str], None],
    ) -> None:
        self._secret = secret
        self._vault = vault
        self._artifacts = artifacts
        self._fetch = fetch
        self._proxy = proxy
        self._count = count

    def build(self, job: Job, spec: ModelSpec | None, control: Control) -> ProviderRequest:
        """The request of a job to a provider. Call it within :func:`logs.hiding`: it hides the credentials.

        The job has the input for this provider. The spec is the model as the provider declares it, and says which
        parameters take files. The control ends a download when the attempt ends.

        Raises:
            BadImage: A file cannot be used or fetched.
            VaultError: The credentials are gone, or cannot be decrypted.
            ProviderError: The proxy cannot be used, or the attempt has ended.
            JobError: Redis cannot serve.
        """
        files: dict[str, InputFile] = {}
        galleries: dict[str, tuple[InputFile, ...]] = {}
        credentials = self._credentials(job) if job.has_credentials else Credentials()
        for name, kind in spec.file_params.items() if spec else ():
            match job.input.get(name):
                case str(source) if source:
                    files[name] = self._file(job, source, FILE_TYPES[kind], control)
                case list(sources):
                    galleries[name] = tuple(
                        self._file(job, str(source), FILE_TYPES[kind], control) for source in sources
                    )
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

    def _file(self, job: Job, source: str, wanted: Kind | None, control: Control) -> InputFile:
        """A file of the input: one that is kept with the job, or one behind an address."""
        kept = kept_file(source)
        if wanted == "image":
            data, found = self._downloaded(source, control) if kept is None else self._kept(job, kept)
            return InputFile(f"input.{found.content_type.rpartition('/')[2]}", data, found.content_type)
        name = source if kept is None else f"input{kept.ending}"
        data = self._fetched(source, control) if kept is None else self._read(job, kept)
        form = check(data, name, wanted)
        return InputFile(f"input{ending_of(form, name)}", data, form.content_type)

    def _kept(self, job: Job, kept: KeptFile) -> tuple[bytes, ImageInfo]:
        data = self._read(job, kept)
        return data, verify(data)

    def _read(self, job: Job, kept: KeptFile) -> bytes:
        try:
            with self._artifacts.open(job.id, kept.digest) as file:
                return file.read()
        except ArtifactNotFound as error:
            raise BadImage("the job's input file is no longer there") from error

    def _fetched(self, source: str, control: Control) -> bytes:
        try:
            data = self._fetch(source, FILE_LIMIT, control)
        except BadImage:
            self._count("failed")
            raise
        self._count("ok")
        return data

    def _downloaded(self, source: str, control: Control) -> tuple[bytes, ImageInfo]:
        try:
            found = clean(self._fetch(source, INPUT_LIMIT, control))
        except BadImage:
            self._count("failed")
            raise
        self._count("ok")
        return found
