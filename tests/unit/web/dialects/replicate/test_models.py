"""Models, versions and the account, as Replicate's clients read them; and OpenAI's list, which is the same answer."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient


def test_one_list_serves_all_clients(client: FlaskClient) -> None:
    found = client.get("/v1/models").get_json()
    assert (found["object"], found["next"], found["previous"]) == ("list", None, None)
    assert [model["id"] for model in found["results"]] == [model["id"] for model in found["data"]]
    one = next(model for model in found["results"] if model["id"] == "echo")
    assert (one["owner"], one["name"], one["visibility"], one["run_count"]) == ("darkroom", "echo", "public", 0)
    assert client.get(one["url"]).get_json() == one


def test_a_model_has_one_version_with_its_schema(client: FlaskClient) -> None:
    found = client.get("/v1/models/anybody/flux-schnell").get_json()
    version = found["latest_version"]
    assert client.get("/v1/models/anybody/flux-schnell/versions").get_json()["results"] == [version]
    assert client.get(f"/v1/models/anybody/flux-schnell/versions/{version['id']}").get_json() == version
    schemas = version["openapi_schema"]["components"]["schemas"]
    assert "prompt" in schemas["Input"]["properties"]
    assert schemas["Output"] == {"type": "array", "items": {"type": "string", "format": "uri"}}


def test_a_text_is_shown_as_one_that_grows(client: FlaskClient) -> None:
    version = client.get("/v1/models/deepseek-ai/janus-pro-7b").get_json()["latest_version"]
    output = version["openapi_schema"]["components"]["schemas"]["Output"]
    assert (output["x-cog-array-type"], output["x-cog-array-display"]) == ("iterator", "concatenate")


def test_a_space_is_its_providers_model(client: FlaskClient) -> None:
    found = client.get("/v1/models/black-forest-labs/FLUX.1-dev").get_json()
    assert found["name"] == "black-forest-labs-flux-1-dev"


@pytest.mark.parametrize(
    "path",
    ["/v1/models/a/steam", "/v1/models/a/steam/versions", "/v1/models/a/echo/versions/39ed52f2", "/v1/models/a/b/c"],
)
def test_what_there_is_not(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.content_type) == (404, "application/problem+json")


def test_a_search(client: FlaskClient) -> None:
    answer = client.open("/v1/models", method="QUERY", data="FLUX dev", content_type="text/plain")
    names = [model["name"] for model in answer.get_json()["results"]]
    assert "flux-dev" in names
    assert all("flux" in name and "dev" in name for name in names)
    # As the client for JavaScript sends it.
    same = client.open("/v1/models", method="QUERY", data='"FLUX dev"', content_type="text/plain")
    assert same.get_json() == answer.get_json()
    long = client.open("/v1/models", method="QUERY", data="x" * 5000, content_type="text/plain")
    assert long.status_code == 413


def test_the_account(client: FlaskClient) -> None:
    assert client.get("/v1/account").get_json()["type"] == "user"
    assert client.get("/v1/hardware").get_json() == []
    assert client.get("/v1/collections").get_json() == {"results": [], "next": None, "previous": None}
