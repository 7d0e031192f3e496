"""The bodies of requests, and the answers that are more than a list."""

from __future__ import annotations

from typing import Annotated, Any, Final

from msgspec import UNSET, Meta, UnsetType, field

from jobs.resources.base import Resource, about
from web.dialects.bodies import DialectBody
from web.http.validation import NO_CONTROLS, BodyReader

#: Most pictures of one request: ``batch_size`` times ``n_iter``.
MOST_PICTURES: Final = 10

_Some = Annotated[int, Meta(ge=1, le=MOST_PICTURES)]
_Task = Annotated[str, Meta(max_length=128, pattern=NO_CONTROLS)]


class TextToImage(DialectBody, frozen=True, kw_only=True):
    """A request for pictures. Any other field of the web UI is accepted, and has no effect."""

    prompt: Annotated[str, about("What to show.", example="a lighthouse at dusk")] = ""
    negative_prompt: Annotated[str, about("What not to show, where the model takes it.")] = ""
    seed: Annotated[int, about("-1: any. The other pictures of a request get the next ones.")] = -1
    steps: Annotated[int | UnsetType, about("Has no effect where the model does not take this number.")] = UNSET
    cfg_scale: Annotated[float | UnsetType, about("Likewise.")] = UNSET
    width: Annotated[int | UnsetType, about("In pixels.")] = UNSET
    height: Annotated[int | UnsetType, about("In pixels.")] = UNSET
    batch_size: Annotated[_Some, about("How many pictures, `n_iter` times: each is a job.")] = 1
    n_iter: Annotated[_Some, about("See `batch_size`.")] = 1
    override_settings: Annotated[
        dict[str, Any], about("`sd_model_checkpoint` names the model; the rest has no effect.")
    ] = field(default_factory=dict)
    model: Annotated[str, about("The model, as clients of stable-diffusion.cpp name it.")] = ""
    send_images: Annotated[bool, about("`false`: the answer has no pictures; the job has them.")] = True
    force_task_id: Annotated[_Task | UnsetType, about("A name for the request, to ask for its progress by.")] = UNSET


class ImageToImage(TextToImage, frozen=True, kw_only=True):
    """A request for pictures made from pictures."""

    init_images: Annotated[list[str], about("In base64, as `data:` URIs, or their addresses.")] = field(
        default_factory=list
    )
    mask: Annotated[str, about("Where the picture may change.")] = ""
    denoising_strength: Annotated[float | UnsetType, about("How much may change, where the model takes it.")] = UNSET


#: The fields that are numbers; the web UI takes them as texts as well, and some programs rely on it.
NUMBERS: Final = ("seed", "steps", "cfg_scale", "width", "height", "batch_size", "n_iter", "denoising_strength")

TEXT_TO_IMAGE: Final = BodyReader(
    TextToImage,
    examples={
        "plain": {"summary": "A picture", "value": {"prompt": "a lighthouse at dusk", "width": 512, "height": 512}}
    },
)
IMAGE_TO_IMAGE: Final = BodyReader(
    ImageToImage,
    examples={
        "plain": {"summary": "Change a picture", "value": {"prompt": "at night", "init_images": ["iVBORw0KGgo="]}}
    },
)


class Generated(Resource, frozen=True, kw_only=True):
    """The pictures of a request."""

    images: Annotated[
        list[str],
        about("The files in base64: PNG, with the recipe in the text `parameters`.", example=["iVBORw0KGgo="]),
    ]
    parameters: Annotated[
        dict[str, Any],
        about(
            "The fields of the request that are known here, without its pictures.", example={"prompt": "a lighthouse"}
        ),
    ]
    info: Annotated[
        str, about("JSON: `infotexts`, `all_seeds` (-1: not known), `job_ids` and more.", example='{"all_seeds":[7]}')
    ]


class State(Resource, frozen=True, kw_only=True):
    """What the newest open job is doing."""

    skipped: bool = False
    interrupted: Annotated[bool, about("Whether it is being canceled.")] = False
    stopping_generation: bool = False
    job: Annotated[str, about("Its id; empty: there is none.")] = ""
    job_count: Annotated[int, about("How many of the jobs that were looked at are open.")] = 0
    job_timestamp: Annotated[str, about("When it was submitted, as YYYYMMDDhhmmss in UTC; 0: there is none.")] = "0"
    job_no: int = 0
    sampling_step: Annotated[int, about("The step that is done.")] = 0
    sampling_steps: Annotated[int, about("The number of steps; 0: not known.")] = 0


class ProgressAnswer(Resource, frozen=True, kw_only=True):
    """How far the newest open job is that this key submitted at these routes."""

    progress: Annotated[float, about("The part that is done, 0 to 1.")] = 0.0
    eta_relative: Annotated[float, about("Estimated seconds until its end; 0: not known.")] = 0.0
    state: State = State()
    current_image: Annotated[str | None, about("The newest preview in base64.")] = None
    textinfo: Annotated[str | None, about("What it waits for, or what the app says.")] = None
    current_task: Annotated[str | None, about("The name that the request gave it, or its id.")] = None


class TaskAnswer(Resource, frozen=True, kw_only=True):
    """How far a request is that was named by `force_task_id`, or a job."""

    active: Annotated[bool, about("Whether it runs.")] = False
    queued: Annotated[bool, about("Whether it waits.")] = False
    completed: Annotated[bool, about("Whether it has ended.")] = False
    progress: float | None = None
    eta: float | None = None
    live_preview: Annotated[str | None, about("A preview that is newer than the one named, as a `data:` URI.")] = None
    id_live_preview: Annotated[int, about("Its number; -1: there is none.")] = -1
    textinfo: str | None = None


class TaskQuestion(DialectBody, frozen=True, kw_only=True):
    """A question for the progress of a request."""

    id_task: Annotated[_Task, about("Its `force_task_id`, or a job's id.")]
    id_live_preview: Annotated[int, about("The preview that the client has; -1: none.")] = -1
    live_preview: Annotated[bool, about("Whether to send one.")] = True


class Interruption(DialectBody, frozen=True, kw_only=True):
    """What to interrupt."""

    force_task_id: Annotated[_Task | UnsetType, about("One request; without it, all that are open.")] = UNSET


TASK: Final = BodyReader(TaskQuestion)
INTERRUPTION: Final = BodyReader(Interruption, optional=True)


class Picture(DialectBody, frozen=True, kw_only=True):
    """A picture to look at."""

    image: Annotated[str, about("In base64, or as a `data:` URI.")]
    model: Annotated[
        str, about("To interrogate: a model of ours that describes pictures; any other name: the first one.")
    ] = ""


class PictureText(Resource, frozen=True, kw_only=True):
    """What is written in a picture."""

    info: Annotated[str, about("Its text `parameters`; empty: it has none.", example="a lighthouse\nSteps: 4, Seed: 7")]
    items: Annotated[dict[str, str], about("Its other texts.", example={})]


class Caption(Resource, frozen=True, kw_only=True):
    """What a picture shows."""

    caption: Annotated[str, about("The description.", example="A lighthouse at dusk.")]


PICTURE: Final = BodyReader(Picture)


class Options(DialectBody, frozen=True, kw_only=True):
    """Settings; all but one have no effect."""

    sd_model_checkpoint: Annotated[str, about("The model for the requests of this key that name none.")] = ""


OPTIONS: Final = BodyReader(Options)
