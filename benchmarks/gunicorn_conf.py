"""The same server as web/gunicorn_conf.py, for the applications that Darkroom is compared with."""

from __future__ import annotations

worker_class = "gevent"
workers = 2
worker_connections = 2000
keepalive = 30
control_socket_disable = True
