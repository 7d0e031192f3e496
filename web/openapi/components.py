"""JSON Schemas of what goes out, for the OpenAPI document; tests hold real answers against them."""

from __future__ import annotations

from typing import Any, Final, get_args

from jobs.model import Priority, Stage, Strategy, WaitReason
from web.schemas import STATUSES, Json
from web.streaming.sse import NAMES

TEXT: Final[Json] = {"type": "string"}
NUMBER: Final[Json] = {"type": "number"}
COUNT: Final[Json] = {"type": "integer", "minimum": 0}
FLAG: Final[Json] = {"type": "boolean"}
TIME: Final[Json] = {"type": "string", "format": "date-time"}
URL: Final[Json] = {"type": "string", "format": "uri"}
ANY: Final[Json] = {"type": "object", "additionalProperties": True}

BATCH_ID: Final[Json] = {"type": "string", "pattern": "^batch_[0-7][0-9A-HJKMNP-TV-Z]{25}$"}
KEY_ID: Final[Json] = {"type": "string", "pattern": "^key_[0-7][0-9A-HJKMNP-TV-Z]{25}$"}
DELIVERY_ID: Final[Json] = {"type": "string", "pattern": "^msg_[0-7][0-9A-HJKMNP-TV-Z]{25}$"}
FILE_ID: Final[Json] = {"type": "string", "pattern": "^file_[0-7][0-9A-HJKMNP-TV-Z]{25}$"}
JOB_ID: Final[Json] = {"type": "string", "pattern": "^job_[0-7][0-9A-HJKMNP-TV-Z]{25}$"}

#: Every ``error.code`` of a job.
JOB_CODES: Final = (
    "provider_quota", "provider_busy", "provider_unreachable", "provider_timeout", "provider_error",
    "provider_protocol", "provider_changed", "content_rejected", "invalid_input", "bad_output", "storage_error",
    "deadline_exceeded", "worker_lost", "internal",
)  # fmt: skip


def described(schema: Json, description: str, **more: Any) -> Json:  # noqa: ANN401 - any JSON
    """A schema with a description."""
    return {**schema, "description": description, **more}


def record(required: str, properties: Json, description: str = "") -> Json:
    """An object.

    Args:
        required: Names of properties that are always there, separated by blanks.
        properties: All properties.
        description: What it is.
    """
    found: Json = {"type": "object", "properties": properties, "required": required.split()}
    return {**found, "description": description} if description else found


def ref(name: str) -> Json:
    """A reference to another component."""
    return {"$ref": f"#/components/schemas/{name}"}


def listed(item: Json, **more: Json) -> Json:
    """A list of resources, as every list of the API is, and further properties."""
    return record(
        "object data has_more",
        {
            "object": {"const": "list"},
            "data": {"type": "array", "items": item},
            "has_more": described(FLAG, "Whether there is more."),
            "next_cursor": described(TEXT, "The `cursor` of the next part."),
            **more,
        },
    )


