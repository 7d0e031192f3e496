"""The Hub's token and the state of a Space, against a local stand-in and a real app."""

from __future__ import annotations

import re
from typing import Any, cast

import pytest

from providers.base import Control
from providers.errors import Canceled, ProviderError, Unreachable, Waking
from providers.huggingface.hub import Hub
from providers.spec import Credentials, ProviderRequest
from tests.spaces.hub import HubStandIn
from tests.spaces.launcher import Space, Spaces
from tests.support.driver_attempts import attempt_on

SPACE = "black-forest-labs/FLUX.1-dev"
SMALL = {"prompt": "a", "width": 64, "height": 64, "num_inference_steps": 1}
NOWHERE = "http://127.0.0.1:9"


def zerogpu(space: Space) -> dict[str, str]:
    """The headers about money and the user that the app last saw."""
    headers = cast("dict[str, Any]", space.notes()[-1]["headers"])
    names = ("x-zerogpu-token", "x-zerogpu-uuid", "x-hf-authorization", "cookie", "authorization")
    return {name: headers[name] for name in names if name in headers}


def run(space: Space, hub: HubStandIn, credentials: Credentials, provider: str = "blackforestlabs-flux1-dev") -> None:
    attempt_on(f'[providers.{provider}]\nurl = "{space.url}"', hub.url)(
        provider, "flux", SMALL, credentials=credentials
    )


@pytest.mark.live
@pytest.mark.parametrize("provider", ["blackforestlabs-flux1-dev", "g4f-flux1-dev"])
def test_without_a_key_token_and_uuid_come_from_the_spaces_page(spaces: Spaces, hub: HubStandIn, provider: str) -> None:
    space = spaces.get("6", "flux_dev.py")
    run(space, hub, Credentials(), provider)
    assert zerogpu(space) == {"x-zerogpu-token": "page-token", "x-zerogpu-uuid": "page-uuid"}
    id_ = SPACE if provider.startswith("black") else "roxky/FLUX.1-dev"
    assert hub.paths() == [f"/spaces/{id_}"]


@pytest.mark.live
def test_with_the_users_cookies_the_token_of_the_api_takes_its_place(spaces: Spaces, hub: HubStandIn) -> None:
    space = spaces.get("6", "flux_dev.py")
    run(space, hub, Credentials(cookies=hub.cookie))
    # The app itself never sees the Hub's cookies.
    assert zerogpu(space) == {"x-zerogpu-token": "user-token", "x-zerogpu-uuid": "page-uuid"}
    asked = hub.asked[-1]
    assert asked.path == f"/api/spaces/{SPACE}/jwt"
    assert asked.query["include_pro_status"] == "true"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", asked.query["expiration"])


@pytest.mark.live
def test_a_key_of_ones_own_is_sent_and_the_hub_is_not_asked(spaces: Spaces, hub: HubStandIn) -> None:
    space = spaces.get("6", "flux_dev.py")
    run(space, hub, Credentials(api_key="mine"))
    assert zerogpu(space) == {"x-zerogpu-token": "mine", "x-zerogpu-uuid": "[object Object]"}
    run(space, hub, Credentials(api_key="mine", zerogpu_uuid="my-uuid"))
    assert zerogpu(space) == {"x-zerogpu-token": "mine", "x-zerogpu-uuid": "my-uuid"}
    run(space, hub, Credentials(hf_token="hf_mine"))
    assert zerogpu(space) == {"x-hf-authorization": "Bearer hf_mine"}
    run(space, hub, Credentials(api_key="hf_mine"))
    assert zerogpu(space) == {"x-hf-authorization": "Bearer hf_mine"}
    assert hub.asked == []


@pytest.mark.live
@pytest.mark.parametrize("fault", ["broken", "no token", "no hub", "no space"])
def test_a_missing_token_is_no_error(spaces: Spaces, hub: HubStandIn, fault: str) -> None:
    space = spaces.get("6", "flux_dev.py")
    hub.broken = fault == "broken"
    if fault == "no token":
        hub.token = None
    extra = 'space = ""' if fault == "no space" else ""
    url = NOWHERE if fault == "no hub" else hub.url
    attempt = attempt_on(f'[providers.blackforestlabs-flux1-dev]\nurl = "{space.url}"\n{extra}', url)
    attempt("blackforestlabs-flux1-dev", "flux-dev", SMALL)
    assert zerogpu(space) == {}


@pytest.mark.live
def test_systems_without_zerogpu_ask_the_hub_nothing_while_all_is_well(spaces: Spaces, hub: HubStandIn) -> None:
    space = spaces.get("6", "flux_schnell.py")
    run(space, hub, Credentials(), "blackforestlabs-flux1-schnell")
    assert hub.asked == []


@pytest.mark.live
def test_g4fs_blocking_call_takes_the_token_too(spaces: Spaces, hub: HubStandIn) -> None:
    space = spaces.get("6", "g4f_predict.py")
    attempt = attempt_on(f'[providers.g4f]\nflux_url = "{space.url}"', hub.url)
    attempt("g4f", "flux-schnell", {"prompt": "a", "width": 64, "height": 64})
    assert zerogpu(space) == {"x-zerogpu-token": "page-token", "x-zerogpu-uuid": "page-uuid"}
    assert hub.paths() == ["/spaces/roxky/Janus-Pro-7B"]


