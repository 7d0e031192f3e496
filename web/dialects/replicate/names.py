"""The models of ours that Replicate's clients mean. Nothing is guessed: a name is one of ours, or it is refused."""

from __future__ import annotations

from web.http.problems import Problem
from web.services import services
from web.v1.permit import choose


def meant(owner: str, name: str, pointer: str = "") -> tuple[str, str | None]:
    """The model that OWNER/NAME means, and the only provider that may run it (None: any).

    A model whose whole name it is; else the Space of this id, with its default model; else the model called NAME, whatever
    the owner: who made a model elsewhere is not known here.

    Args:
        owner: What stands before the slash.
        name: What stands behind it.
        pointer: Where the request says so.

    Raises:
        Problem: 404: there is none.
    """
    full = f"{owner}/{name}"
    if _is_model(full):
        return full, None
    for spec in services().catalog.specs():
        if spec.space == full:
            return spec.default_model, spec.name
    return _one_of_ours(name, pointer), None


def by_version(version: str) -> tuple[str, str | None]:
    """The model that ``version`` of a prediction means: the id of its version, OWNER/NAME, or OWNER/NAME:ID.

    Raises:
        Problem: 404: there is none. A version of Replicate's own is none of ours.
    """
    name, _, pinned = version.partition(":")
    owner, slash, last = name.partition("/")
    if _is_model(name) or not slash:
        model, provider = _one_of_ours(name, "/version"), None
    else:
        model, provider = meant(owner, last, "/version")
    if pinned not in {"", model}:
        raise unknown_version(pinned, "/version")
    return model, provider


def unknown_version(version: str, pointer: str = "") -> Problem:
    """A refusal of a version that is none of ours."""
    detail = f"There is no version {version[:64]!r} of it here; leave the version out."
    return Problem("not_found", detail, errors=[(pointer, detail)] if pointer else ())


def _one_of_ours(name: str, pointer: str) -> str:
    try:
        # Another process may just have added it.
        choose(services(), name, None)
    except Problem as problem:
        raise problem.relocated({"/model": pointer}) from None
    return name


def _is_model(name: str) -> bool:
    return any(spec.model(name) is not None for spec in services().catalog.specs())
