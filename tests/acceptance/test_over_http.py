"""What clients get over HTTP, by polling alone: the six systems and upstream errors, through the whole service.

One stack per Gradio line: real Valkey, web, worker and scheduler, and as
upstreams real Gradio apps with the six signatures.
"""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Iterator

import pytest
from PIL import Image

from providers.echo.painting import paint
from tests.spaces.launcher import Spaces
from tests.support.api_client import ApiClient
from tests.support.processes import Stack

pytestmark = [pytest.mark.live, pytest.mark.acceptance]

#: The oldest and the newest of the tested lines; the others take their time. tests/integration/providers has all three.
LINES = ["6", *(pytest.param(old, marks=pytest.mark.soak) for old in ("5.50", "4.44", "4.19", "4.16", "4.8"))]


@pytest.fixture(scope="module", params=LINES)
def line(request: pytest.FixtureRequest) -> str:
    """The Gradio line of all upstreams of a stack."""
    return str(request.param)


@pytest.fixture(scope="module")
def client(line: str, spaces: Spaces, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiClient]:
    """A client of a stack whose providers all stand on this machine."""
    names = ("flux_schnell", "flux_dev", "janus", "g4f_predict", "generic")
    apps = {name: spaces.start(line, f"{name}.py") for name in names}
    url = {name: app.url for name, app in apps.items()}
    folder = tmp_path_factory.mktemp("stack")
    config = folder / "providers.toml"
    systems = {
        "blackforestlabs-flux1-schnell": "flux_schnell", "voodoohop-flux1-schnell": "flux_schnell",
        "blackforestlabs-flux1-dev": "flux_dev", "g4f-flux1-dev": "flux_dev", "deepseekai-janus-pro-7b": "janus",
    }  # fmt: skip
    tables = [f'[providers.{name}]\nurl = "{url[app]}"' for name, app in systems.items()]
    tables.append(f'[providers.g4f]\nurl = "{url["janus"]}"\nflux_url = "{url["g4f_predict"]}"')
    for api in ("fail", "used_up", "crash", "nowhere", "quick"):
        tables.append(
            f'[providers.{api}]\ndriver = "space"\nurl = "{url["generic"]}"\napi_name = "/{api}"\n'
            f'models = ["{api}"]\nkind = "text"\nparameters = {{ text = "" }}'
        )
    config.write_text("\n\n".join(tables))
    with Stack(folder / "stack", environ={"DARKROOM_CONFIG": str(config)}) as stack:
        stack.whole()
        for app in apps.values():
            app.wait()
        yield ApiClient(stack.url)
    for app in apps.values():
        app.stop()


@pytest.mark.parametrize("provider", ["blackforestlabs-flux1-schnell", "voodoohop-flux1-schnell"])
def test_schnell_gives_one_verified_picture_and_its_seed(client: ApiClient, provider: str) -> None:
    seen = client.run("flux-schnell", provider, input={"prompt": "a red fox"})
    assert seen.job["status"] == "succeeded", seen.job
    assert seen.job["provider"] == provider
    (output,) = seen.job["outputs"]
    assert client.fetch_image(output).size == (768, 768)
    assert isinstance(output["seed"], int)
    assert seen.job["input"]["num_inference_steps"] == 2
    assert [attempt["outcome"] for attempt in seen.job["attempts"]] == ["succeeded"]


@pytest.mark.parametrize("provider", ["blackforestlabs-flux1-dev", "g4f-flux1-dev"])
def test_dev_shows_status_progress_and_previews_on_the_way(client: ApiClient, provider: str) -> None:
    given = {"prompt": "a fox", "aspect_ratio": "16:9", "num_inference_steps": 20, "seed": 7}
    seen = client.run("flux-dev", provider, input=given)
    assert seen.job["status"] == "succeeded", seen.job
    (output,) = seen.job["outputs"]
    assert client.fetch_image(output).size == (1024, 576)
    assert output["seed"] == 7
    assert "running" in seen.statuses
    assert any(0 < (progress.get("fraction") or 0) < 1 for progress in seen.progress)
    assert seen.previews
    for preview in seen.previews:
        with Image.open(io.BytesIO(preview)) as image:
            assert max(image.size) <= 512
        assert len(preview) <= 64 << 10
    log = client.http.get(seen.job["urls"]["events"], headers={"Accept": "application/json"}).json()
    assert "Waiting for a GPU to become available" in str(log)


