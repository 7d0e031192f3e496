"""From the name of an app to the table that adds it: look, choose, declare. Nothing is written."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from providers import clean
from providers.base import Control
from providers.config import ConfigError
from providers.discovery.declaration import CannotDeclare, declare, slug
from providers.discovery.functions import Function
from providers.discovery.guess import Candidate, candidates
from providers.discovery.look import Seen, look, place_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A provider that could be added.

    Args:
        version: Of the app's Gradio.
        candidates: The functions of the app, the likeliest first.
        function: The chosen one.
        remarks: How it was chosen, for people.
        text: The TOML of its table.
    """

    name: str
    version: str
    candidates: tuple[Candidate, ...]
    function: Function
    remarks: tuple[str, ...]
    text: str


def plan(
    app: str,
    *,
    function: str | None = None,
    name: str | None = None,
    keys: Mapping[str, object],
    known: Collection[str] = (),
    hub_url: str,
    control: Control,
) -> Plan:
    """Plan a provider for an app.

    Args:
        app: ``owner/name``, its page on the Hub, or its address.
        function: The function that is wanted; None takes the likeliest.
        name: The provider's; None takes the app's, or one with a number if a provider has that.
        keys: More keys of the table, such as ``token``.
        known: Names of the providers that there are.
        hub_url: Base address of the Hub.
        control: Ends it.

    Raises:
        ConfigError: A key or the app's name is wrong.
        CannotDeclare: The app has no such function, or it cannot be declared.
        ProviderError: The app or the Hub does not answer.
    """
    try:
        place = place_of(app)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    seen = look({**place, **keys}, hub_url=hub_url, control=control)
    found = candidates(seen.description)
    chosen = _chosen(seen, found, function)
    named = name or _free(slug(seen.name) or slug(chosen.endpoint.api_name or "") or _host(place), known)
    if not named or slug(named) != named:
        raise ConfigError(f"{named!r} is no name of a provider: give small letters, digits and dashes")
    where = place.get("space") or place.get("url")
    note = f"{where}, read on {dt.datetime.now(dt.UTC):%Y-%m-%d} from Gradio {seen.description.version}"
    declared = declare(chosen, named, seen.place, (clean.text(note, 300),), zerogpu=seen.zerogpu)
    return Plan(
        name=named,
        version=seen.description.version,
        candidates=found,
        function=chosen,
        remarks=tuple(_remarks(found, chosen, function)),
        text=declared.text,
    )


def _chosen(seen: Seen, found: tuple[Candidate, ...], wanted: str | None) -> Function:
    if wanted is not None:
        function = seen.description.find(wanted)
        if function is None:
            names = ", ".join(candidate.function.label for candidate in found) or "none"
            raise CannotDeclare(f"the app has no function {wanted}; it has {clean.text(names, 400)}")
        return function
    if not found:
        raise CannotDeclare("the app has no function that can be called by a name and gives something")
    return found[0].function


def _remarks(found: tuple[Candidate, ...], chosen: Function, wanted: str | None) -> Iterator[str]:
    if wanted is not None:
        return
    yield f"{chosen.label} was chosen: {found[0].why}."
    equals = [candidate.function.label for candidate in found[1:] if candidate.score == found[0].score]
    if equals:
        yield f"As much speaks for {clean.text(', '.join(equals), 300)}: name another one with --function."


def _free(name: str, known: Collection[str]) -> str:
    """The name, with a number if it is taken."""
    others = (f"{name}-{number}" for number in range(2, 1000))
    return name if name not in known else next(other for other in others if other not in known)


def _host(place: Mapping[str, object]) -> str:
    return slug(urlsplit(str(place.get("url", ""))).hostname or "")
