"""Runs the whole service on this machine: checks, start, readiness, clean end."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

import requests

from cli.errors import CannotStart
from cli.stack import private_files, programs, redis_server, runtime
from cli.stack.supervise import Program, supervised
from jobs.access.api_key_store import ApiKeyStore
from jobs.errors import StoreUnavailable
from jobs.record.connection import Connection
from jobs.record.identity import WRONG, DatabaseIdentity
from jobs.vault import Vault, VaultError
from providers.catalog import Catalog
from providers.config import ConfigError
from settings import Bind, Settings

_ADDRESS_IN_USE: Final = errno.EADDRINUSE
_POLL_SECONDS: Final = 0.1
#: Seconds between two lines that say what is still missing.
_HINT_SECONDS: Final = 30.0


class Interrupted(Exception):
    """The service was asked to stop before it was ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A running service: its addresses, and how to wait for its end."""

    url: str
    flower_url: str
    flower_password: str
    #: True if this start created the password.
    flower_password_is_new: bool
    open_to_this_machine: bool
    wait: Callable[[], None]


class Stopper:
    """Turns SIGINT, SIGTERM and SIGHUP into a request to stop. A second signal interrupts at once."""

    def __init__(self) -> None:
        self.asked = threading.Event()

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Handle the signals during the block."""
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = [signal.signal(number, self._handle) for number in numbers]
        try:
            yield
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        if self.asked.is_set():
            raise KeyboardInterrupt
        self.asked.set()


@contextlib.contextmanager
def running(
    settings: Settings,
    stopper: Stopper,
    emit: Callable[[str, str], None],
    *,
    extra: tuple[Program, ...] = (),
    patience: float | None = None,
) -> Iterator[Service]:
    """Run the service during the block. Enter it in the main thread.

    Args:
        settings: The configuration.
        stopper: Checked while waiting.
        emit: Gets ``(program, line)`` for each line of output.
        extra: More programs to run beside it.
        patience: Seconds for the service to become ready; None waits until the stopper is asked.

    Raises:
        CannotStart: The configuration is wrong, a port is taken, the address is public and there is no API key yet,
            or the service was not ready in time.
        InUse: Another service uses the data directory.
        NoRedis: There is no server program.
        Interrupted: The stopper was asked before the service was ready.
    """
    with runtime.lock(settings.data_dir), contextlib.ExitStack() as stack:
        _check(settings)
        for bind in (settings.bind, settings.flower_bind):
            _refuse_taken(bind)
        server = None if settings.redis_url else redis_server.prepare(settings.data_dir)
        url = server.url if server else settings.redis_url
        has_key, locked = _look_in(server, url, settings)
        if not has_key and not settings.bind.is_loopback:
            raise CannotStart(
                f"DARKROOM_BIND={settings.bind} can be reached from other machines, and there is no API key yet. "
                "Make one first: darkroom keys create NAME"
            )
        password, is_new = _flower_password(settings.data_dir)
        folder = settings.data_dir / "run"
        flower_conf = _flower_conf(folder, settings.flower_bind, password)
        supervisor = stack.enter_context(
            supervised(
                (*programs.stack(server, flower_conf), *extra),
                folder=folder,
                directory=programs.ROOT,
                environ=programs.environ(settings, url, os.environ),
                emit=emit,
            )
        )
        _wait_until_ready(runtime.reachable(settings.bind), supervisor, stopper, emit, patience)
        service = Service(
            url=settings.public_url or runtime.reachable(settings.bind),
            flower_url=runtime.reachable(settings.flower_bind),
            flower_password=password,
            flower_password_is_new=is_new,
            open_to_this_machine=not locked,
            wait=lambda: _wait(supervisor, stopper),
        )
        facts = runtime.Runtime(
            pid=os.getpid(), url=runtime.reachable(settings.bind), flower_url=service.flower_url, redis_url=url
        )
        runtime.write(settings.runtime_file, facts)
        stack.callback(settings.runtime_file.unlink, missing_ok=True)
        yield service


