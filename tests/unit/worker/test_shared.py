"""What a worker tells the scheduler of its providers."""

from __future__ import annotations

from pathlib import Path

import pytest

import settings
from jobs.record import keys
from tests.support.redis_servers import RedisServer
from worker import shared

pytestmark = pytest.mark.real


def test_apps_of_others_get_one_job_first_and_spaces_are_waited_for_longer(
    own_redis_server: RedisServer, tmp_path: Path
) -> None:
    config = tmp_path / "providers.toml"
    config.write_text(
        '[providers.mine]\ndriver = "space"\nurl = "http://gpu.lan:7860"\napi_name = "/x"\nmodels = ["mine"]\n'
        "concurrency = 3\n[providers.voodoohop-flux1-schnell]\nenabled = false\n"
    )
    environ = {
        "DARKROOM_REDIS_URL": own_redis_server.url, "DARKROOM_CONFIG": str(config), "DARKROOM_DATA_DIR": str(tmp_path / "data"),
    }  # fmt: skip
    built = shared.build(settings.load(environ), initialise=True)
    built.announce()
    redis = built.connection.client
    told = {
        name: redis.hmget(keys.provider(name), "limit", "wary")
        for name in ("mine", "blackforestlabs-flux1-dev", "echo")
    }
    assert told["mine"] == [b"3", b"2000"]
    assert told["blackforestlabs-flux1-dev"][1] == b"10000"
    assert told["echo"][1] == b"", "it runs in the worker itself"
    assert not redis.sismember(keys.PROVIDERS, "voodoohop-flux1-schnell")
    redis.close()
