"""The ``darkroom`` command.

Commands in :mod:`cli.commands.api` speak the public API and nothing else: any client could do the same from anywhere.
Those in :mod:`cli.commands.operator` are for the operator, on the machine where the service runs: they use its Redis,
its files and its processes directly. :mod:`cli.stack` runs the service as processes.
"""
