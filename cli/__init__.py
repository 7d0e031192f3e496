"""The ``darkroom`` command: starts the service, and talks to its public API."""
