"""A request for a job: what its body may be, and what becomes of it. Strict: nothing is coerced, nothing ignored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, get_args

from jsonschema_rs import Draft202012Validator, ValidationError

from jobs.model import Priority, Strategy, Webhook
from jobs.service import Submission
from providers.catalog import Catalog, UnknownName
from providers.inputs.faults import escape
from providers.inputs.validate import InvalidInput
from web.http.problems import Problem, invalid, invalid_all
from web.schemas import Json
from web.v1.schemas.input_images import Pictures
from web.v1.schemas.webhooks import WISH

#: Seconds that the credentials of a waiting job are kept, and so the longest deadline.
LONGEST_DEADLINE: Final = 7 * 86_400
#: Seconds that a finished job is kept: at most 30 days, and a day where nothing was said.
LONGEST_RETENTION: Final = 30 * 86_400
RETENTION: Final = 86_400
#: Longest credential, in characters.
CREDENTIAL_LIMIT: Final = 512
_PROBLEMS_LIMIT: Final = 20

_PRINTABLE: Final = "^[!-~]+$"
#: No control characters.
_SHOWN: Final = "^[^\\x00-\\x1f\\x7f]*$"
_TOKEN: Final[Json] = {"type": "string", "minLength": 1, "maxLength": CREDENTIAL_LIMIT, "pattern": _PRINTABLE}

#: The body of ``POST /v1/jobs``. What ``input`` may be depends on the model.
SCHEMA: Final[Json] = {
    "type": "object",
    "properties": {
        "model": {
            "type": "string",
            "minLength": 1,
            "maxLength": 128,
            "description": "What to run; GET /v1/models lists what there is.",
        },
        "input": {"type": "object", "description": "The model's parameters."},
        "provider": {
            "type": "string",
            "minLength": 1,
            "maxLength": 128,
            "description": "The only provider that may run it; without it the service chooses.",
        },
        "strategy": {
            "enum": list(get_args(Strategy)),
            "default": "failover",
            "description": "`failover`: another provider takes over where one fails. `single`: only the provider that takes it"
            " first, also when it is tried again. `hedge`: as `failover`, and where the provider takes longer than it nearly"
            " always does, the next one is asked as well; the first result counts.",
        },
        "priority": {
            "enum": [priority.value for priority in Priority],
            "default": "normal",
            "description": "How urgent it is among your own jobs.",
        },
        "metadata": {
            "type": "object",
            "maxProperties": 16,
            "propertyNames": {"minLength": 1, "maxLength": 64, "pattern": _SHOWN},
            "additionalProperties": {"type": "string", "maxLength": 512, "pattern": _SHOWN},
            "description": "Texts of yours that come back with the job. `user` names your end user: queues are fair between users.",
        },
        "webhook": WISH,
        "deadline_seconds": {
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": LONGEST_DEADLINE,
            "description": "The job must have its result by then, or it expires (waiting) or fails (running).",
        },
        "retention_seconds": {
            "type": "integer",
            "minimum": 1,
            "maximum": LONGEST_RETENTION,
            "default": RETENTION,
            "description": "How long the finished job and its files are kept.",
        },
        "cache": {
            "enum": ["off", "allow"],
            "default": "off",
            "description": "`allow`: where an earlier job of yours with the same model, provider and input, its seed too,"
            " succeeded and is still kept, answer with what it made; nothing is generated. The job's `cache` says `hit` or"
            " `miss`.",
        },
        "embed_recipe": {
            "type": "boolean",
            "description": "Whether image files say how they were made: prompt, parameters, provider. What holds where it"
            " is not given is for the operator to say; usually they do.",
        },
        "credentials": {
            "type": "object",
            "additionalProperties": False,
            "description": "What you pay the provider with. Encrypted at rest, deleted when the job ends, never shown.",
            "properties": {
                "api_key": {
                    **_TOKEN,
                    "not": {"pattern": "^[ds]k_live_"},
                    "description": "The provider's own key: a ZeroGPU token or a Hugging Face token.",
                },
                "hf_token": {**_TOKEN, "pattern": "^hf_[!-~]+$", "description": "A Hugging Face token."},
                "zerogpu_uuid": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 128,
                    "pattern": "^[ -~]+$",
                    "description": "The session that a ZeroGPU token belongs to.",
                },
                "cookies": {
                    "type": "object",
                    "maxProperties": 50,
                    "propertyNames": {"pattern": "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$", "maxLength": 128},
                    "additionalProperties": {
                        "type": "string",
                        "maxLength": 4096,
                        "pattern": "^[!#-+\\--:<-\\[\\]-~]*$",
                    },
                    "description": "Cookies of the Hub, name to value.",
                },
                "proxy": {
                    **_TOKEN,
                    "description": "`http://[name:password@]host:port`, to reach the provider through. Refused unless"
                    " the operator allows it and your key has the scope `proxy`.",
                },
            },
        },
    },
    "required": ["model", "input"],
    "additionalProperties": False,
}

#: Said of a job that asks for a hedge where nobody is there to be one.
ALONE: Final = "There is no second provider for this request: `hedge` does nothing here."

_TYPES: Final = {
    "string": "a text",
    "object": "an object",
    "array": "a list",
    "boolean": "true or false",
    "null": "null",
    "integer": "a whole number, written without a point",
    "number": "a number",
}

_FAULTS: Final = {
    "minLength": "must not be empty",
    "minItems": "must not be empty",
    "minProperties": "must not be empty",
    "uniqueItems": "names one of them twice",
    "propertyNames": "has a name that is empty, too long, or has characters that it cannot have",
    "not": "is a key of this or another service, not of the provider",
}

_validator: Final = Draft202012Validator(SCHEMA)


def parse(
    body: object,
    owner: str,
    catalog: Catalog,
    pictures: Pictures,
    accept: Callable[[Json], Webhook] | None = None,
    proxy: Callable[[str], None] | None = None,
) -> Submission:
    """Check a body and make it a submission.

    Args:
        body: As decoded by :mod:`web.http.json_body`.
        owner: Whose job it will be.
        catalog: Models and providers.
        pictures: Reads those of this request.
        accept: Makes a webhook of what fits :data:`web.v1.schemas.webhooks.WISH`; without it none may be given.
        proxy: Refuses a proxy that may not be used; without it none may be given.

    Raises:
        Problem: 403 for a proxy without its scope, 404 for an unknown model or provider, 422 with every fault found, 503 where nobody serves the model.
    """
    body = check(_validator, body)
    model, provider = body["model"], body.get("provider")
    try:
        chosen = catalog.choose(model, provider)
        names = chosen.images
        given = pictures.by_id(body["input"], names)
        admission = chosen.admit(given)
    except UnknownName as error:
        raise Problem("not_found", f"{error}.", errors=[(f"/{error.field}", str(error))]) from None
    except InvalidInput as refused:
        raise invalid_all([(f"/input{fault.pointer}", fault.detail) for fault in refused.faults]) from None
    if not admission.providers:
        raise Problem("model_unavailable", f"Every provider of {model} is switched off.", headers={"Retry-After": "60"})
    given, contents = pictures.by_hash(given, names)
    used, _ = pictures.by_hash(admission.inputs[admission.providers[0]], names)
    return Submission(
        owner=owner,
        model=model,
        route=admission.providers,
        given=given,
        input=used,
        pictures=contents,
        provider=provider,
        strategy=body.get("strategy", "failover"),
        priority=Priority(body.get("priority", Priority.NORMAL)),
        metadata=body.get("metadata", {}),
        deadline_seconds=body.get("deadline_seconds"),
        retention_seconds=body.get("retention_seconds", RETENTION),
        embed_recipe=body.get("embed_recipe"),
        cache=body.get("cache", "off"),
        credentials=_credentials(body.get("credentials", {}), proxy),
        webhook=_webhook(body.get("webhook"), accept),
        warnings=(ALONE,) if body.get("strategy") == "hedge" and len(admission.providers) == 1 else (),
    )


def _webhook(wish: Json | None, accept: Callable[[Json], Webhook] | None) -> Webhook | None:
    if wish is None:
        return None
    if accept is None:
        raise invalid("/webhook", "cannot be given here")
    return accept(wish)


def check(validator: Draft202012Validator, body: object) -> Json:
    """A body that fits its schema, which asks for an object.

    Raises:
        Problem: 422 with the faults.
    """
    problems = [place for error in validator.iter_errors(body) for place in _explain(error)]
    if problems or not isinstance(body, dict):
        raise invalid_all(problems[:_PROBLEMS_LIMIT])
    return body


def _explain(error: ValidationError) -> Iterator[tuple[str, str]]:
    """One fault in words; never with the value itself, which may be a secret."""
    pointer = "".join(f"/{escape(part)}" for part in error.instance_path)
    kind: Any = error.kind  # jsonschema-rs has one class for each kind, and types only their base
    match kind.name:
        case "additionalProperties":
            for name in kind.unexpected:
                yield f"{pointer}/{escape(name)}", "is not known here; take it out"
        case "required":
            yield f"{pointer}/{escape(kind.property)}", "is missing"
        case _:
            yield pointer, _wanted(kind)


def _wanted(kind: Any) -> str:  # noqa: ANN401 - see _explain
    match kind.name:
        case "type":
            return f"must be {' or '.join(_TYPES[name] for name in kind.types)}"
        case "enum":
            return f"must be one of {', '.join(kind.options)}"
        case "maxLength":
            return f"is longer than {kind.limit} characters; shorten it"
        case "maxProperties":
            return f"has more than {kind.limit} entries"
        case "exclusiveMinimum":
            return f"must be more than {kind.limit}"
        case "minimum" | "maximum":
            return f"must be at {'least' if kind.name == 'minimum' else 'most'} {kind.limit}"
        case name:
            return _FAULTS.get(name, "has characters that it cannot have")


def _credentials(given: Json, proxy: Callable[[str], None] | None) -> dict[str, str]:
    """As the vault keeps them: cookies become the text of one header."""
    if "proxy" in given:
        if proxy is None:
            raise invalid("/credentials/proxy", "cannot be given here")
        proxy(given["proxy"])
    found: dict[str, str] = {name: value for name, value in given.items() if name != "cookies"}
    if cookies := given.get("cookies"):
        found["cookies"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
    return found
