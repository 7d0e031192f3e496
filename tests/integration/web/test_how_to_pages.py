"""The commands of the how-to pages run as they stand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.pages import HOW_TO, run_commands
from tests.support.processes import Stack

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def whole_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("how-to") / "stack") as running:
        running.whole()
        yield running


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("retry-safely", ["one job: job_", "dempotency-", "idempotency_key_reused", "joined: job_", "\necho\n", "\n3\n"]),
        ("be-faster", ["blackforestlabs-flux1-schnell first; after 30.0 s", "voodoohop-flux1-schnell"]),
        ("share-a-result", ["forbidden\n"]),
        ("reproduce-an-image", ["same seed\n", "'width': 256", "\nhit\n", '"darkroom": "', '"prompt": "a lighthouse"']),
        ("use-images-as-input", ["succeeded\nit ran without the file\n/input/image names a file that does not exist or was deleted (file_", "\nsucceeded\n"]),
        ("poll-a-job", ["submitted job_", "running", "succeeded", "lighthouse.png"]),
        ("get-results", ["0 video video/webm film.webm a lighthouse", "2 model model/gltf-binary mesh.glb", "4 json application/json {'a': [1, 2]}", "5 text", "206 video/webm"]),
        ("watch-a-job", ["event: snapshot", "event: partial", "event: preview", "event: end", "\n204\n", "image/png", "log {'level': 'info', 'text': 'hello'}"]),
    ],
)  # fmt: skip
def test_the_commands_of_a_page_work(whole_stack: Stack, tmp_path: Path, page: str, said: list[str]) -> None:
    printed = run_commands(HOW_TO / f"{page}.md", tmp_path, whole_stack.url)
    for words in said:
        assert words in printed
