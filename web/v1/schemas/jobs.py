"""The body of ``POST /v1/jobs``: what is wanted, before anything is known of models, callers or addresses. Pure."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, Meta, UnsetType, field

from jobs.model import Priority, Strategy
from web.http.validation import NO_CONTROLS, BodyReader, RequestBody
from web.v1.schemas.webhooks import JobWebhook

#: Seconds that the credentials of a waiting job are kept, and so the longest deadline.
LONGEST_DEADLINE: Final = 7 * 86_400
#: Seconds that a finished job is kept: 30 days at most, a day by default.
LONGEST_RETENTION: Final = 30 * 86_400
RETENTION: Final = 86_400
#: Longest credential, in characters.
CREDENTIAL_LIMIT: Final = 512

#: A name of a model or provider.
_Name = Annotated[str, Meta(min_length=1, max_length=128)]
_Token = Annotated[str, Meta(min_length=1, max_length=CREDENTIAL_LIMIT, pattern="^[!-~]+$")]


class JobCredentials(RequestBody, frozen=True, kw_only=True):
    """What you pay the provider with. Encrypted at rest, deleted when the job ends, never shown."""

    api_key: (
        Annotated[
            _Token,
            Meta(
                description="The provider's own key: a ZeroGPU token or a Hugging Face token.",
                extra_json_schema={"not": {"pattern": "^[ds]k_live_"}},
            ),
        ]
        | UnsetType
    ) = UNSET
    hf_token: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=CREDENTIAL_LIMIT,
                pattern="^hf_[!-~]+$",
                description="A Hugging Face token.",
            ),
        ]
        | UnsetType
    ) = UNSET
    zerogpu_uuid: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=128,
                pattern="^[ -~]+$",
                description="The session that a ZeroGPU token belongs to.",
            ),
        ]
        | UnsetType
    ) = UNSET
    cookies: (
        Annotated[
            dict[
                Annotated[str, Meta(max_length=128, pattern="^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")],
                Annotated[str, Meta(max_length=4096, pattern="^[!#-+\\--:<-\\[\\]-~]*$")],
            ],
            Meta(max_length=50, description="Cookies of the Hub, name to value."),
        ]
        | UnsetType
    ) = UNSET
    proxy: (
        Annotated[
            _Token,
            Meta(
                description="`http://[name:password@]host:port`, to reach the provider through. Refused unless the operator"
                " allows it and your key has the scope `proxy`."
            ),
        ]
        | UnsetType
    ) = UNSET

    def __repr__(self) -> str:
        """Without the secrets, so that none gets into a log."""
        return "JobCredentials(…)"


class JobRequest(RequestBody, frozen=True, kw_only=True):
    """A request for a job. What `input` may be depends on the model."""

    model: Annotated[_Name, Meta(description="What to run; GET /v1/models lists the models.")]
    input: Annotated[dict[str, Any], Meta(description="The model's parameters.")]
    provider: (
        Annotated[_Name, Meta(description="The only provider that may run it; without it the service chooses.")]
        | UnsetType
    ) = UNSET
    strategy: Annotated[
        Strategy,
        Meta(
            description="`failover`: another provider takes over where one fails. `single`: only the provider that takes it"
            " first, also when it is tried again. `hedge`: as `failover`, and where the provider takes longer than it nearly"
            " always does, the next one is asked as well; the first result counts."
        ),
    ] = "failover"
    priority: Annotated[Priority, Meta(description="How urgent it is among your own jobs.")] = Priority.NORMAL
    metadata: Annotated[
        dict[
            Annotated[str, Meta(min_length=1, max_length=64, pattern=NO_CONTROLS)],
            Annotated[str, Meta(max_length=512, pattern=NO_CONTROLS)],
        ],
        Meta(
            max_length=16,
            description="Texts of yours that come back with the job. `user` names your end user: queues are fair between"
            " users.",
        ),
    ] = field(default_factory=dict)
    webhook: Annotated[JobWebhook, Meta(description="Where to send the job's events.")] | UnsetType = UNSET
    deadline_seconds: (
        Annotated[
            float,
            Meta(
                gt=0,
                le=LONGEST_DEADLINE,
                description="The job must have its result by then, or it expires (waiting) or fails (running).",
            ),
        ]
        | UnsetType
    ) = UNSET
    retention_seconds: Annotated[
        int,
        Meta(ge=1, le=LONGEST_RETENTION, description="How long the finished job and its files are kept."),
    ] = RETENTION
    cache: Annotated[
        Literal["off", "allow"],
        Meta(
            description="`allow`: where an earlier job of yours with the same model, provider and input, its seed too,"
            " succeeded and is still kept, answer with what it made; nothing is generated. The job's `cache` says `hit` or"
            " `miss`."
        ),
    ] = "off"
    embed_recipe: (
        Annotated[
            bool,
            Meta(
                description="Whether image files say how they were made: prompt, parameters, provider. What holds where it"
                " is not given is for the operator to say; usually they do."
            ),
        ]
        | UnsetType
    ) = UNSET
    credentials: (
        Annotated[JobCredentials, Meta(description="What you pay the provider with; never shown.")] | UnsetType
    ) = UNSET


#: The document has it for each kind of input: see :func:`web.openapi.document.submissions`.
JOB_REQUEST: Final = BodyReader(
    JobRequest,
    name="Submission",
    words={"not": "must be the provider's own key, not one of this or another service"},
    examples={
        "small": {
            "summary": "An image, from the first provider that is free",
            "value": {"model": "flux-schnell", "input": {"prompt": "a lighthouse at dusk"}},
        },
        "full": {
            "summary": "An image from one provider, with every parameter given",
            "value": {
                "model": "flux-dev",
                "provider": "blackforestlabs-flux1-dev",
                "input": {
                    "prompt": "a lighthouse at dusk",
                    "aspect_ratio": "16:9",
                    "seed": 7,
                    "num_inference_steps": 28,
                },
                "priority": "high",
                "metadata": {"user": "discord-1234"},
                "webhook": {"url": "https://hooks.example.com/darkroom", "events": ["job.started", "job.succeeded"]},
                "cache": "allow",
                "embed_recipe": False,
                "deadline_seconds": 600,
                "retention_seconds": 86400,
            },
        },
        "hedge": {
            "summary": "An image soon: if a provider is slow, the next one is asked as well",
            "value": {"model": "flux-schnell", "input": {"prompt": "a lighthouse at dusk"}, "strategy": "hedge"},
        },
        "scripted": {
            "summary": "Without an upstream: the input says what happens",
            "value": {"model": "echo", "input": {"script": ["queue 3s", "progress 5", "preview", "image"]}},
        },
    },
)


def wanted_of(body: object) -> JobRequest:
    """What a body asks for.

    Args:
        body: As decoded by :mod:`web.http.json_body`.

    Raises:
        Problem: 422 with every fault of its shape.
    """
    return JOB_REQUEST.read(body)
