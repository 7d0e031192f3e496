"""One attempt from the command line, cut short."""

from __future__ import annotations

import pytest

from providers.command_line.run import PreparedRun, run
from providers.events import Checkpoint, ProviderEvent, Started
from providers.spec import ProviderRequest
from providers.testing import ScriptedDriver


def test_an_interrupt_cancels_what_was_sent() -> None:
    driver = ScriptedDriver([Checkpoint({"phase": "posted"}), Started(), Started()])
    request = ProviderRequest(model="scripted", input={"prompt": "a"})
    wanted = PreparedRun(provider="scripted", driver=driver, request=request)

    def press_ctrl_c(event: ProviderEvent) -> None:
        if isinstance(event, Started):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(wanted, press_ctrl_c)
    assert driver.abandoned == [{"phase": "posted"}]
