"""For admins: make, list, change, rotate and revoke API keys."""

from __future__ import annotations

from collections.abc import Collection
from typing import NoReturn

from flask import Blueprint, Response, request
from msgspec import UnsetType

from jobs.access.api_keys import SCOPES, ApiKey, Scope
from web.http.operation import Answer, Operation, json_response, ok, only, whole_number
from web.http.problems import Problem
from web.http.reply import NO_STORE
from web.http.validation import or_none
from web.services import caller, links, services
from web.v1.lists import CURSOR, LIMIT, listing, place_of
from web.v1.schemas.admin_keys import (
    KEY_CHANGE,
    KEY_ROTATION,
    NEW_KEY,
    KeyList,
    KeyResource,
    ShownKeyResource,
    key_resource,
    shown_key_resource,
)

blueprint = Blueprint("admin_keys", __name__)


@blueprint.get("/admin/keys")
@Operation(
    "adminListKeys",
    "Admin",
    "admin",
    parameters=(LIMIT, CURSOR),
    answers=(ok("The keys, oldest first, with the revoked ones.", KeyList, ("Link",)),),
    errors=("invalid_input",),
)
def list_keys() -> Response:
    """List the keys, without the keys themselves."""
    parameters = only(request, "limit", "cursor")
    limit = whole_number(parameters, "limit", 20, 1, LIMIT.schema["maximum"])
    found, reader = services(), f"{caller().owner}/keys"
    records, following = found.keys.page(cursor=place_of(parameters, reader), limit=limit)
    now = found.connection.now()
    data = [key_resource(record, now) for record in records]
    answer = listing(KeyList(data=data, has_more=following is not None), following, parameters, reader)
    answer.headers.update(NO_STORE)
    return answer


@blueprint.post("/admin/keys")
@Operation(
    "adminMakeKey",
    "Admin",
    "admin",
    body=NEW_KEY,
    answers=(ok("The key. It is shown this once.", ShownKeyResource, ("Location",), status=201),),
    errors=("invalid_input",),
)
def make_key() -> Response:
    """Make a key.

    The answer shows the key itself in `key`, this once. After the first key was made, every request needs a key. If you
    name no scopes, the first key gets `submit`, `read` and `admin`, and later ones get `submit` and `read`.
    """
    wanted = NEW_KEY.of(request)
    limits = {name: limit for name, limit in wanted.limits.items() if limit is not None}
    found = services()
    record, key = found.keys.create(wanted.name, _ordered(wanted.scopes), limits, by=caller().owner)
    found.gate.forget()
    return json_response(
        shown_key_resource(record, key, services().connection.now()),
        201,
        {**NO_STORE, "Location": links().key(record.id)},
    )


@blueprint.get("/admin/keys/<key:key_id>")
@Operation(
    "adminGetKey", "Admin", "admin", answers=(ok("The key.", KeyResource),), errors=("not_found", "gone", "invalid_input")
)  # fmt: skip
def get_key(key_id: str) -> Response:
    """Get a valid key, without the key itself. The list has revoked keys as well."""
    only(request)
    record = _record(key_id)
    if record.revoked_at is not None:
        _refuse(key_id)
    return json_response(key_resource(record, services().connection.now()), headers=NO_STORE)


@blueprint.patch("/admin/keys/<key:key_id>")
@Operation(
    "adminChangeKey",
    "Admin",
    "admin",
    body=KEY_CHANGE,
    answers=(ok("The changed key.", KeyResource),),
    errors=("not_found", "gone", "invalid_input"),
)
def change_key(key_id: str) -> Response:
    """Change a key's name, scopes or limits.

    Fields that you leave out keep their value. Limits on waiting and running jobs apply at once. Other changes apply at
    once in this web process, and within two seconds in others.
    """
    change = KEY_CHANGE.of(request)
    found = services()
    record = found.keys.change(
        key_id, name=or_none(change.name), scopes=_ordered(change.scopes), limits=change.limits, by=caller().owner
    )
    found.gate.forget()
    return json_response(key_resource(record or _refuse(key_id), services().connection.now()), headers=NO_STORE)


@blueprint.post("/admin/keys/<key:key_id>/rotate")
@Operation(
    "adminRotateKey",
    "Admin",
    "admin",
    body=KEY_ROTATION,
    answers=(ok("The new key. It is shown only here.", ShownKeyResource),),
    errors=("not_found", "gone", "invalid_input"),
)
def rotate_key(key_id: str) -> Response:
    """Replace the secret of a key.

    Its jobs, scopes and limits stay. The old secret works for `overlap_seconds`, so that clients have time to change.
    0 ends it at once, in other web processes within two seconds.
    """
    wanted = KEY_ROTATION.of(request)
    found = services()
    made = found.keys.rotate(key_id, wanted.overlap_seconds, by=caller().owner)
    found.gate.forget()
    return json_response(shown_key_resource(*(made or _refuse(key_id)), services().connection.now()), headers=NO_STORE)


@blueprint.delete("/admin/keys/<key:key_id>")
@Operation("adminRevokeKey", "Admin", "admin", answers=(Answer(204, "The key is revoked."),), errors=("not_found",))
def revoke_key(key_id: str) -> Response:
    """Revoke a key at once.

    It ends at once in this web process, and within two seconds in others; its open event streams and the links that it
    made end too. Revoking it again does nothing. Its jobs continue, and no other key can see them. Requests need a key even when none is left.
    """
    found = services()
    if not found.keys.revoke(key_id, by=caller().owner):
        _record(key_id)
    found.gate.forget()
    return Response(status=204)


def _record(key_id: str) -> ApiKey:
    record = services().keys.get(key_id)
    if record is None:
        raise Problem("not_found", "There is no key with this id; GET /v1/admin/keys lists them.")
    return record


def _refuse(key_id: str) -> NoReturn:
    """Raise the 404 or 410 for a key that cannot be changed."""
    _record(key_id)
    raise Problem("gone", "The key was revoked; make another one.")


def _ordered(scopes: Collection[Scope] | UnsetType) -> tuple[Scope, ...] | None:
    """Scopes in their usual order; None if none were given."""
    return None if isinstance(scopes, UnsetType) else tuple(scope for scope in SCOPES if scope in scopes)
