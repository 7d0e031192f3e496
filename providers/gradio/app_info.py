"""Where an app is, and what it says about itself: fetched once and shared by all attempts for a short while."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import logs
from providers.base import Control
from providers.errors import Denied, Protocol
from providers.gradio.directory import Directory
from providers.gradio.endpoints import App, parse_app
from providers.gradio.messages import loads
from providers.gradio.refusals import WRONG_LOGIN
from providers.gradio.transport import AppTransport, Refused

_DIRECTORY: Final = Directory()


@dataclass(frozen=True, slots=True, kw_only=True)
class AppAddress:
    """Where an app is and how to log in.

    Args:
        base_url: ``https://x.hf.space`` or ``http://192.168.1.5:7860/sub``.
            The address that the server believes to have is never used.
        referer: Sent with every request.
        login: User name and password of the app itself, if it has a login.
    """

    base_url: str
    referer: str | None = None
    login: tuple[str, str] | None = None

    @property
    def public_url(self) -> str:
        """The address without a user name and a password, and without a slash at its end."""
        parts = urlsplit(self.base_url.rstrip("/"))
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()

    def __repr__(self) -> str:
        return f"AppAddress({self.public_url!r})"


class AppInfo:
    """The functions of one app, as one attempt knows them.

    Args:
        address: Where the app is.
        transport: To the app.
        control: Cancel and time budget of the attempt.
    """

    def __init__(self, address: AppAddress, transport: AppTransport, control: Control) -> None:
        self._transport = transport
        self._control = control
        self._login = address.login
        self._key = (address.public_url, address.login and address.login[0])
        self._app: App | None = None

    def get(self) -> App:
        """What is known about the app, by any attempt of this process; fetched if nothing is known.

        Raises:
            ProviderError: The app cannot be asked.
        """
        if self._app is None:
            self._log_in()
            self._app = _DIRECTORY.get(self._key, self._fetch, self._control)
        return self._app

    def refresh(self) -> App:
        """Fetch it anew.

        Raises:
            ProviderError: The app cannot be asked.
        """
        self._log_in()
        self._app = _DIRECTORY.put(self._key, self._fetch())
        return self._app

    def forget(self) -> None:
        """Fetch it anew the next time, in all attempts."""
        self._app = None
        _DIRECTORY.forget(self._key)

    def _fetch(self) -> App:
        config = loads(self._transport.require("GET", "/config"))
        bare = parse_app(config)
        if not bare.speaks_queue:
            return bare
        try:
            info = loads(self._transport.ask("GET", f"{bare.prefix}/info"))
        except (Refused, Protocol):
            # Some apps cannot give it, since Gradio's code fails on their types. Positions are used then.
            return bare
        return parse_app(config, info)

    def _log_in(self) -> None:
        """Log in once, if the app has a login. The app's cookie is then sent with each request."""
        if self._login is None:
            return
        name, password = self._login
        logs.hide(password)
        try:
            self._transport.ask("POST", "/login", data={"username": name, "password": password})
        except Refused as answer:
            if answer.refusal.status == 400:
                raise Denied(WRONG_LOGIN) from None
            # An app without a login redirects to its first page.
            if not 300 <= answer.refusal.status < 400:
                raise answer.refusal.error() from None
        for value in self._transport.cookies():
            logs.hide(value)
        self._login = None
