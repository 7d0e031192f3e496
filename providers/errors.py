"""Errors of upstreams.

``retryable`` says whether the same job may succeed elsewhere or later, and
``retry_after`` when, if the upstream says so.
"""

from __future__ import annotations

from typing import ClassVar, Literal


class ProviderError(Exception):
    """An attempt ended without a result.

    Args:
        detail: What happened, for the user who submitted the job: plain text
            without markup and secrets. If it is empty, the first line of the
            class docstring is used.
        retry_after: Seconds until a new attempt on this provider makes sense.
        title: The upstream's own heading for the error, if it has one.
    """

    retryable: ClassVar[bool] = True

    def __init__(self, detail: str = "", *, retry_after: float | None = None, title: str | None = None) -> None:
        self.detail = str(detail) or str(type(self).__doc__ or type(self).__name__).partition("\n")[0]
        self.retry_after = retry_after
        self.title = title
        super().__init__(self.detail)


class Quota(ProviderError):
    """The GPU quota of this provider or token is used up."""


class Busy(ProviderError):
    """The provider is busy: its queue is full or no GPU is free."""


class Unreachable(ProviderError):
    """The provider cannot be reached, or the connection was lost."""


class Waking(Unreachable):
    """The Space is asleep or starting."""


class Timeout(ProviderError):
    """The provider did not answer in time."""


class Rejected(ProviderError):
    """The provider refuses this request.

    Args:
        content: True if the content was refused (safety filter), False if
            the input was invalid.
    """

    retryable = False

    def __init__(
        self, detail: str = "", *, content: bool = False, retry_after: float | None = None, title: str | None = None
    ) -> None:
        super().__init__(detail, retry_after=retry_after, title=title)
        self.content = content


class Denied(ProviderError):
    """The provider refuses access: it needs a login, or forbids this request."""


class Crashed(ProviderError):
    """The provider failed while it worked on the job."""


class Protocol(ProviderError):
    """The provider gave an answer that cannot be understood."""


class Changed(ProviderError):
    """The app behind this provider no longer has the expected functions."""


class Canceled(ProviderError):
    """The attempt was canceled by us."""


class UnknownName(LookupError):
    """There is no such model or provider, or the provider does not serve the model; the text says which.

    ``field`` is the part of the request that names it.
    """

    def __init__(self, text: str, field: Literal["model", "provider"] = "provider") -> None:
        self.field = field
        super().__init__(text)