SCHEMAS: Final[dict[str, Json]] = {
    "Job": record(
        "id object status model strategy priority input outputs embed_recipe attempts metadata created_at retention_seconds urls",
        {
            "id": JOB_ID,
            "object": {"const": "job"},
            "status": {"enum": list(STATUSES)},
            "batch_id": described(BATCH_ID, "The batch that it was submitted with."),
            "retry_of": described(JOB_ID, "The job that it runs once more."),
            "model": TEXT,
            "provider": described(TEXT, "Who runs or ran it, or was asked for."),
            "strategy": described({"enum": list(get_args(Strategy))}, "Who else runs it; see the submission."),
            "priority": {"enum": [priority.value for priority in Priority]},
            "input": described(ANY, "What is really used: defaults filled in, sizes rounded."),
            "queue": ref("Queue"),
            "progress": ref("Progress"),
            "preview": ref("Preview"),
            "outputs": {"type": "array", "items": ref("Output")},
            "recipe": ref("Recipe"),
            "cache": described(
                {"enum": ["hit", "miss"]}, "Whether an earlier job's result answers it, where that was allowed."
            ),
            "embed_recipe": described(FLAG, "Whether image files hold the recipe too."),
            "error": ref("Failure"),
            "attempts": {"type": "array", "items": ref("Attempt")},
            "metadata": {"type": "object", "additionalProperties": TEXT},
            "has_credentials": described(FLAG, "It came with credentials; they are never shown."),
            "warnings": {"type": "array", "items": TEXT},
            "metrics": record(
                "total_seconds", {"queue_seconds": NUMBER, "run_seconds": NUMBER, "total_seconds": NUMBER}
            ),
            "created_at": TIME,
            "started_at": TIME,
            "finished_at": TIME,
            "cancel_requested_at": TIME,
            "deadline": TIME,
            "retention_seconds": COUNT,
            "expires_at": described(TIME, "When it and its files are deleted."),
            "urls": record("self events cancel image", {"self": URL, "events": URL, "cancel": URL, "image": URL}),
        },
        "One request and its life. What is absent is not there (yet).",
    ),
    "Plan": record(
        "object model strategy route fallbacks input",
        {
            "object": {"const": "plan"},
            "model": TEXT,
            "strategy": {"enum": list(get_args(Strategy))},
            "provider": described(TEXT, "Who would take it now; absent where nobody can."),
            "fallbacks": described(
                {"type": "array", "items": TEXT},
                "Who would be asked after it, in order: where it fails, and for a `hedge` where it takes long.",
            ),
            "hedge_after_seconds": described(
                NUMBER, "The provider's own p95: so long it may take before the hedge starts. Absent: there is none."
            ),
            "route": described({"type": "array", "items": TEXT}, "Who may run it, in order."),
            "input": described(ANY, "What would be used: defaults filled in, sizes rounded."),
            "eta_seconds": described(NUMBER, "Estimated seconds until the result."),
            "reason": described({"enum": list(get_args(WaitReason))}, "What it would wait for; absent: nothing."),
            "until": described(TIME, "When it could go on, where that is known."),
        },
        "What would become of a submission (`dry_run`).",
    ),
    "Batch": record(
        "id object status created_at total counts progress jobs urls",
        {
            "id": BATCH_ID,
            "object": {"const": "batch"},
            "status": described({"enum": ["active", "ended"]}, "`ended`: none of its jobs will change any more."),
            "created_at": TIME,
            "total": COUNT,
            "counts": record(" ".join(STATUSES), dict.fromkeys(STATUSES, COUNT), "How many jobs are in each state."),
            "progress": described({"type": "number", "minimum": 0, "maximum": 1}, "Of all jobs together."),
            "jobs": {
                "type": "array",
                "items": record("id status url", {"id": JOB_ID, "status": {"enum": list(STATUSES)}, "url": URL}),
            },
            "urls": record(
                "self jobs cancel",
                {"self": URL, "jobs": described(URL, "The list of its jobs, as any list of jobs."), "cancel": URL},
            ),
        },
        "Jobs that were submitted together. Deleted ones count with their last state.",
    ),
    "JobOrPlan": {"oneOf": [ref("Job"), ref("Plan")]},
    "Queue": record(
        "reason",
        {
            "position": described(
                {"type": "integer", "minimum": 1},
                "1 is the next to run. With `key_limit` only the jobs count that share the limit.",
            ),
            "eta_seconds": described(NUMBER, "Estimated seconds until the result."),
            "reason": {"enum": list(get_args(WaitReason))},
            "until": described(TIME, "When it can go on, where that is known."),
            "upstream": record(
                "",
                {"rank": described(COUNT, "0 is the next there."), "size": COUNT, "eta_seconds": NUMBER},
                "The provider's own queue.",
            ),
        },
        "What the job waits for.",
    ),
    "Progress": record(
        "stage",
        {
            "fraction": {"type": "number", "minimum": 0, "maximum": 1},
            "step": COUNT,
            "total": COUNT,
            "stage": {"enum": list(get_args(Stage))},
            "message": TEXT,
        },
    ),
    "Preview": record("url index updated_at", {"url": URL, "index": COUNT, "updated_at": TIME}),
    "Output": record(
        "index kind url",
        {
            "index": COUNT,
            "kind": {"enum": ["image", "text"]},
            "url": URL,
            "content_type": TEXT,
            "width": COUNT,
            "height": COUNT,
            "bytes": COUNT,
            "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
            "seed": described({"type": "integer"}, "The seed that was really used."),
            "text": TEXT,
            "expires_at": TIME,
        },
    ),
    "Recipe": record(
        "model input job_id created_at darkroom",
        {
            "model": described(TEXT, "The provider's exact name for the model."),
            "provider": TEXT,
            "space": described(TEXT, "Its Space on the Hub."),
            "url": described(URL, "Its address, where that is a public https one."),
            "revision": described(TEXT, "The Space's commit, as the last probe found it."),
            "input": described(ANY, "What was really used, with the seed that was really used."),
            "job_id": described(JOB_ID, "The job that ran it."),
            "created_at": described(TIME, "When that job was submitted."),
            "darkroom": described(TEXT, "The version of Darkroom."),
        },
        "How the outputs were made, once there are some. `model`, `provider` and `input` are a submission that makes"
        " them again.",
    ),
    "Failure": record(
        "code detail retryable",
        {
            "code": {"enum": list(JOB_CODES)},
            "detail": TEXT,
            "retryable": described(FLAG, "Whether the same job may succeed later or elsewhere."),
            "provider": TEXT,
            "retry_after": described(NUMBER, "Seconds until the provider takes jobs again, as it says."),
        },
    ),
    "Attempt": record(
        "n provider started_at",
        {
            "n": {"type": "integer", "minimum": 1},
            "provider": TEXT,
            "hedge": described(FLAG, "`true`: it was started beside the attempt before it, which took long."),
            "started_at": TIME,
            "ended_at": TIME,
            "outcome": {"enum": ["succeeded", "failed", "canceled", "handed_back", "lost"]},
            "error": ref("Failure"),
            "notes": described({"type": "array", "items": TEXT}, "What became of its submissions at the provider."),
        },
        "One run of the job on one provider.",
    ),
    "JobList": listed(ref("Job")),
    "Event": record(
        "id event at data",
        {
            "id": TEXT,
            "event": {"enum": [name for name in NAMES if name not in {"snapshot", "end"}]},
            "at": TIME,
            "data": ANY,
        },
    ),
    "EventLog": listed(ref("Event")),
    "EventStream": record(
        "data",
        {
            "event": described({"enum": list(NAMES)}, "What the message says."),
            "id": described(TEXT, "Where to go on from (`Last-Event-ID`)."),
            "data": {"type": "string", "contentMediaType": "application/json"},
            "retry": COUNT,
        },
        "One message of the stream. `event` is one of:\n\n"
        + "\n".join(f"- `{name}`: {text}" for name, text in NAMES.items()),
    ),
}

#: A job in an admin's list.
SCHEMAS["AdminJob"] = {
    **SCHEMAS["Job"],
    "properties": {**SCHEMAS["Job"]["properties"], "owner": described(TEXT, "The id of its owner's key, or `local`.")},
    "required": [*SCHEMAS["Job"]["required"], "owner"],
}
SCHEMAS["AdminJobList"] = listed(ref("AdminJob"))
