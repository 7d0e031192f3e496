"""How a server offers to call a function on a stack of its own. It imports nothing: the server loads it before all else."""

from __future__ import annotations

from typing import Final

#: In the environment of a request: calls a function with its arguments, and gives what it gives or raises.
ON_OWN_STACK: Final = "darkroom.on_own_stack"
