"""Where an app is, what opens it, and what it says about itself: that is fetched once and shared for a short while."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Self
from urllib.parse import urlsplit

import logs
from providers.config import ProviderConfig
from providers.errors import Denied, Protocol, Unreachable
from providers.gradio.directory import Directory
from providers.gradio.endpoints import App, app_id, parse_app
from providers.gradio.http_session import basic_header
from providers.gradio.joint_answers import JointAnswers
from providers.gradio.refusals import WRONG_LOGIN
from providers.gradio.transport import AppTransport, Refused
from providers.huggingface import hub
from providers.spec import Credentials

_DIRECTORY: Final = Directory()
#: Which start of an app answers now, asked by each attempt before its call.
_STARTS: Final[JointAnswers[int]] = JointAnswers()
_FAILED: Final = 500
#: Seconds between two requests for the same answer, and after which no more is asked.
_PAUSES: Final = (0.2, 0.5)
_SOON: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AppAddress:
    """Where an app is and how to log in.

    Args:
        base_url: ``https://x.hf.space`` or ``http://192.168.1.5:7860/sub``.
            The address that the server believes to have is never used.
        login: User name and password of the app itself, if it has a login.
        headers: What opens the app, for every request; ``cookies``, the same as a ``Cookie`` header to begin with.
        ca_file: File with certificates that are trusted besides the usual ones.
    """

    base_url: str
    referer: str | None = None
    login: tuple[str, str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: str | None = None
    ca_file: str | None = None

    @property
    def public_url(self) -> str:
        """The address without a user name and a password, and without a slash at its end."""
        parts = urlsplit(self.base_url.rstrip("/"))
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()

    def __repr__(self) -> str:
        return f"AppAddress({self.public_url!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What a provider's configuration has to open its app with; see :class:`providers.config.ProviderConfig`."""

    login: tuple[str, str] | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    cookies: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    #: The passwords in them, which an app may send back by themselves.
    passwords: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, config: ProviderConfig) -> Self:
        """As a provider is configured."""
        basic = {"Authorization": basic_header(*config.basic)} if config.basic else {}
        headers = {name: value for name, value in config.headers.items() if name.lower() != "cookie"}
        cookies = next((value for name, value in config.headers.items() if name.lower() == "cookie"), None)
        return cls(
            login=config.login,
            token=config.token,
            headers={**basic, **headers},
            cookies=cookies,
            ca_file=config.ca_file,
            passwords=tuple(password for _, password in filter(None, (config.login, config.basic))),
        )

    def credentials(self, own: Credentials) -> Credentials:
        """A job's credentials, with the operator's token where the job brings no account of its own."""
        for secret in (*self._secrets(), *self.passwords):
            # The app that gets it may send it back.
            logs.hide(secret)
        if self.token is None or own.hf_token or hub.is_account(own.api_key):
            return own
        return replace(own, hf_token=self.token)

    def address(self, url: str, referer: str | None) -> AppAddress:
        """The app at this address, with what opens it."""
        return AppAddress(
            base_url=url,
            referer=referer,
            login=self.login,
            headers=self.headers,
            cookies=self.cookies,
            ca_file=self.ca_file,
        )

    def _secrets(self) -> tuple[str, ...]:
        values = (self.token, self.cookies, *self.headers.values())
        return tuple(value for value in values if value)


class AppInfo:
    """The functions of one app, as one attempt knows them.

    Args:
        shares: Whether others may wait for what this attempt fetches. Not if its way there is the user's own.
    """

    def __init__(self, address: AppAddress, transport: AppTransport, *, shares: bool = True) -> None:
        self._transport = transport
        self._shares = shares
        self._login = address.login
        self._key = (address.public_url, address.login and address.login[0])
        self._app: App | None = None

    def get(self) -> App:
        """What is known about the app, by any attempt of this process; fetched if nothing is known."""
        if self._app is None:
            self._log_in()
            if self._shares:
                self._app = _DIRECTORY.get(self._key, self._fetch, self._transport.control)
            else:
                self._app = _DIRECTORY.peek(self._key) or self._fetch()
        return self._app

    def current(self) -> App:
        """What is true at this moment: for a call, which goes by numbers and places that another release may change."""
        known = self._app or _DIRECTORY.peek(self._key)
        if known is None:
            return self.get()
        self._log_in()
        if known.app_id is None or self._app_id(known) != known.app_id:
            return self.refresh()
        self._app = known
        return known

    def refresh(self) -> App:
        """Fetch it anew."""
        self._log_in()
        app = self._app = self._fetch()
        return _DIRECTORY.put(self._key, app) if self._shares else app

    def forget(self) -> None:
        """Fetch it anew the next time, in all attempts."""
        self._app = None
        _DIRECTORY.forget(self._key)

    def described(self) -> tuple[object, object]:
        """All that the app says about itself, asked for now: ``/config``, and ``/info`` or None."""
        self._log_in()
        return self._description()

    def _fetch(self) -> App:
        return parse_app(*self._description())

    def _description(self) -> tuple[object, object]:
        try:
            config = self._asked("/config")
        except Refused as answer:
            raise answer.refusal.error() from None
        bare = parse_app(config)
        if not bare.speaks_queue:
            return config, None
        try:
            return config, self._asked(f"{bare.prefix}/info")
        except Refused as answer:
            if answer.refusal.status > _FAILED:
                # A server in front of the app: what the app itself would say is not known.
                raise answer.refusal.error() from None
        except Protocol:
            pass
        return config, None

    def _asked(self, path: str) -> object:
        """What the app says about itself. If it fails or the answer is lost, ask again, a few times and soon.

        Gradio's code fails on the types of some apps: their ``/info`` is 500 for ever, and they tell no names.
        """
        begun = time.monotonic()
        for pause in _PAUSES:
            try:
                return self._transport.ask_json("GET", path)
            except (Refused, Unreachable) as error:
                is_final = isinstance(error, Refused) and error.refusal.status < _FAILED
                if is_final or time.monotonic() - begun > _SOON:
                    raise
            self._transport.control.sleep(pause)
        return self._transport.ask_json("GET", path)

    def _app_id(self, known: App) -> int | None:
        """Which start of the app answers now; None if it does not say."""
        path = f"{known.prefix}/app_id"

        def ask() -> int | None:
            try:
                return app_id(self._transport.ask_json("GET", path))
            except (Refused, Protocol, Unreachable):
                return None

        return _STARTS.ask((self._key, path), ask, self._transport.control) if self._shares else ask()

    def _log_in(self) -> None:
        """Log in once, if the app has a login. The app's cookie is then sent with each request."""
        if self._login is None:
            return
        logs.hide(self._login[1])
        self._enter(self._login)
        for value in self._transport.cookies():
            logs.hide(value)
        self._login = None

    def _enter(self, login: tuple[str, str]) -> None:
        name, password = login
        try:
            self._transport.ask("POST", "/login", data={"username": name, "password": password})
        except Refused as answer:
            refusal = answer.refusal
            if refusal.asks_basic and self._transport.use_basic(login):
                # A server in front of the app wants it first. The app itself may want it too, or have no login.
                self._enter(login)
            elif refusal.status in {400, 413, 422}:
                raise Denied(WRONG_LOGIN) from None
            # An app without a login redirects to its first page.
            elif refusal.status not in {302, 303, 307}:
                raise refusal.error() from None