@pytest.mark.parametrize(
    ("stage", "kind", "words"),
    [
        ("SLEEPING", Waking, "is asleep"),
        ("STOPPED", Waking, "is stopped"),
        ("BUILDING", Waking, "is being built"),
        ("APP_STARTING", Waking, "is starting"),
        ("PAUSED", Unreachable, "is paused by its owner"),
        ("BUILD_ERROR", Unreachable, "could not be built"),
        ("RUNTIME_ERROR", Unreachable, "has crashed"),
        ("CONFIG_ERROR", Unreachable, "broken configuration"),
        ("NO_APP_FILE", Unreachable, "has no app"),
        ("RUNNING", Unreachable, "no connection to the app"),
        ("SOMETHING_NEW", Unreachable, "no connection to the app"),
    ],
)
def test_a_space_that_does_not_answer_is_explained_by_the_hub(
    hub: HubStandIn, stage: str, kind: type[ProviderError], words: str
) -> None:
    hub.stages["black-forest-labs/FLUX.1-schnell"] = stage
    attempt = attempt_on(f'[providers.blackforestlabs-flux1-schnell]\nurl = "{NOWHERE}"', hub.url)
    with pytest.raises(kind, match=words) as caught:
        attempt("blackforestlabs-flux1-schnell", "flux", SMALL)
    assert type(caught.value) is kind
    assert (caught.value.retry_after is not None) == (kind is Waking)
    assert hub.paths() == ["/api/spaces/black-forest-labs/FLUX.1-schnell"]


def test_a_provider_without_a_space_asks_nobody(hub: HubStandIn) -> None:
    attempt = attempt_on(f'[providers.voodoohop-flux1-schnell]\nurl = "{NOWHERE}"', hub.url)
    with pytest.raises(Unreachable):
        attempt("voodoohop-flux1-schnell", "flux", SMALL)
    assert hub.asked == []


def test_abandoning_a_lost_attempt_asks_the_hub_nothing(hub: HubStandIn) -> None:
    attempt = attempt_on(f'[providers.blackforestlabs-flux1-dev]\nurl = "{NOWHERE}"', hub.url)
    request = ProviderRequest(model="flux-dev", input=SMALL)
    state = {"phase": "posted", "style": "join", "session": "x", "fn_index": 2, "event_id": "y"}
    attempt.catalog.driver("blackforestlabs-flux1-dev").abandon(state, request)
    assert hub.asked == []


def test_a_hub_that_does_not_answer_is_left_alone_for_a_while(hub: HubStandIn) -> None:
    now = 0.0
    asking = Hub(hub.url, clock=lambda: now)
    away = Hub(NOWHERE, clock=lambda: now)
    for one in (asking, away):
        one.gpu_token(SPACE, Credentials(), Control(10.0))
    away._url = hub.url  # the Hub is back, at the same address so to speak
    assert away.gpu_token(SPACE, Credentials(), Control(10.0)).token is None
    now = 61.0
    assert away.gpu_token(SPACE, Credentials(), Control(10.0)).token == "page-token"
    assert len(hub.asked) == 2


def test_a_refusal_of_the_hub_is_no_silence(hub: HubStandIn) -> None:
    asking = Hub(hub.url)
    hub.broken = True
    assert asking.gpu_token(SPACE, Credentials(), Control(10.0)).token is None
    hub.broken = False
    assert asking.gpu_token(SPACE, Credentials(), Control(10.0)).token == "page-token"


def test_an_account_token_goes_to_the_hub_as_authorization(hub: HubStandIn) -> None:
    Hub(hub.url).state(SPACE, Credentials(hf_token="hf_mine", cookies="a=b"), Control(10.0))
    assert hub.asked[0].headers["authorization"] == "Bearer hf_mine"
    assert hub.asked[0].headers["cookie"] == "a=b"


def test_a_cancel_during_a_look_up_is_a_cancel(hub: HubStandIn) -> None:
    control = Control(10.0)
    control.cancel("enough")
    with pytest.raises(Canceled):
        Hub(hub.url).gpu_token(SPACE, Credentials(), control)


def test_the_hub_tells_a_spaces_commit(hub: HubStandIn) -> None:
    assert Hub(hub.url).revision(SPACE, Control(10.0)) == hub.commit
    assert (Hub("").revision(SPACE, Control(10.0)), Hub(hub.url).revision(None, Control(10.0))) == (None, None)


@pytest.mark.parametrize(
    "body", ['{"sha": "<script>"}', "", "{", "[]", '"x"', '{"runtime": 1}', '{"runtime": {"stage": []}}', "[" * 10_000]
)
def test_odd_answers_of_the_hub_are_no_error(hub: HubStandIn, body: str) -> None:
    hub.odd = body
    assert Hub(hub.url).state(SPACE, Credentials(), Control(10.0)) is None
    assert Hub(hub.url).revision(SPACE, Control(10.0)) is None
    assert Hub(hub.url).gpu_token(SPACE, Credentials(cookies="a=b"), Control(10.0)).token is None
