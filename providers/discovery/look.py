"""Looks at a live app: what it can do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable
from urllib.parse import urlsplit

from providers import config_file
from providers.base import Control
from providers.catalog import Catalog
from providers.config_values import space_id, web_url
from providers.discovery import toml
from providers.discovery.declared import DeclaredCall
from providers.discovery.functions import Description, describe
from providers.spec import ProviderSpec

#: Seconds for one look.
SECONDS: Final = 30.0
#: Name of an app that is no provider yet.
_NEW: Final = "new"


@runtime_checkable
class Describable(Protocol):
    """A driver whose app says what it can do: :class:`providers.gradio.driver.GradioDriver`."""

    spec: ProviderSpec

    @property
    def calls(self) -> Mapping[str, Sequence[DeclaredCall]]:
        """The functions that make each model's result, by its exact name."""
        ...

    @property
    def new_name(self) -> str | None:
        """The new name of its Space, if the Hub has told one."""
        ...

    def is_zerogpu(self, control: Control) -> bool:
        """Whether its Space runs on ZeroGPU, as far as the Hub tells."""
        ...

    def described(self, control: Control) -> tuple[object, object]:
        """``/config`` and ``/info`` of the app; None where it has no ``/info``.

        Raises:
            ProviderError: It does not answer.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An app that was looked at. ``place`` has the keys that say where it is and what opens it."""

    place: Mapping[str, object]
    description: Description
    zerogpu: bool = False

    @property
    def name(self) -> str:
        """What the app is called: its Space, its title, or nothing."""
        space = str(self.place.get("space", "")).rpartition("/")[2]
        return space or ("" if self.description.title in {"Gradio", ""} else self.description.title)


def place_of(target: str) -> dict[str, object]:
    """The key for an app that a person names: by its Space, its page on the Hub, or its address.

    Raises:
        ValueError: It is none of these.
    """
    target = target.strip()
    wanted = 'give owner/name, the address of its page on the Hub, or its own address, such as "http://127.0.0.1:7860"'
    try:
        return {"space": space_id(target)} if target else {}
    except ValueError:
        pass
    if not target.startswith(("http://", "https://")):
        raise ValueError(wanted)
    parts = urlsplit(target)
    return {"url": web_url(parts._replace(query="", fragment="").geturl())}


def look(place: Mapping[str, object], *, hub_url: str, control: Control) -> Seen:
    """Ask an app what it can do.

    Args:
        place: ``space`` or ``url``, and the keys of what opens it, as in the file.
        hub_url: Base address of the Hub.
        control: Ends it.

    Raises:
        ConfigError: A key is wrong.
        ProviderError: The app or the Hub does not answer, or it is no Gradio app.
    """
    # The driver that will call the app opens it. Which function it calls is not asked here.
    unnamed = {"driver": "space", **place, "api_name": "/unnamed", "models": [_NEW]}
    config = config_file.parse(toml.table(f"providers.{_NEW}", unnamed), source="the new provider")
    driver = Catalog.of(config, hub_url=hub_url).driver(_NEW)
    if not isinstance(driver, Describable):
        raise TypeError("the driver of Spaces cannot describe its app")
    description = describe(*driver.described(control))
    renamed = {"space": driver.new_name} if driver.new_name else {}
    return Seen(place={**place, **renamed}, description=description, zerogpu=driver.is_zerogpu(control))
