"""The Hugging Face Hub: tokens for GPU time, and the state of a Space.

The addresses and the page's fields are those that public clients of ZeroGPU
Spaces use. No job needs the Hub: without its answer the Space is called all
the same, and says itself what is missing.
"""

from __future__ import annotations

import html
import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import quote

import logs
from providers import clean
from providers.base import Control
from providers.config_values import web_url
from providers.errors import Denied, Protocol, ProviderError, Unreachable, Waking
from providers.gradio.app_limits import AppLimits
from providers.gradio.transport import AppTransport, Refused
from providers.gradio.untrusted_json import loads
from providers.spec import Credentials

log = logging.getLogger(__name__)

#: What public clients send as the uuid of a token without one.
NO_UUID: Final = "[object Object]"

#: Bounds of a look-up, which must not delay a job for long.
LIMITS: Final = AppLimits(connect=2.0, read=4.0, answer=8.0, body_bytes=4 << 20)

#: The public Hub.
HUB_URL: Final = "https://huggingface.co"

#: Seconds without look-ups after the Hub did not answer.
SILENCE: Final = 60.0

#: Seconds for which a Space's address is used.
ADDRESS_LIFE: Final = 600.0

#: Seconds until a new attempt makes sense at a Space that is being woken or built.
WAKING_WAIT: Final = 20.0

_TOKEN_LIFE: Final = timedelta(minutes=10)
#: What goes into a header: other characters would make the job's own credentials look malformed.
_HEADER_VALUE: Final = r"[!#-\[\]-~]"
_TOKEN = re.compile(rf'"token"\s*:\s*"({_HEADER_VALUE}{{1,4096}})"')
_UUID = re.compile(rf'"sessionUuid"\s*:\s*"({_HEADER_VALUE}{{1,256}})"')
_SUBDOMAIN = re.compile(r"[a-z0-9-]{1,63}")
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_HF_TOKEN = "hf_"  # noqa: S105 - how such tokens begin