def _check(settings: Settings) -> None:
    """Find mistakes now that would otherwise end each program again and again."""
    try:
        Catalog.load(settings.providers_file, optional=settings.config is None)
        Vault.from_file(settings.secret_key_file)
    except (ConfigError, VaultError, OSError) as error:
        raise CannotStart(str(error)) from error


def is_taken(bind: Bind) -> bool:
    """Whether a program listens on this address already.

    Raises:
        CannotStart: This machine cannot listen on the address.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            bind.host, bind.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the servers do: a closed one may linger
            probe.bind(address)
    except (socket.gaierror, UnicodeError) as error:
        raise CannotStart(f"{bind}: there is no such address") from error
    except PermissionError as error:
        raise CannotStart(f"{bind}: this user may not listen on port {bind.port}") from error
    except OSError as error:
        if error.errno == _ADDRESS_IN_USE:
            return True
        raise CannotStart(f"{bind}: cannot listen there ({error.strerror})") from error
    return False


def _refuse_taken(bind: Bind) -> None:
    if is_taken(bind):
        raise CannotStart(
            f"{bind} is taken by another program: stop it, or set DARKROOM_BIND or DARKROOM_FLOWER_BIND to a free port"
        )


def _look_in(server: redis_server.RedisServer | None, url: str, settings: Settings) -> tuple[bool, bool]:
    """Whether the database has a valid API key, and whether it ever had one.

    Raises:
        CannotStart: It is the wrong database, or it does not answer.
    """
    import redis

    with server.running() if server else contextlib.nullcontext():
        try:
            with contextlib.closing(redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5)) as client:
                verdict = DatabaseIdentity(client, settings.identity_file).look()
                if verdict in WRONG:
                    raise CannotStart(WRONG[verdict])
                found = ApiKeyStore(Connection(client))
                return found.any(), found.locked()
        except StoreUnavailable as error:
            raise CannotStart(f"DARKROOM_REDIS_URL: {error}") from error
        except (redis.RedisError, ValueError) as error:
            raise CannotStart(f"DARKROOM_REDIS_URL: {type(error).__name__}, no Redis answers there") from error


def _flower_password(data_dir: Path) -> tuple[str, bool]:
    path = data_dir / "flower.password"
    # An empty file, left by a full disk, is no password: Flower would ask for none.
    if path.exists() and (password := path.read_text(encoding="utf-8").strip()):
        return password, False
    password = secrets.token_urlsafe(18)
    private_files.write(path, password + "\n")
    return password, True


def _flower_conf(folder: Path, bind: Bind, password: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / "flower.conf.py"
    private_files.write(path, programs.flower_config(bind.host, bind.port, password))
    return path


def _wait_until_ready(
    url: str,
    supervisor: subprocess.Popen[bytes],
    stopper: Stopper,
    emit: Callable[[str, str], None],
    patience: float | None,
) -> None:
    began = time.monotonic()
    hint_at = began + _HINT_SECONDS
    said = "no answer yet"
    with requests.Session() as session:
        session.trust_env = False  # a proxy of the environment cannot reach this machine's loopback
        while True:
            if stopper.asked.is_set():
                raise Interrupted
            if supervisor.poll() is not None:
                raise CannotStart("the supervisor ended; its reason is in the lines above")
            with contextlib.suppress(requests.RequestException):
                answer = session.get(f"{url}/readyz", timeout=2)
                if answer.ok:
                    return
                said = answer.text[:500]
            if patience is not None and time.monotonic() > began + patience:
                raise CannotStart(f"not ready after {patience:.0f} s: {said}")
            if time.monotonic() > hint_at:
                emit("up", f"not ready yet: {said}")
                hint_at += _HINT_SECONDS
            time.sleep(_POLL_SECONDS)


def _wait(supervisor: subprocess.Popen[bytes], stopper: Stopper) -> None:
    while not stopper.asked.wait(0.5):
        if supervisor.poll() is not None:
            raise CannotStart("the supervisor died, and everything with it")
