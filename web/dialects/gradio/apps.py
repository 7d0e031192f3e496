"""The app that a path names: a model, as the first provider that is an app serves it, or a provider."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from providers.discovery.look import Describable
from providers.discovery.signature import Function
from providers.registry import BrokenDriver
from web.dialects.gradio.signatures import functions_of
from web.http.problems import Problem
from web.services import services
from web.v1.permit import choose


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
    found = services().live.current
    if any(name in model.names for spec in found.specs() for model in spec.models):
        for provider in faces(name):
            exact = found.spec(provider).model(name)
            of_model = tuple(one for one in functions_of(provider) if exact is not None and one.model == exact.name)
            return _with_functions(App(name=name, provider=None, functions=of_model))
    if name in found.names():
        return _with_functions(App(name=name, provider=name, functions=functions_of(name)))
    choose(services(), name, None)
    raise Problem("not_found", f"No provider of {name[:64]!r} is a Gradio app; use POST /v1/jobs for it.")


def faces(model: str) -> Iterator[str]:
    """The providers of a model that are apps and make it by one function, in the order of asking. Asks nobody."""
    catalog = services().live.current
    for name in choose(services(), model, None).providers:
        driver = _driver(name)
        exact = catalog.spec(name).model(model)
        if driver is not None and exact is not None and len(driver.calls[exact.name]) == 1:
            yield name


def _driver(name: str) -> Describable | None:
    try:
        driver = services().live.current.driver(name)
    except BrokenDriver:
        return None
    return driver if isinstance(driver, Describable) else None


def _with_functions(app: App) -> App:
    if not app.functions:
        detail = f"The app of {app.name[:64]!r} has no function that is a job here; use POST /v1/jobs."
        raise Problem("not_found", detail)
    return app
