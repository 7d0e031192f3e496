"""A client of the public API, as any user could write it with requests."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import requests
import sseclient
import urllib3
from requests.adapters import HTTPAdapter

from cli.errors import CommandError, ServiceUnreachable

#: A job as the API gives it (docs/reference/http-api.md).
Job = dict[str, Any]

_CONNECT_SECONDS: Final = 5.0
_READ_SECONDS: Final = 60.0
#: Seconds without the service before that is an error: a restart takes less.
_PATIENCE_SECONDS: Final = 120.0
_LARGEST_OUTPUT: Final = 256 << 20


class ApiError(CommandError):
    """The API refused a request; the text is its problem document in words.

    Args:
        status: The HTTP status.
        problem: The body, an RFC 9457 problem document where the API wrote it.
    """

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.code = str(problem.get("code", ""))
        lines = [str(problem.get("detail") or problem.get("title") or f"HTTP {status}")]
        lines += [f"  {part.get('pointer', '')}: {part.get('detail', '')}" for part in problem.get("errors") or []]
        if status == requests.codes.unauthorized:
            lines.append("  Give a key with --api-key or DARKROOM_API_KEY; `darkroom keys create NAME` makes one.")
        super().__init__("\n".join(lines))


class Api:
    """The API at one address.

    Every method raises :class:`ApiError` where the API refuses, :class:`ServiceUnreachable` where it does not answer.

    Args:
        url: Base address, as ``http://127.0.0.1:8000``.
        key: API key, or None for the open mode.
        pause_seconds: Between two tries while the service is away.
    """

    def __init__(self, url: str, key: str | None = None, *, pause_seconds: float = 1.0) -> None:
        self.url = url.rstrip("/")
        self._pause_seconds = pause_seconds
        self._session = requests.Session()
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=_retry(pause_seconds)))
        if (urlsplit(url).hostname or "") in {"127.0.0.1", "localhost", "::1"}:
            self._session.trust_env = False  # a proxy of the environment cannot reach this machine's loopback
        if key:
            self._session.headers["Authorization"] = f"Bearer {key}"

    def submit(self, body: Mapping[str, Any]) -> Job:
        """Submit a job."""
        return self._json("POST", "/v1/jobs", json=body, headers={"Idempotency-Key": str(uuid.uuid4())})

    def upload(self, path: Path) -> dict[str, Any]:
        """Upload an image; the ``id`` of the answer can be a job's input.

        Raises:
            CommandError: There is no such file.
        """
        try:
            files = {"file": (path.name, path.read_bytes())}
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}") from error
        return self._json("POST", "/v1/files", files=files, headers={"Idempotency-Key": str(uuid.uuid4())})

    def get(self, path: str, **params: str | int | None) -> dict[str, Any]:
        """Read any resource, as ``/v1/models``."""
        return self._json("GET", path, params=params)

    def cancel(self, job_id: str) -> Job:
        """Cancel a job."""
        return self._json("POST", f"/v1/jobs/{job_id}/cancel")

    def download(self, url: str) -> tuple[bytes, str]:
        """Fetch a file of a job, of at most 256 MiB: its content, and its type as ``image/webp``."""
        with self._send("GET", self._own(url), stream=True) as answer:
            self._refuse(answer)
            content = answer.raw.read(_LARGEST_OUTPUT + 1, decode_content=True)
            if len(content) > _LARGEST_OUTPUT:
                raise ApiError(answer.status_code, {"detail": f"{url} is larger than {_LARGEST_OUTPUT} bytes"})
            return content, answer.headers.get("Content-Type", "").partition(";")[0]

    def save(self, url: str, path: Path) -> None:
        """Fetch a file of a job, of any size, into a file here; an incomplete one is removed."""
        with self._send("GET", self._own(url), stream=True) as answer:
            self._refuse(answer)
            try:
                with path.open("wb") as file:
                    for piece in answer.iter_content(1 << 20):
                        file.write(piece)
            except (requests.RequestException, OSError) as error:
                path.unlink(missing_ok=True)
                if isinstance(error, requests.RequestException):
                    raise ServiceUnreachable(f"{url}: the connection was lost") from error
                raise

    def watch(self, job_id: str) -> Iterator[Job]:
        """Yield the job now and at every change; the last one is final.

        The event stream only says when to ask for the job again, so a dropped stream or a restarted service costs time
        and nothing else. The service counts as unreachable after two minutes.
        """
        etag: str | None = None
        lost_at: float | None = None
        for _ in self._wakes(job_id):
            try:
                answer = self._send("GET", f"/v1/jobs/{job_id}", headers={"If-None-Match": etag} if etag else {})
                if answer.status_code >= requests.codes.internal_server_error:
                    raise ServiceUnreachable(f"{self.url} answers {answer.status_code}")
            except ServiceUnreachable:
                lost_at = lost_at or time.monotonic()
                if time.monotonic() - lost_at > _PATIENCE_SECONDS:
                    raise
                time.sleep(self._pause_seconds)
                continue
            lost_at = None
            if answer.status_code == requests.codes.not_modified:
                continue
            self._refuse(answer)
            etag = answer.headers.get("ETag")
            job: Job = answer.json()
            yield job
            if "finished_at" in job:
                return

    def _wakes(self, job_id: str) -> Iterator[None]:
        """Yield at once, then at each event. While there is no event stream, yield every second."""
        last = ""
        while True:
            yield
            headers = {"Accept": "text/event-stream", **({"Last-Event-ID": last} if last else {})}
            try:
                with self._send("GET", f"/v1/jobs/{job_id}/events", headers=headers, stream=True) as answer:
                    if answer.status_code == requests.codes.ok:
                        yield  # what changed before the stream was open
                        for event in sseclient.SSEClient(_as_they_come(answer)).events():
                            last = event.id or last
                            yield
            except (ServiceUnreachable, urllib3.exceptions.HTTPError):
                pass
            time.sleep(self._pause_seconds)

    def _json(self, method: str, path: str, **options: Any) -> dict[str, Any]:  # noqa: ANN401 - requests' own
        with self._send(method, path, **options) as answer:
            self._refuse(answer)
            body: dict[str, Any] = answer.json()
            return body

    def _own(self, url: str) -> str:
        """The path of an API link. A job may name a public URL that cannot be reached from here, so its host is dropped."""
        parts = urlsplit(url)
        return parts.path + (f"?{parts.query}" if parts.query else "")

    def _send(self, method: str, path: str, **options: Any) -> requests.Response:  # noqa: ANN401 - requests' own
        try:
            return self._session.request(
                method, urljoin(self.url + "/", path.lstrip("/")), timeout=(_CONNECT_SECONDS, _READ_SECONDS), **options
            )
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            raise ServiceUnreachable(f"no Darkroom answers at {self.url}; `darkroom up` starts one here") from error

    @staticmethod
    def _refuse(answer: requests.Response) -> None:
        if answer.ok:
            return
        try:
            problem = answer.json()
        except ValueError:
            problem = {}
        raise ApiError(answer.status_code, problem if isinstance(problem, dict) else {})


def _retry(pause_seconds: float) -> urllib3.Retry:
    """Send a request again while nothing answers, or a gateway says so: what died is started again meanwhile.

    Every request here may be repeated: those that make something have an idempotency key. With pauses of 1 s, five more
    tries take about 6 s.
    """
    return urllib3.Retry(
        5,
        backoff_factor=pause_seconds / 4,
        backoff_max=2 * pause_seconds,
        allowed_methods=None,
        status_forcelist=(502, 503, 504),
        raise_on_status=False,
        respect_retry_after_header=False,
    )


def _as_they_come(answer: requests.Response) -> Iterator[bytes]:
    """The body in pieces, as they arrive. The iterators of requests wait for more if the answer is not chunked."""
    while piece := answer.raw.read1(1 << 16):
        yield piece
