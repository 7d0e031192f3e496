"""The error that an unexpected HTTP answer means. Pure.

The statuses are Gradio's (4.44 to 6.31, recorded): a full queue is 503, a
wrong login 400, a refused value 422, an unknown function 500. A server in
front of the app (for a Space that wakes up, or a proxy) answers with pages.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from providers import clean
from providers.errors import Busy, Changed, Crashed, Denied, Protocol, ProviderError, Rejected, Unreachable, Waking
from providers.gradio.untrusted_json import loads
from providers.huggingface import zerogpu

LOGIN_NEEDED = "the app needs a login: its configuration must have a user name and a password (login)"
WRONG_LOGIN = "the app refuses the user name or the password"
#: What asks for HTTP Basic stands in front of the app, in most cases: Gradio has a page of its own for its login.
BASIC_NEEDED = (
    "a server in front of the app wants a login by HTTP Basic: its configuration needs basic (or refuses this one)"
)

#: For good, by RFC 9110.
_MOVED = frozenset({301, 308})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PASSWORD_FIELD = re.compile(r"""<input\b[^>]{0,300}\btype\s*=\s*["']?password\b""", re.IGNORECASE)

#: Longest wait that is taken from a header, in seconds: any server in front of the app may send one. The wait for a GPU
#: quota, which can be a day, comes in the app's own text (:mod:`providers.huggingface.zerogpu`).
LONGEST_WAIT = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An unexpected answer.

    Args:
        content_type: In lower case, without parameters.
        body: Its beginning.
        retry_after: Seconds, from the header.
        hosted: Whether the app is a Hugging Face Space, where a page may mean that it wakes up.
        has_input: Whether the request brought something of the job. Only that can be refused.
        location: Where a redirect leads, as a whole address; empty if it is none, or leads nowhere.
        challenge: The way to log in that ``WWW-Authenticate`` names first, in lower case, such as ``basic``.
    """

    status: int
    content_type: str
    body: str
    retry_after: float | None = None
    hosted: bool = False
    has_input: bool = True
    location: str = ""
    challenge: str = ""

    @property
    def asks_basic(self) -> bool:
        """Whether a login by HTTP Basic is wanted."""
        return self.status == 401 and self.challenge == "basic"

    @property
    def is_page(self) -> bool:
        """Whether the answer is a web page."""
        return self.content_type == "text/html" or self.body[:200].lstrip().lower().startswith(("<!doctype", "<html"))

    @property
    def detail(self) -> str:
        """The text of a JSON answer: FastAPI's ``detail`` or Gradio's ``error``."""
        fields = self._json()
        if fields is None:
            return "" if self.is_page else clean.message(self.body, 200)
        found = fields.get("detail", fields.get("error")) if isinstance(fields, dict) else None
        if isinstance(found, list):
            found = "; ".join(filter(None, (_item(item) for item in found[:5])))
        if isinstance(found, dict):
            found = found.get("error") or found.get("message")
        return clean.message(found)

    def _json(self) -> object:
        try:
            return loads(self.body)
        except Protocol:
            return None

    def of_function(self) -> ProviderError:
        """The typed error of a blocking call, where 500 comes with the function's own error."""
        fields = self._json()
        if self.status == 500 and isinstance(fields, dict) and "error" in fields:
            error, title = fields["error"], fields.get("title")
            return zerogpu.classify(error if isinstance(error, str) else None, clean.text(title) or None)
        return self.error()

    def error(self) -> ProviderError:
        """The typed error."""
        if self.status in _REDIRECTS:
            return self._redirect()
        return self._client_error() or (self._page() if self.is_page else self._other())

    def _redirect(self) -> ProviderError:
        where = _shown(self.location)
        if not where:
            return Unreachable("the app has moved to another address; its configuration must have the new one")
        if self.status in _MOVED:
            return Changed(f"the app has moved to {where}: its configuration must have the new address")
        return Unreachable(
            f"the app sends everybody to {where}: if one signs in there, its configuration needs what opens the app"
            " (login, basic, token or headers); if it has moved, the new address"
        )

    def _client_error(self) -> ProviderError | None:
        match self.status:
            case 401:
                return Denied(self._unauthorised())
            case 403:
                return Denied(f"the app refuses access{_after(self.detail)}")
            case 404:
                return self._not_found()
            case 413 if self.has_input:
                return Rejected(self.detail or "the file is too large for the app")
            case 422 if self.has_input:
                return Rejected(f"the app refuses the input{_after(self.detail)}")
            case 429:
                return self._busy(f"too many requests to the app{_after(self.detail)}")
        return None

    def _unauthorised(self) -> str:
        match self.challenge:
            case "":
                return LOGIN_NEEDED
            case "basic":
                return BASIC_NEEDED
        way = clean.text(self.challenge, 20)
        return f"a server in front of the app wants a login ({way}): its configuration needs token or headers"

    def _not_found(self) -> ProviderError:
        if self.hosted:
            return Unreachable(
                "no Space answers here: it does not exist, is paused, or is private; then its configuration needs token"
            )
        # Gradio 4 to 6 with api_open=False, on a queued function.
        if "does not accept direct" in self.detail:
            return Changed(self.detail)
        return Unreachable(f"no Gradio app answers at this address{_after(self.detail)}")

    def _page(self) -> ProviderError:
        if self.hosted and (self.status < 300 or self.status >= 500):
            return Waking("the Space is asleep or starting: it answers with a web page", retry_after=self.retry_after)
        if self.status >= 500:
            return Unreachable(f"the app is not there: status {self.status} from a server in front of it")
        if _PASSWORD_FIELD.search(self.body):
            return Denied(
                "a sign-in page answers at this address: its configuration needs what opens the app (basic or headers)"
            )
        return Protocol("a web page answers at this address, not a Gradio app")

    def _other(self) -> ProviderError:
        if self.status == 503 and self.detail.startswith("Queue is full"):
            return self._busy(f"the app's queue is full: {self.detail}")
        if self.status in {502, 503, 504}:
            kind = Waking if self.hosted else Unreachable
            text = f"the app is not available: status {self.status}{_after(self.detail)}"
            return kind(text, retry_after=self.retry_after)
        if self.status >= 500:
            return Crashed(f"the app answered with status {self.status}")
        if self.status < 300:
            return Protocol(f"the app answered with {self.content_type or 'no content type'} instead of data")
        return Protocol(f"the app answered with status {self.status}{_after(self.detail)}")

    def _busy(self, text: str) -> Busy:
        return Busy(text, retry_after=self.retry_after or zerogpu.BUSY_WAIT)


def _shown(location: str) -> str:
    """An address without what may be secret in it; empty if it is none."""
    try:
        parts = urlsplit(location)
    except ValueError:
        return ""
    host = parts.netloc.rpartition("@")[2]
    return clean.text(f"{parts.scheme}://{host}{parts.path}", 200) if parts.scheme in {"http", "https"} and host else ""


def _item(item: object) -> str:
    """One fault that a validator (Gradio 5.45 and newer) or FastAPI found."""
    if not isinstance(item, dict):
        return ""
    name, text = item.get("parameter_name"), clean.message(item.get("message") or item.get("msg"), 200)
    return f"{clean.text(name, 60)}: {text}" if isinstance(name, str) and name else text


def _after(detail: str) -> str:
    return f": {detail}" if detail else ""
