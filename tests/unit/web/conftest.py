"""The application on fakeredis, without processes: what needs neither sockets nor time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import fakeredis
import pytest
from flask import Flask
from flask.testing import FlaskClient

import settings as configuration
from jobs import events
from jobs.model import Job, Output
from jobs.service import Submission
from jobs.store import Lease
from providers.paint import paint
from settings import Bind, Settings
from web.app import assemble
from web.services import Services, build


class Woken:
    """A publisher that remembers whom it woke."""

    def __init__(self) -> None:
        self.jobs: list[str] = []

    def publish(self, job_id: str) -> None:
        self.jobs.append(job_id)


class Hand:
    """Leads jobs through their lives as a worker would, one event at a time."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.store = services.store

    def submit(self, owner: str = "local", **changes: Any) -> Job:
        return self.services.jobs.submit(
            replace(
                Submission(
                    owner=owner,
                    model="echo",
                    route=("echo",),
                    given={"prompt": "a lighthouse"},
                    input={"prompt": "a lighthouse", "seed": 7, "width": 512, "height": 512},
                ),
                **changes,
            )
        ).job

    def claim(self, job: Job) -> Lease:
        self.store.beat("w1", 8, 60, [])
        self.store.dispatch()
        lease = self.store.claim(job.id, "w1", 60, lambda job, _: job.input)
        assert lease is not None
        return lease

    def write(self, lease: Lease, kind: type[Any], **fields: Any) -> None:
        at = self.store.now()
        self.store.change(lease.job.id, lambda _: kind(at=at, **fields), fence=lease.fence)

    def preview(self, lease: Lease, index: int) -> bytes:
        picture = paint("a lighthouse", 1, 64, 64, finished=0.5)
        self.store.save_preview(lease.job.id, lease.fence, index, picture)
        self.write(lease, events.Previewed, index=index)
        return picture

    def succeed(self, lease: Lease) -> bytes:
        picture = paint("a lighthouse", 1, 64, 64)
        digest = self.services.artifacts.put(lease.job.id, picture)
        assert digest == hashlib.sha256(picture).hexdigest()
        output = Output(
            index=0,
            kind="image",
            content_type="image/png",
            width=64,
            height=64,
            bytes=len(picture),
            sha256=digest,
            seed=7,
        )
        self.write(lease, events.Succeeded, outputs=(output,))
        return picture


@pytest.fixture
def web_settings(tmp_path: Path) -> Settings:
    return configuration.load({"DARKROOM_DATA_DIR": str(tmp_path), "DARKROOM_HUB_URL": ""})


@pytest.fixture
def services(web_settings: Settings) -> Iterator[Services]:
    built = build(web_settings, client=fakeredis.FakeRedis(), publisher=Woken())
    yield built
    built.close()


@pytest.fixture
def hand(services: Services) -> Hand:
    return Hand(services)


@pytest.fixture
def app(services: Services) -> Flask:
    return assemble(services)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def public_app(web_settings: Settings) -> Iterator[Flask]:
    """The application where everybody can reach it, so that a key is always needed."""
    built = build(replace(web_settings, bind=Bind("0.0.0.0", 8000)), client=fakeredis.FakeRedis(), publisher=Woken())
    yield assemble(built)
    built.close()
