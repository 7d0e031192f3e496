"""The error that an unexpected HTTP answer means. Pure.

The statuses are Gradio's (4.44 to 6.31, recorded): a full queue is 503, a
wrong login 400, a refused value 422, an unknown function 500. A server in
front of the app (for a Space that wakes up, or a proxy) answers with pages.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from providers import clean
from providers.errors import Busy, Changed, Crashed, Denied, Protocol, ProviderError, Rejected, Unreachable, Waking
from providers.gradio import zerogpu

LOGIN_NEEDED = "the app needs a login: its configuration must have a user name and a password"
WRONG_LOGIN = "the app refuses the user name or the password"

#: Longest wait that is taken from a header, in seconds: any server in front of the app may send one. The wait for a GPU
#: quota, which can be a day, comes in the app's own text (:mod:`providers.gradio.zerogpu`).
LONGEST_WAIT = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An unexpected answer.

    Args:
        status: HTTP status.
        content_type: In lower case, without parameters.
        body: Its beginning.
        retry_after: Seconds, from the header.
        hosted: Whether the app is a Hugging Face Space, where a page may mean that it wakes up.
    """

    status: int
    content_type: str
    body: str
    retry_after: float | None = None
    hosted: bool = False

    @property
    def is_page(self) -> bool:
        """Whether the answer is a web page."""
        return self.content_type == "text/html" or self.body[:200].lstrip().lower().startswith(("<!doctype", "<html"))

    @property
    def detail(self) -> str:
        """The text of a JSON answer: FastAPI's ``detail`` or Gradio's ``error``."""
        try:
            fields = json.loads(self.body)
        except (ValueError, RecursionError):
            return "" if self.is_page else clean.message(self.body, 200)
        found = fields.get("detail", fields.get("error")) if isinstance(fields, dict) else None
        if isinstance(found, list):
            found = "; ".join(filter(None, (_item(item) for item in found[:5])))
        if isinstance(found, dict):
            found = found.get("error") or found.get("message")
        return clean.message(found)

    def error(self) -> ProviderError:
        """The typed error."""
        if self.is_page:
            return self._page()
        if self.status in _BY_STATUS:
            return _BY_STATUS[self.status](self)
        if self.status >= 500:
            return self._server_error()
        if 300 <= self.status < 400:
            return Unreachable("the app has moved to another address; its configuration must have the new one")
        if self.status < 300:
            return Protocol(f"the app answered with {self.content_type or 'no content type'} instead of data")
        return Protocol(f"the app answered with status {self.status}{_after(self.detail)}")

    def _page(self) -> ProviderError:
        if self.status == 404:
            return self._not_found()
        if self.hosted and (self.status < 300 or self.status >= 500):
            return Waking("the Space is asleep or starting: it answers with a web page", retry_after=self.retry_after)
        if self.status >= 500:
            return Unreachable(f"the app is not there: status {self.status} from a server in front of it")
        if self.status in _BY_STATUS:
            return _BY_STATUS[self.status](self)
        return Protocol("a web page answers at this address, not a Gradio app")

    def _not_found(self) -> ProviderError:
        if self.hosted:
            return Unreachable("no Space answers here: it does not exist, is private, or is paused")
        # Gradio 4 to 6 with api_open=False, on a queued function.
        if "does not accept direct" in self.detail:
            return Changed(self.detail)
        return Unreachable(f"no Gradio app answers at this address{_after(self.detail)}")

    def _unavailable(self) -> ProviderError:
        if self.detail.startswith("Queue is full"):
            return Busy(f"the app's queue is full: {self.detail}", retry_after=self.retry_after or zerogpu.BUSY_WAIT)
        return self._server_error()

    def _server_error(self) -> ProviderError:
        if self.status in {502, 503, 504}:
            kind = Waking if self.hosted else Unreachable
            return kind(f"the app is not available: status {self.status}", retry_after=self.retry_after)
        return Crashed(f"the app answered with status {self.status}")

    def _too_many(self) -> ProviderError:
        return Busy(
            f"too many requests to the app{_after(self.detail)}", retry_after=self.retry_after or zerogpu.BUSY_WAIT
        )


_BY_STATUS = {
    401: lambda _: Denied(LOGIN_NEEDED),
    403: lambda answer: Denied(f"the app refuses access{_after(answer.detail)}"),
    404: Refusal._not_found,  # noqa: SLF001 - the table belongs to the class
    413: lambda answer: Rejected(answer.detail or "the file is too large for the app"),
    422: lambda answer: Rejected(f"the app refuses the input{_after(answer.detail)}"),
    429: Refusal._too_many,  # noqa: SLF001
    503: Refusal._unavailable,  # noqa: SLF001
}


def _item(item: object) -> str:
    """One fault that a validator (Gradio 5.45 and newer) or FastAPI found."""
    if not isinstance(item, dict):
        return ""
    name, text = item.get("parameter_name"), clean.message(item.get("message") or item.get("msg"), 200)
    return f"{clean.text(name, 60)}: {text}" if isinstance(name, str) and name else text


def _after(detail: str) -> str:
    return f": {detail}" if detail else ""
