"""An app that has told what its functions are."""

from __future__ import annotations

import pytest

from tests.support import gradio_apps
from web.services import Services


@pytest.fixture
def known(services: Services) -> None:
    gradio_apps.know(services)
