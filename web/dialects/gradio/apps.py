"""The app that a path names: a model, as the first provider that is an app serves it, or a provider."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from providers.catalog import Catalog
from providers.discovery.signature import Function
from providers.errors import UnknownName
from web.dialects.gradio.signatures import driver_of, functions_of
from web.http.problems import Problem
from web.services import services


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """An app as it is served here.

    Args:
        name: As in the path.
        provider: The only provider of its jobs; None: any that serves the model.
        functions: What it can do.
    """

    name: str
    provider: str | None
    functions: tuple[Function, ...]

    def numbered(self, fn_index: int) -> Function:
        """The function of this number.

        Raises:
            Problem: 404: there is none.
        """
        for function in self.functions:
            if function.fn_index == fn_index:
                return function
        raise Problem("not_found", f"There is no function {fn_index} here; /config lists all.")

    def named(self, api_name: str) -> Function:
        """The function of this name.

        Raises:
            Problem: 404: there is none.
        """
        for function in self.functions:
            if function.api_name == api_name:
                return function
        known = ", ".join(f"/{function.api_name}" for function in self.functions)
        raise Problem("not_found", f"There is no function of this name here; there is {known}.")


def app_of(name: str) -> App:
    """The app of a path.

    Raises:
        Problem: 404: it is no model and no provider, or none that is a function of a Gradio app. 503: its app was never
            asked what it can do, and does not answer now.
    """
    live = services().live
    # Another process may have taken the file already that adds it.
    catalog = live.current if _knows(live.current, name) else live.fresh()
    face = next(iter(faces(catalog, name)), None)
    if face is not None:
        provider, exact = face
        functions = tuple(one for one in functions_of(catalog, provider) if one.model == exact)
        return _filled(App(name=name, provider=None, functions=functions))
    if name in catalog.names():
        return _filled(App(name=name, provider=name, functions=functions_of(catalog, name)))
    if not _knows(catalog, name):
        raise Problem("not_found", f"There is no model and no provider {name[:64]!r}; GET /v1/models lists all.")
    raise Problem("not_found", f"No provider of {name[:64]!r} is a Gradio app; use POST /v1/jobs for it.")


def _knows(catalog: Catalog, name: str) -> bool:
    return name in catalog.names() or any(spec.model(name) for spec in catalog.specs())


def faces(catalog: Catalog, model: str) -> Iterator[tuple[str, str]]:
    """The providers of a model that are apps and make it by one function, best first, each with its exact name. Asks nobody."""
    with suppress(UnknownName):
        for name, spec in catalog.choose(model).models.items():
            driver = driver_of(catalog, name)
            if driver is not None and len(driver.calls[spec.name]) == 1:
                yield name, spec.name


def _filled(app: App) -> App:
    if not app.functions:
        detail = f"The app of {app.name[:64]!r} has no function that is a job here; use POST /v1/jobs."
        raise Problem("not_found", detail)
    return app
