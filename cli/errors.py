"""Errors of commands. Each text says what to do about it."""

from __future__ import annotations


class CommandError(RuntimeError):
    """The root. It is shown as one line, and the command exits with 1."""


class CannotStart(CommandError):
    """The service cannot start as it is configured."""


class InUse(CommandError):
    """Another ``darkroom up`` uses the data directory."""


class NoRedis(CommandError):
    """No Redis-compatible server can be started here."""


class ServiceUnreachable(CommandError):
    """The service does not answer."""
