"""The bodies of requests for jobs, reruns and links, and the answers that are no job. Pure."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, Meta, UnsetType, field

from jobs.model import Priority, Strategy
from jobs.resources import examples
from jobs.resources.base import Resource, Time, Url, about
from jobs.resources.progress import WaitingMessage, WaitingReason, WaitingUntil
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
_ProviderKey = Annotated[_Token, Meta(extra_json_schema={"not": {"pattern": "^[ds]k_live_"}})]
_HubToken = Annotated[str, Meta(min_length=1, max_length=CREDENTIAL_LIMIT, pattern="^hf_[!-~]+$")]
_Session = Annotated[str, Meta(min_length=1, max_length=128, pattern="^[ -~]+$")]
_CookieName = Annotated[str, Meta(max_length=128, pattern="^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
_CookieValue = Annotated[str, Meta(max_length=4096, pattern="^[!#-+\\--:<-\\[\\]-~]*$")]
_Cookies = Annotated[dict[_CookieName, _CookieValue], Meta(max_length=50)]
_Label = Annotated[str, Meta(min_length=1, max_length=64, pattern=NO_CONTROLS)]
#: Texts of a client's own, by name.
Metadata = Annotated[dict[_Label, Annotated[str, Meta(max_length=512, pattern=NO_CONTROLS)]], Meta(max_length=16)]
_Deadline = Annotated[float, Meta(gt=0, le=LONGEST_DEADLINE)]
_Retention = Annotated[int, Meta(ge=1, le=LONGEST_RETENTION)]


class JobCredentials(RequestBody, frozen=True, kw_only=True):
    """What you pay the provider with. Encrypted at rest, deleted when the job ends, never shown."""

    api_key: Annotated[
        _ProviderKey | UnsetType, about("The provider's own key: a ZeroGPU token or a Hugging Face token.")
    ] = UNSET
    hf_token: Annotated[_HubToken | UnsetType, about("A Hugging Face token.")] = UNSET
    zerogpu_uuid: Annotated[_Session | UnsetType, about("The session that a ZeroGPU token belongs to.")] = UNSET
    cookies: Annotated[_Cookies | UnsetType, about("Cookies of the Hub, name to value.")] = UNSET
    proxy: Annotated[
        _Token | UnsetType,
        about(
            "`http://[name:password@]host:port`, to reach the provider through. Refused unless the operator allows it and"
            " your key has the scope `proxy`."
        ),
    ] = UNSET

    def __repr__(self) -> str:
        """Without the secrets, so that none gets into a log."""
        return "JobCredentials(…)"


class JobRequest(RequestBody, frozen=True, kw_only=True):
    """A request for a job. What `input` may be depends on the model."""

    model: Annotated[_Name, about("What to run; GET /v1/models lists the models.")]
    input: Annotated[dict[str, Any], about("The model's parameters.")]
    provider: Annotated[
        _Name | UnsetType, about("The only provider that may run it; without it the service chooses.")
    ] = UNSET
    strategy: Annotated[
        Strategy,
        about(
            "`failover`: another provider takes over where one fails. `single`: only the provider that takes it first, also"
            " when it is tried again. `hedge`: as `failover`, and where the provider takes longer than it nearly always"
            " does, the next one is asked as well; the first result counts."
        ),
    ] = "failover"
    priority: Annotated[Priority, about("How urgent it is among your own jobs.")] = Priority.NORMAL
    metadata: Annotated[
        Metadata,
        about("Texts of yours that come back with the job. `user` names your end user: queues are fair between users."),
    ] = field(default_factory=dict)
    webhook: Annotated[JobWebhook | UnsetType, about("Where to send the job's events.")] = UNSET
    deadline_seconds: Annotated[
        _Deadline | UnsetType,
        about("The job must have its result by then, or it expires (waiting) or fails (running)."),
    ] = UNSET
    retention_seconds: Annotated[_Retention, about("How long the finished job and its files are kept.")] = RETENTION
    cache: Annotated[
        Literal["off", "allow"],
        about(
            "`allow`: where an earlier job of yours with the same model, provider and input, its seed too, succeeded and is"
            " still kept, answer with what it made; nothing is generated. The job's `cache` says `hit` or `miss`."
        ),
    ] = "off"
    embed_recipe: Annotated[
        bool | UnsetType,
        about(
            "Whether image files say how they were made: prompt, parameters, provider. What holds where it is not given is"
            " for the operator to say; usually they do."
        ),
    ] = UNSET
    credentials: Annotated[JobCredentials | UnsetType, about("What you pay the provider with; never shown.")] = UNSET


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


class Rerun(RequestBody, frozen=True, kw_only=True):
    """A request to run a job once more."""

    input: Annotated[
        dict[str, Any],
        about(
            "Parameters that shall be different; `null` takes one out, so that its default holds (a seed is drawn anew)."
        ),
    ] = field(default_factory=dict)


RERUN: Final = BodyReader(
    Rerun,
    optional=True,
    examples={
        "same": {"summary": "The same once more", "value": {}},
        "other": {"summary": "With another seed, and the default size", "value": {"input": {"seed": 8, "width": None}}},
    },
)


class PlanResource(Resource, frozen=True, kw_only=True):
    """What would become of a submission (`dry_run`)."""

    object: Literal["plan"] = "plan"
    model: Annotated[str, about("As the submission said.", example="flux-schnell")]
    strategy: Annotated[Strategy, about("As the submission said.", example="failover")]
    provider: Annotated[
        str | UnsetType, about("The provider that would take it now; absent if none can.", example=examples.PROVIDER)
    ] = UNSET
    fallbacks: Annotated[
        list[str],
        about("The providers after it, in order: for a failure, and for a `hedge` that takes long.", example=[]),
    ]
    hedge_after_seconds: Annotated[
        float | UnsetType,
        about("Seconds after which the hedge starts: the p95 of the provider. Absent: there is no hedge."),
    ] = UNSET
    route: Annotated[list[str], about("The providers that may run it, in order.", example=[examples.PROVIDER])]
    input: Annotated[
        dict[str, Any], about("What would be used: defaults filled in, sizes rounded.", example=examples.INPUT)
    ]
    eta_seconds: Annotated[float | UnsetType, about("Estimated seconds until the result.", example=4.2)] = UNSET
    reason: WaitingReason | UnsetType = UNSET
    message: WaitingMessage | UnsetType = UNSET
    until: WaitingUntil | UnsetType = UNSET


#: Seconds that a link is good at most.
_LONGEST_LINK: Final = 7 * 86_400


class LinkWish(RequestBody, frozen=True, kw_only=True):
    """A request for a link."""

    expires_seconds: Annotated[
        int, Meta(ge=1, le=_LONGEST_LINK, description="How long the link is good; never longer than the job is kept.")
    ] = 3600


LINK_WISH: Final = BodyReader(
    LinkWish, optional=True, examples={"day": {"summary": "For a day", "value": {"expires_seconds": 86_400}}}
)


class LinkResource(Resource, frozen=True, kw_only=True):
    """An address that works without a key, for a while."""

    object: Literal["link"] = "link"
    url: Annotated[
        Url,
        about(
            "The address, with its signature.",
            example=f"{examples.JOB_URL}/image?sig=WyJsb2NhbCIsIi92MS9qb2JzLy4uLiJd.Q1c",
        ),
    ]
    expires_at: Annotated[Time, about("When it stops working.", example="2026-11-20T15:50:18.000Z")]
