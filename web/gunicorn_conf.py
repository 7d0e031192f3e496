"""gunicorn's configuration: ``gunicorn -c web/gunicorn_conf.py`` serves the API on DARKROOM_BIND."""

from __future__ import annotations

from pathlib import Path

import settings

wsgi_app = "web.app:create_app()"
bind = str(settings.load().bind)

# Event streams stay open for minutes: a greenlet each (17 KB), where a thread each would run out.
worker_class = "gevent"
workers = 2
worker_connections = 2000

timeout = 60
# Seconds for open requests at the end; event streams never end by themselves, and clients reconnect.
graceful_timeout = 3
keepalive = 30

# A proxy on this machine may say who the client is; nobody else may.
forwarded_allow_ips = "127.0.0.1,::1"
# gunicorn 27 opens ~/.gunicorn/gunicorn.ctl otherwise: nobody needs it, and a read-only container has no place for it.
control_socket_disable = True
# Heartbeat files belong in memory: on a slow disk a worker would look dead. macOS has no such folder.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - gunicorn makes private files there
