"""Waiting, while a fault may have taken Redis away."""

from __future__ import annotations

import functools
from typing import Final

import redis

from jobs.errors import StoreUnavailable
from tests.support import eventually as support

#: As :func:`tests.support.eventually.eventually`; what cannot be asked for now is not true yet.
eventually: Final = functools.partial(support.eventually, despite=(StoreUnavailable, redis.RedisError))
