from __future__ import annotations

import threading

import pytest

from providers.base import Control
from providers.errors import Canceled, Unreachable
from providers.gradio.directory import Directory
from providers.gradio.endpoints import App

APP = App(version=(6,), protocol="sse_v3", prefix="", endpoints=())


def test_an_app_is_fetched_once_within_its_lifetime() -> None:
    now = [0.0]
    directory = Directory(lifetime=60, clock=lambda: now[0])
    fetched: list[int] = []

    def fetch() -> App:
        fetched.append(1)
        return APP

    assert [directory.get("a", fetch, Control()) for _ in range(3)] == [APP] * 3
    assert len(fetched) == 1
    directory.get("b", fetch, Control())
    now[0] = 60.0
    directory.get("a", fetch, Control())
    assert len(fetched) == 3
    directory.forget("a")
    directory.get("a", fetch, Control())
    assert len(fetched) == 4


def test_many_attempts_at_once_fetch_once() -> None:
    directory, go, fetched = Directory(), threading.Event(), []

    def fetch() -> App:
        fetched.append(1)
        assert go.wait(10)
        return APP

    found: list[App] = []
    threads = [threading.Thread(target=lambda: found.append(directory.get("a", fetch, Control()))) for _ in range(20)]
    for thread in threads:
        thread.start()
    go.set()
    for thread in threads:
        thread.join(10)
    assert (len(found), len(fetched)) == (20, 1)


def test_a_failure_is_nobody_elses() -> None:
    directory, fetching, go = Directory(), threading.Event(), threading.Event()

    def fail() -> App:
        fetching.set()
        assert go.wait(10)
        raise Unreachable

    failed: list[bool] = []

    def first() -> None:
        with pytest.raises(Unreachable):
            directory.get("a", fail, Control())
        failed.append(True)

    thread = threading.Thread(target=first)
    thread.start()
    assert fetching.wait(10)
    found: list[App] = []
    second = threading.Thread(target=lambda: found.append(directory.get("a", lambda: APP, Control())))
    second.start()
    go.set()
    thread.join(10)
    second.join(10)
    assert (failed, found) == ([True], [APP])


def test_who_waits_can_be_canceled() -> None:
    directory, fetching, go, control = Directory(), threading.Event(), threading.Event(), Control()

    def fetch() -> App:
        fetching.set()
        assert go.wait(10)
        return APP

    thread = threading.Thread(target=lambda: directory.get("a", fetch, Control()))
    thread.start()
    assert fetching.wait(10)
    control.cancel("by the user")
    with pytest.raises(Canceled):
        directory.get("a", fetch, control)
    go.set()
    thread.join(10)


def test_it_does_not_grow_for_ever() -> None:
    now = [0.0]
    directory = Directory(lifetime=1, clock=lambda: now[0])
    for number in range(1000):
        now[0] += 0.01
        directory.get(number, lambda: APP, Control())
    assert len(directory._entries) <= 256
