"""supervisord, which starts its programs at once: ``python -m cli.stack.supervisord``.

supervisord 4.3 first waits for news of its programs, for a second, and there are none yet. Then it starts the first one.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from supervisor import supervisord
from supervisor.medusa import asyncore_25
from supervisor.options import ServerOptions
from supervisor.states import SupervisorStates


class Supervisor(supervisord.Supervisor):  # type: ignore[misc]
    """Supervises as its base does."""

    def runforever(self) -> None:
        """Start what is to run, in order, as each turn of the base's loop ends; then go on in that loop."""
        for group in sorted(self.process_groups.values()):
            group.transition()
        super().runforever()


def main() -> None:
    """Run until a signal ends it, as supervisord's own ``main``; SIGHUP starts all anew."""
    is_first = True
    while True:
        options: Any = ServerOptions()
        options.realize(doc=supervisord.__doc__)
        options.first, options.test = is_first, False
        with suppress(asyncore_25.ExitNow):
            Supervisor(options).main()
        options.close_httpservers()
        options.close_logger()
        if options.mood < SupervisorStates.RESTARTING:
            return
        is_first = False


if __name__ == "__main__":
    main()
