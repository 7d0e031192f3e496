"""Apps that an admin adds, and what has drifted: what is asked, and how it is shown. Pure."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, UnsetType

from jobs.resources.base import ListOf, Resource, about
from web.http.validation import NO_CONTROLS, BodyReader, RequestBody

_Word = Annotated[str, Meta(min_length=1, max_length=300, pattern=NO_CONTROLS)]


class AppToAdd(RequestBody, frozen=True, kw_only=True):
    """An app, and how it is to be called here."""

    app: Annotated[_Word, about("`owner/name`, the address of its page on the Hub, or its own address.")]
    function: Annotated[_Word | UnsetType, about("Its function; the likeliest one if it is left out.")] = UNSET
    name: Annotated[
        Annotated[str, Meta(min_length=1, max_length=60, pattern="^[a-z0-9]+(-[a-z0-9]+)*$")] | UnsetType,
        about("The name of the provider and its model; the app's if it is left out."),
    ] = UNSET


APP_TO_ADD: Final = BodyReader(
    AppToAdd,
    examples={
        "space": {"summary": "A Space", "value": {"app": "black-forest-labs/FLUX.1-schnell"}},
        "address": {
            "summary": "An app of your own",
            "value": {"app": "http://192.168.1.5:7860", "function": "/infer", "name": "my-painter"},
        },
    },
)


class AppFunction(Resource, frozen=True, kw_only=True):
    """A function of an app."""

    name: Annotated[str, about("How it is called.", example="/infer")]
    inputs: Annotated[list[str], about("Its parameters, as far as the app tells their names.", example=["prompt"])]
    outputs: Annotated[list[str], about("The components of its outputs.", example=["image", "number"])]
    reasons: Annotated[list[str], about("What speaks for it.", example=["it takes a text named prompt"])]


class ProviderPlan(Resource, frozen=True, kw_only=True):
    """A provider as it would stand, or stands now, in the file of providers."""

    object: Literal["provider_plan"] = "provider_plan"
    name: Annotated[str, about("Of the provider and its model.", example="flux-1-schnell")]
    gradio: Annotated[str, about("The app's version of Gradio.", example="5.50.0")]
    function: Annotated[str, about("The function that is called.", example="/infer")]
    functions: Annotated[list[AppFunction], about("All that could be called, the likeliest first.")]
    remarks: Annotated[list[str], about("How it was chosen, for people.", example=["/infer was chosen: …"])]
    toml: Annotated[str, about("Its table.", example='[providers.flux-1-schnell]\ndriver = "space"\n')]
    added: Annotated[bool, about("Whether it was written.", example=False)]


class ProviderCheck(Resource, frozen=True, kw_only=True):
    """A provider's declaration beside its live app."""

    object: Literal["provider_check"] = "provider_check"
    provider: Annotated[str, about("Its name.", example="my-painter")]
    fits: Annotated[bool, about("Whether all is as declared.", example=False)]
    drift: Annotated[
        list[str],
        about(
            "What is different now.",
            example=["/infer no longer has the parameter 'steps'; it may be 'num_inference_steps' now"],
        ),
    ]
    failure: Annotated[str | UnsetType, about("Why it could not be compared.")] = UNSET


class ProviderCheckList(ListOf[ProviderCheck], frozen=True, kw_only=True):
    """All providers of the file, each compared with its live app."""

    problem: Annotated[
        str | UnsetType, about("Why the file of providers, as it is now, is not taken; absent if it is.")
    ] = UNSET
