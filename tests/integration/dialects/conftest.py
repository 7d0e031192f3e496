"""The whole service, closed by keys, in front of real apps that paint and retouch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from tests.spaces import environments
from tests.spaces.launcher import Spaces
from tests.support.client_service import PAINTER, Service, opened

#: An app's function as a provider of a model of the same name.
_TABLE: Final = '[providers.{name}]\ndriver = "space"\nurl = "{url}"\nspace = "studio/{name}"\napi_name = "{function}"\nmodels = ["{name}"]\nparameters = {params}\n'
_PICTURE: Final = 'type = "image", required = true'
_RETOUCHING: Final = (
    ("retouch", f'{{ image = {{ {_PICTURE}, argument = "picture" }} }}'),
    ("mix", f'{{ base = {{ {_PICTURE} }}, mask = {{ type = "image" }} }}'),
    ("collage", '{ images = { type = "images", required = true, argument = "pictures" } }'),
    (
        "describe",
        f'{{ image = {{ {_PICTURE}, argument = "picture" }}, prompt = {{ argument = "question" }} }}\nkind = "text"',
    ),
)


@pytest.fixture(scope="module")
def service(spaces: Spaces, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    line = environments.TESTED[-1]
    painter, retoucher = spaces.start(line, "flux_schnell.py"), spaces.start(line, "retouch.py")
    tables = [
        f'[providers.{PAINTER}]\nurl = "{painter.url}"\nspace = ""\n',
        *(f'[models.{name}]\nproviders = ["{PAINTER}"]\n' for name in ("flux", "flux-schnell")),
        *(_TABLE.format(name=name, url=retoucher.url, function=name, params=params) for name, params in _RETOUCHING),
    ]
    with opened(tmp_path_factory.mktemp("dialects"), tables, painter, retoucher) as service:
        yield service
