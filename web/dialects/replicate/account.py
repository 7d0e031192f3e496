"""What Replicate's clients can ask about an account: its name. There is no hardware to choose, and no collections."""

from __future__ import annotations

from typing import Annotated, Literal

from flask import Blueprint, Response

from jobs.resources.base import Resource, about
from web.http.operation import Operation, json_response, ok
from web.services import caller

blueprint = Blueprint("replicate_account", __name__)


class ReplicateAccount(Resource, frozen=True, kw_only=True):
    """The account of a key."""

    type: Literal["user"] = "user"
    username: Annotated[str, about("The id of the key.", example="key_01M7WPZC5T9V2H4N8Q1R6Y3XJD")]
    name: Annotated[str, about("The name of the key.", example="bot")]
    github_url: None = None


class EmptyPage(Resource, frozen=True, kw_only=True):
    """A list that is always empty."""

    results: Annotated[list[str], about("Nothing.", example=[])]
    next: None = None
    previous: None = None


@blueprint.get("/v1/account")
@Operation("replicateGetAccount", "Replicate", "read", answers=(ok("The account.", ReplicateAccount),))
def account() -> Response:
    """Get the account of your key."""
    key = caller().key
    return json_response(ReplicateAccount(username=caller().owner, name=caller().owner if key is None else key.name))


@blueprint.get("/v1/hardware")
@Operation("replicateListHardware", "Replicate", "read", answers=(ok("An empty list.", None),))
def hardware() -> Response:
    """List the hardware: there is none to choose."""
    return Response("[]", content_type="application/json")


@blueprint.get("/v1/collections")
@Operation("replicateListCollections", "Replicate", "read", answers=(ok("An empty list.", EmptyPage),))
def collections() -> Response:
    """List the collections of models: there are none."""
    return json_response(EmptyPage(results=[]))
