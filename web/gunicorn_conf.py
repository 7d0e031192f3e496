"""gunicorn's configuration: ``gunicorn -c web/gunicorn_conf.py`` serves the API on DARKROOM_BIND."""

from __future__ import annotations

import gc
import importlib
import logging
import os
import shutil
import sys
import warnings
from typing import Any

from gevent import monkey

import logs
import settings
from process import raise_limit
from web.counter_files import own_folder

try:
    _settings = settings.load()
except settings.SettingsError as error:
    sys.exit(f"web: cannot start: {error}")

wsgi_app = "web.app:application()"
bind = str(_settings.bind)

# Event streams stay open for minutes: a greenlet each (24 KB), where a thread each would run out.
worker_class = "web.server.worker.Worker"
workers = 2
worker_connections = 2000
raise_limit()

loglevel = _settings.log_level
timeout = 60
# Seconds for open requests at the end; event streams never end by themselves, and clients reconnect.
graceful_timeout = 3
# So long may a connection lie idle, and so long may the head of a request take: then it is closed without an answer.
keepalive = _settings.request_seconds

# No header has a say in where the application is mounted (gunicorn's default believes SCRIPT_NAME of a local client).
forwarder_headers = ""

# gunicorn replaces the rest in each worker process (see when_ready), and gevent wonders.
warnings.filterwarnings("ignore", "Patching more than once", monkey.MonkeyPatchWarning)

# A proxy on this machine may say who the client is; nobody else may.
forwarded_allow_ips = "127.0.0.1,::1"
# gunicorn 27 opens ~/.gunicorn/gunicorn.ctl otherwise: nobody needs it, and a read-only container has no place for it.
control_socket_disable = True
# Heartbeat files belong in memory: on a slow disk a worker would look dead. macOS has no such folder.
_memory = "/dev/shm"  # noqa: S108 - gunicorn makes private files there
worker_tmp_dir = _memory if os.access(_memory, os.W_OK) else None

# Counters of all worker processes are kept in shared files, so that /metrics is the same from each of them.
# prometheus_client takes the folder from the environment only, and decides when it is imported.
_counters = own_folder(worker_tmp_dir)
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_counters)


def _log_like_everybody() -> None:
    """Let gunicorn's own lines go where all others go."""
    logs.configure(_settings.log_format, "web", _settings.log_level)
    own = logging.getLogger("gunicorn.error")
    own.handlers.clear()
    own.propagate = True


def on_starting(_server: Any) -> None:  # noqa: ANN401 - gunicorn's hooks are untyped
    """In the first process, before any other is started."""
    _log_like_everybody()


def when_ready(_server: Any) -> None:  # noqa: ANN401 - see on_starting
    """In the first process, before it starts the others: import once what each of them needs.

    They share its memory, and one that is started again serves sooner. gevent must replace the parts of the standard
    library first: what is imported here would keep the old ones. What has to do with processes it replaces in each worker
    process, since the first one starts and ends those without it.
    """
    monkey.patch_all(os=False, signal=False, subprocess=False)
    importlib.import_module("web.app").load()
    # No collection in a worker process goes over what was imported, and copies its memory by that.
    gc.freeze()


def post_fork(_server: Any, _worker: Any) -> None:  # noqa: ANN401 - see on_starting
    """In each worker process, before the application is built."""
    _log_like_everybody()


def pre_request(_worker: Any, request: Any) -> None:  # noqa: ANN401 - see on_starting
    """Before each request."""
    from web.http.slow_clients import SlowClientGuard

    reader = request.body.reader
    # A body that is not there cannot be late. All others have a length that is not 0, or come in chunks.
    if getattr(reader, "length", None) != 0:
        request.body.reader = SlowClientGuard(reader, _settings.request_seconds)
    # Who does not read what was asked for is not waited for either: a stream would hold its place for ever.
    request.unreader.sock.settimeout(2 * _settings.request_seconds)


def worker_exit(_server: Any, worker: Any) -> None:  # noqa: ANN401 - see on_starting
    """In a worker process, at its end."""
    application = getattr(worker, "wsgi", None)
    if application is not None:
        application.extensions["darkroom"].close()


def child_exit(_server: Any, worker: Any) -> None:  # noqa: ANN401 - see on_starting
    """In the first process, after a worker process has ended."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(_server: Any) -> None:  # noqa: ANN401 - see on_starting
    """In the first process, at the end."""
    shutil.rmtree(_counters, ignore_errors=True)
