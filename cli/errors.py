"""What can stand in the way of a command; each text says what to do about it."""

from __future__ import annotations


class CommandError(RuntimeError):
    """The root: shown as one line, and the command ends with 1."""


class CannotStart(CommandError):
    """The service cannot start as it is configured."""


class InUse(CommandError):
    """Another ``darkroom up`` has the data directory."""


class NoRedis(CommandError):
    """No Redis-compatible server can be started here."""


class Unreachable(CommandError):
    """No Darkroom answers at the address."""
