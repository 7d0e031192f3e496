"""Errors of upstreams.

    ProviderError
    ├── Quota         the account or the Space has no GPU time left
    ├── Busy          the upstream's queue is full, or no GPU is free
    ├── Unreachable   no connection, connection lost, server gone
    │   └── Waking    the Space is asleep or being built
    ├── Timeout       no message for too long, or the time budget is used up
    ├── Rejected      the upstream refuses this input or its content
    ├── Denied        the upstream refuses access
    ├── Crashed       the upstream's own code failed
    ├── Protocol      an answer that cannot be understood
    ├── Changed       the app no longer has the functions that the driver needs
    └── Canceled      we canceled the attempt

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

    retryable: ClassVar[bool] = False

    def __init__(self, detail: str = "", *, retry_after: float | None = None, title: str | None = None) -> None:
        self.detail = detail or (type(self).__doc__ or "").splitlines()[0]
        self.retry_after = retry_after
        self.title = title
        super().__init__(self.detail)


class Quota(ProviderError):
    """The GPU quota of this provider or token is used up."""

    retryable = True


class Busy(ProviderError):
    """The provider is busy: its queue is full or no GPU is free."""

    retryable = True


class Unreachable(ProviderError):
    """The provider cannot be reached, or the connection was lost."""

    retryable = True


class Waking(Unreachable):
    """The Space is asleep or starting."""


class Timeout(ProviderError):
    """The provider did not answer in time."""

    retryable = True


class Rejected(ProviderError):
    """The provider refuses this request.

    Args:
        content: True if the content was refused (safety filter), False if
            the input was invalid.
    """

    def __init__(
        self, detail: str = "", *, content: bool = False, retry_after: float | None = None, title: str | None = None
    ) -> None:
        super().__init__(detail, retry_after=retry_after, title=title)
        self.content = content


class Denied(ProviderError):
    """The provider refuses access: it needs a login, or forbids this request."""

    retryable = True


class Crashed(ProviderError):
    """The provider failed while it worked on the job."""

    retryable = True


class Protocol(ProviderError):
    """The provider gave an answer that cannot be understood."""

    retryable = True


class Changed(ProviderError):
    """The app behind this provider no longer has the expected functions."""

    retryable = True


class Canceled(ProviderError):
    """The attempt was canceled by us."""


class UnknownName(LookupError):
    """There is no such model or provider, or the provider does not serve the model; the text says which.

    Args:
        text: What is unknown, in words.
        field: The part of the request that names it.
    """

    def __init__(self, text: str, field: Literal["model", "provider"] = "provider") -> None:
        self.field = field
        super().__init__(text)
