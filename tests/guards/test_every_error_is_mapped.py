"""No error of the libraries reaches a client as a 500 because somebody forgot it."""

from __future__ import annotations

import pytest

import jobs.errors
from jobs.errors import JobError, JobGone, LeaseLost, QuotaExceeded
from jobs.files import ArtifactError, ArtifactNotFound
from jobs.model import Status, Tombstone
from providers.errors import UnknownName
from web.http.error_responses import problem_of
from web.http.problems import KINDS

#: A worker's alone.
NOT_FOR_CLIENTS = {LeaseLost, JobError}
STONE = Tombstone(id="job_x", owner="o", status=Status.FAILED, reason="expired", finished_at=1.0, deleted_at=2.0)

ERRORS = [
    kind for kind in vars(jobs.errors).values()
    if isinstance(kind, type) and issubclass(kind, JobError) and kind not in NOT_FOR_CLIENTS
]  # fmt: skip


@pytest.mark.parametrize("kind", [*ERRORS, ArtifactError, ArtifactNotFound, UnknownName])
def test_an_error_has_a_code_of_its_own(kind: type[Exception]) -> None:
    given: dict[type[Exception], tuple[object, ...]] = {JobGone: (STONE,), QuotaExceeded: ("queued", 7)}
    error = kind(*given.get(kind, ("x",)))
    assert problem_of(error).code != "internal"


def test_codes_are_words_with_the_status_of_an_error() -> None:
    for code, kind in KINDS.items():
        assert code.replace("_", "").isalpha()
        assert 400 <= kind.status < 600
        assert kind.title