@pytest.mark.parametrize("provider", ["deepseekai-janus-pro-7b", "g4f"])
def test_janus_gives_every_picture_of_its_gallery(client: ApiClient, provider: str) -> None:
    seen = client.run("janus-pro-7b-image", provider, input={"prompt": "five foxes", "seed": 3})
    assert seen.job["status"] == "succeeded", seen.job
    assert [output["index"] for output in seen.job["outputs"]] == [0, 1, 2, 3, 4]
    assert {client.fetch_image(output).size for output in seen.job["outputs"]} == {(384, 384)}
    assert len({output["sha256"] for output in seen.job["outputs"]}) == 5


@pytest.mark.parametrize("provider", ["deepseekai-janus-pro-7b", "g4f"])
def test_janus_answers_a_question_about_a_picture(client: ApiClient, provider: str) -> None:
    picture = "data:image/png;base64," + base64.b64encode(paint("a fox", 1, 64, 48)).decode()
    seen = client.run("janus-pro-7b", provider, input={"prompt": "What is it?", "image": picture})
    assert seen.job["status"] == "succeeded", seen.job
    (output,) = seen.job["outputs"]
    assert (output["kind"], output["text"]) == ("text", "A picture of 64x48. You asked: What is it?")
    assert "base64" not in str(seen.job)


def test_janus_takes_a_history(client: ApiClient) -> None:
    picture = "data:image/png;base64," + base64.b64encode(paint("a fox", 1, 64, 48)).decode()
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": picture}}, {"type": "text", "text": "Hello"}]},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "And now?"},
    ]  # fmt: skip
    seen = client.run("janus-pro-7b", "deepseekai-janus-pro-7b", input={"messages": messages})
    assert seen.job["status"] == "succeeded", seen.job
    assert seen.job["outputs"][0]["text"].startswith("A picture of 64x48. You asked: System: Be brief.")


def test_g4f_paints_schnell_by_a_blocking_call_and_says_so(client: ApiClient) -> None:
    seen = client.run("flux-schnell", "g4f", input={"prompt": "a fox", "width": 512, "height": 300})
    assert seen.job["status"] == "succeeded", seen.job
    assert client.fetch_image(seen.job["outputs"][0]).size == (512, 296)
    log = client.http.get(seen.job["urls"]["events"], headers={"Accept": "application/json"}).json()
    for words in ("Acquiring GPU token", "Finished"):
        assert words in str(log)


def test_g4f_sends_flux_to_flux_dev(client: ApiClient) -> None:
    seen = client.run("flux", "g4f", input={"prompt": "a fox", "num_inference_steps": 4})
    assert seen.job["status"] == "succeeded", seen.job
    assert client.fetch_image(seen.job["outputs"][0]).size == (1024, 1024)


@pytest.mark.parametrize(
    ("model", "text", "code", "detail"),
    [
        ("fail", 'Too <b>long</b>, see <a href="x">the page</a>', "provider_error", "Too long, see the page"),
        ("crash", "x", "provider_error", "the app failed"),
        ("nowhere", "x", "provider_changed", "nowhere"),
    ],
)
def test_an_upstreams_error_is_typed_and_readable(
    client: ApiClient, model: str, text: str, code: str, detail: str
) -> None:
    seen = client.run(model, input={"text": text})
    assert seen.job["status"] == "failed"
    error = seen.job["error"]
    assert error["code"] == code
    assert detail.lower() in error["detail"].lower()
    assert "<" not in error["detail"]
    assert error["provider"] == model


def test_a_quota_without_an_end_in_sight_is_told_with_its_time(client: ApiClient) -> None:
    # The app's own words: those that it has from the job's input are not believed.
    job = client.submit("used_up", input={"text": "x"})
    ends = time.monotonic() + 30
    while not (job["status"] == "queued" and job.get("attempts")):
        assert time.monotonic() < ends, job
        time.sleep(0.05)
        job = client.http.get(job["urls"]["self"]).json()
    (attempt,) = job["attempts"]
    assert attempt["error"]["code"] == "provider_quota"
    assert attempt["error"]["retry_after"] == 588
    assert job["queue"]["reason"] == "provider_cooldown"
    assert job["queue"]["until"]
    client.http.post(job["urls"]["cancel"])


def test_a_failed_job_has_no_output(client: ApiClient) -> None:
    seen = client.run("crash", input={"text": "no"})
    assert not seen.job.get("outputs")
    assert client.http.get(f"{seen.job['urls']['self']}/outputs/0").status_code == 404