#: ``runtime.stage`` of the Hub's API, as the official clients read it.
_COMING: Final[Mapping[str, str]] = {
    "SLEEPING": "is asleep; this request wakes it",
    "STOPPED": "is stopped; this request starts it",
    "BUILDING": "is being built",
    "APP_STARTING": "is starting",
    "RUNNING_APP_STARTING": "is starting",
}
_GONE: Final[Mapping[str, str]] = {
    "PAUSED": "is paused by its owner",
    "NO_APP_FILE": "has no app",
    "CONFIG_ERROR": "has a broken configuration",
    "BUILD_ERROR": "could not be built",
    "RUNTIME_ERROR": "has crashed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuToken:
    """The token and uuid that a ZeroGPU Space expects. Secret."""

    token: str | None = field(default=None, repr=False)
    uuid: str | None = field(default=None, repr=False)


class Hub:
    """One Hub, asked by many jobs. Thread-safe. If its address is empty, no Hub is asked."""

    def __init__(self, url: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url.rstrip("/")
        self._clock = clock
        self._silent_until = 0.0
        self._addresses: dict[str, tuple[float, str]] = {}
        #: The new name of each Space that was renamed, by the name that was asked for.
        self.renamed: dict[str, str] = {}

    def gpu_token(self, space: str | None, credentials: Credentials, control: Control) -> GpuToken:
        """Look up the token and uuid that the Space's page would use.

        The page has both. With the user's cookies, the token of the API
        replaces the page's. A missing one is None, and not an error.
        """
        if not space:
            return GpuToken()
        page = html.unescape(self._ask(f"/spaces/{quote(space)}", credentials, control) or "")
        token, uuid = _TOKEN.search(page), _UUID.search(page)
        own = self._own_token(space, credentials, control) if credentials.cookies else None
        found = GpuToken(token=own or (token[1] if token else None), uuid=uuid[1] if uuid else None)
        for secret in (found.token, found.uuid):
            # The Space that gets it may send it back.
            logs.hide(secret or "")
        return found

    def state(self, space: str | None, credentials: Credentials, control: Control) -> ProviderError | None:
        """Why a Space does not answer, as the Hub says: Waking or Unreachable; None if the Hub gives no reason."""
        runtime = self._about(space, credentials, control).get("runtime")
        stage = str(runtime.get("stage")) if isinstance(runtime, dict) else ""
        if stage in _COMING:
            return Waking(f"the Space {space} {_COMING[stage]}", retry_after=WAKING_WAIT)
        if stage in _GONE:
            return Unreachable(f"the Space {space} {_GONE[stage]}")
        return None

    def address(self, space: str | None, credentials: Credentials, control: Control) -> str:
        """Where a Space's app answers. What the Hub said is used for :data:`ADDRESS_LIFE`.

        Raises:
            Unreachable: The Hub does not answer, or is not asked here.
            Denied: The Hub knows no such Space, or does not show it.
        """
        if space is None or not self._url:
            raise Unreachable("the Hub is not asked here, so the app's configuration needs url")
        known_until, known = self._addresses.get(space, (0.0, ""))
        if self._clock() < known_until:
            return known
        found = self.about(space, credentials, control)
        address = self._host(found)
        if address is None:
            raise Unreachable(f"the Hub names no address of the Space {space}: it may have no app; else give its url")
        self._addresses[space] = self._clock() + ADDRESS_LIFE, address
        return address

    def is_zerogpu(self, space: str | None, credentials: Credentials, control: Control) -> bool:
        """Whether the Space runs on ZeroGPU, as far as the Hub tells."""
        runtime = self._about(space, credentials, control).get("runtime")
        hardware = runtime.get("hardware") if isinstance(runtime, dict) else None
        named = [hardware.get("current"), hardware.get("requested")] if isinstance(hardware, dict) else []
        return any(isinstance(name, str) and name.startswith("zero") for name in named)

    def forget(self, space: str | None) -> None:
        """Ask for the Space's address anew the next time."""
        self._addresses.pop(space or "", None)

    def about(self, space: str, credentials: Credentials, control: Control) -> dict[str, object]:
        """What the Hub's API says about a Space.

        Raises:
            Unreachable: The Hub does not answer.
            Denied: The Hub knows no such Space, or does not show it.
        """
        try:
            text = self._asked(f"/api/spaces/{quote(space)}", credentials, control)
        except Refused as answer:
            if answer.refusal.status not in {401, 403, 404}:
                raise Unreachable(f"the Hub answered with status {answer.refusal.status}") from None
            raise Denied(
                f"the Hub shows no Space {space}: it does not exist (any more), or is private; then its configuration"
                " needs a token that may read it"
            ) from None
        if text is None:
            raise Unreachable("the Hub does not answer")
        found = _object(text)
        self._note_name(space, found.get("id"))
        return found

    def _note_name(self, space: str, name: object) -> None:
        """Say once that a Space has another name now. The Hub redirects from the old one."""
        if isinstance(name, str) and name.lower() != space.lower() and space not in self.renamed:
            self.renamed[space] = clean.text(name, 200)
            log.warning("the Space %s has a new name: write %s in its configuration", space, self.renamed[space])

    def _host(self, found: dict[str, object]) -> str | None:
        """The app's address in an answer of the API: over TLS, if the Hub itself is."""
        host, subdomain = found.get("host"), found.get("subdomain")
        try:
            told = web_url(host) if isinstance(host, str) else ""
        except ValueError:
            told = ""
        if told and (told.startswith("https:") or not self._url.startswith("https:")):
            return str(told)
        if isinstance(subdomain, str) and _SUBDOMAIN.fullmatch(subdomain):
            return f"https://{subdomain}.hf.space"
        return None

    def revision(self, space: str | None, control: Control, credentials: Credentials | None = None) -> str | None:
        """The commit of a Space; None if the Hub does not say."""
        commit = self._about(space, credentials or Credentials(), control).get("sha")
        return commit if isinstance(commit, str) and _COMMIT.fullmatch(commit) else None

    def _about(self, space: str | None, credentials: Credentials, control: Control) -> dict[str, object]:
        """What the Hub's API says about a Space; nothing if the Hub is not asked or does not answer."""
        return _object(self._ask(f"/api/spaces/{quote(space)}", credentials, control)) if space else {}

    def _own_token(self, space: str, credentials: Credentials, control: Control) -> str | None:
        ends = (datetime.now(UTC) + _TOKEN_LIFE).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        path = f"/api/spaces/{quote(space)}/jwt"
        answer = _object(self._ask(path, credentials, control, expiration=ends, include_pro_status="true"))
        token = answer.get("token")
        return token if isinstance(token, str) and re.fullmatch(f"{_HEADER_VALUE}{{1,4096}}", token) else None

    def _ask(self, path: str, credentials: Credentials, control: Control, **params: str) -> str | None:
        """One answer as text; None if there is none."""
        try:
            return self._asked(path, credentials, control, **params)
        except Refused:
            log.info("the Hub refused %s", path)
        return None

    def _asked(self, path: str, credentials: Credentials, control: Control, **params: str) -> str | None:
        """One answer as text; None if the Hub does not answer. Cookies and token go to the Hub's origin only.

        Raises:
            Refused: The status is not 200.
        """
        if not self._url or self._clock() < self._silent_until:
            return None
        headers = {"Authorization": f"Bearer {credentials.hf_token}"} if credentials.hf_token else {}
        try:
            transport = AppTransport(
                self._url,
                headers=headers,
                cookies=credentials.cookies,
                proxy=credentials.proxy,
                limits=LIMITS,
                control=control,
            )
            with transport.opened():
                return transport.ask("GET", path, params=params).decode("utf-8", "replace")
        except ProviderError as error:
            control.check()
            log.info("the Hub gave no answer to %s: %s", path, error.detail)
            # It may be the user's proxy that is broken, and not the Hub.
            if credentials.proxy is None:
                self._silent_until = self._clock() + SILENCE
        return None


def headers(credentials: Credentials, found: GpuToken) -> dict[str, str]:
    """The headers that tell a Space whose GPU time to use. The Hub's token is used only if the user gave no key."""
    key = credentials.api_key
    account = credentials.hf_token or (key if is_account(key) else None)
    token = None if is_account(key) else key or found.token
    sent: dict[str, str] = {}
    if account:
        sent["X-HF-Authorization"] = f"Bearer {account}"
    if token:
        sent["x-zerogpu-token"] = token
        sent["x-zerogpu-uuid"] = credentials.zerogpu_uuid or (None if key else found.uuid) or NO_UUID
    return sent


def brings_own(credentials: Credentials) -> bool:
    """Whether the user gave a key or token, so that no look-up is needed."""
    return bool(credentials.api_key or credentials.hf_token)


def is_account(key: str | None) -> bool:
    """Whether a key is a Hugging Face token, which the Space's proxy reads, rather than a ZeroGPU token."""
    return bool(key and key.startswith(_HF_TOKEN))


def _object(text: str | None) -> dict[str, object]:
    try:
        answer = loads(text or "")
    except Protocol:
        return {}
    return answer if isinstance(answer, dict) else {}
