"""A provider whose app has changed is noticed before a job fails on it; with real Gradio apps."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.stack.redis_server import free_port
from jobs.record import keys
from jobs.scheduling import circuits, health
from jobs.scheduling.health_store import HealthStore
from providers.catalog import Catalog
from tests.spaces.hub import serve_hub
from tests.spaces.launcher import Spaces
from tests.support.connections import RiggedConnection
from tests.support.worker_parts import shared_of
from worker.scheduler.prober import Prober

pytestmark = pytest.mark.live

NAME = "blackforestlabs-flux1-dev"


def seen(record: health.Health, at: float) -> str:
    return health.condition(record, health.blocked_until(record, at))


def test_an_app_that_lost_a_parameter_is_degraded_until_it_has_it_again(spaces: Spaces, tmp_path: Path) -> None:
    port = free_port()
    config = tmp_path / "providers.toml"
    config.write_text(f'[providers.{NAME}]\nurl = "http://127.0.0.1:{port}"\nspace = ""\n')
    connection = RiggedConnection()
    measured = HealthStore(connection)
    prober = Prober(shared_of(connection, catalog=Catalog.load(config)))

    def look() -> health.Health:
        connection.client.delete(keys.probed(NAME))
        assert prober.round() == 1
        return measured.get([NAME])[NAME]

    assert prober.round() == 0, "nobody uses it"
    measured.update(NAME, lambda record, at: health.succeeded(record, 0.0, 1.0, at))

    space = spaces.start("6", "flux_dev.py", port=port).wait()
    fits = look()
    assert (seen(fits, connection.now()), fits.signature_change) == ("healthy", None)
    assert prober.round() == 0, "once a minute is enough"

    space.stop()
    gone = look()
    assert (gone.signature, gone.signature_change) == (fits.signature, None), "an app that is away has not changed"
    assert (gone.failures_in_row, gone.success_rate) == (1, 1.0)
    for _ in range(circuits.FAILURES_IN_ROW - 1):
        gone = look()
    assert seen(gone, connection.now()) == "down"
    assert connection.client.hget(keys.provider(NAME), "open")

    # The schnell app at the same address: the same function, without guidance_scale.
    space = spaces.start("6", "flux_schnell.py", port=port).wait()
    changed = look()
    assert seen(changed, connection.now()) == "degraded"
    assert "guidance_scale" in str(changed.signature_change)
    assert changed.signature != fits.signature
    assert connection.client.hget(keys.provider(NAME), "shun") == b"1"

    space.stop()
    spaces.start("6", "flux_dev.py", port=port).wait()
    again = look()
    assert (again.signature, again.signature_change) == (fits.signature, None)
    assert look().open_until is None, "it answers, and is still kept away from"
    assert connection.client.hget(keys.provider(NAME), "shun") == b""


def test_the_commit_of_a_space_is_what_the_hub_says(spaces: Spaces, tmp_path: Path) -> None:
    port = free_port()
    config = tmp_path / "providers.toml"
    config.write_text(f'[providers.{NAME}]\nurl = "http://127.0.0.1:{port}"\nspace = "me/painter"\n')
    connection = RiggedConnection()
    measured = HealthStore(connection)
    measured.update(NAME, lambda record, at: health.succeeded(record, 0.0, 1.0, at))
    spaces.start("6", "flux_dev.py", port=port).wait()
    with serve_hub() as hub:
        assert Prober(shared_of(connection, catalog=Catalog.load(config, hub_url=hub.url))).round() == 1
        assert measured.get([NAME])[NAME].revision == hub.commit
        hub.broken = True
        connection.client.delete(keys.probed(NAME))
        assert Prober(shared_of(connection, catalog=Catalog.load(config, hub_url=hub.url))).round() == 1
    kept = measured.get([NAME])[NAME]
    assert (kept.revision, kept.signature_change) == (hub.commit, None), "a Hub that is away changes nothing"
