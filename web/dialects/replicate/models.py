"""The models and their versions. The list is ``GET /v1/models`` of the native API, which serves all clients."""

from __future__ import annotations

from typing import Annotated, Final

from flask import Blueprint, Response, request

from jobs.resources.base import Resource, about
from providers.catalog import Model
from web.dialects.replicate.names import meant, unknown_version
from web.http.operation import Operation, json_response, ok
from web.services import links, services
from web.v1.schemas.replicate_models import ReplicateModel, ReplicateVersion, replicate_model, replicate_version

blueprint = Blueprint("replicate_models", __name__)

_PATH: Final = "/v1/models/<owner>/<name>"


class VersionList(Resource, frozen=True, kw_only=True):
    """The versions of a model: always one."""

    results: Annotated[list[ReplicateVersion], about("The version.")]
    next: None = None
    previous: None = None


class ModelPage(Resource, frozen=True, kw_only=True):
    """The models that a search finds."""

    results: Annotated[list[ReplicateModel], about("The models.")]
    next: None = None
    previous: None = None


@blueprint.get(_PATH)
@Operation("replicateGetModel", "Replicate", "read", answers=(ok("The model.", ReplicateModel),), errors=("not_found",))
def get(owner: str, name: str) -> Response:
    """Get a model of an owner.

    A model here answers to every owner.
    """
    return json_response(replicate_model(_model(owner, name), links().base))


@blueprint.get(f"{_PATH}/versions")
@Operation("replicateListVersions", "Replicate", "read", answers=(ok("One.", VersionList),), errors=("not_found",))
def versions(owner: str, name: str) -> Response:
    """List the versions of a model: there is one."""
    return json_response(VersionList(results=[replicate_version(_model(owner, name))]))


@blueprint.get(f"{_PATH}/versions/<path:version>")
@Operation(
    "replicateGetVersion", "Replicate", "read", answers=(ok("The version.", ReplicateVersion),), errors=("not_found",)
)
def version(owner: str, name: str, version: str) -> Response:
    """Get a version of a model, with the schema of its input and output."""
    found = _model(owner, name)
    if version != found.name:
        raise unknown_version(version)
    return json_response(replicate_version(found))


@blueprint.route("/v1/models", methods=["QUERY"])
@Operation("replicateSearchModels", "Replicate", "read", answers=(ok("The models.", ModelPage),))
def search() -> Response:
    """Search for models whose names have all words of the body, a plain text."""
    request.max_content_length = _LONGEST
    # The client for JavaScript sends a text of JSON.
    words = request.get_data(cache=False).decode(errors="replace").strip(' "').lower().split()
    found = [model for model in services().catalog.models() if all(word in model.name.lower() for word in words)]
    return json_response(ModelPage(results=[replicate_model(model, links().base) for model in found]))


_LONGEST: Final = 4096


def _model(owner: str, name: str) -> Model:
    wanted, _ = meant(owner, name)
    return next(model for model in services().catalog.models() if model.name == wanted)
