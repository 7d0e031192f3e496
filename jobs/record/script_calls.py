"""Scripts on redis-py's own connections, without what its client puts around each command.

Two thirds of what a short command costs this process go there: filters of arguments, locks of the pool, a look at the
socket, closures. The connection itself is redis-py's, and so are its timeouts, its sign of life after a rest, and its
rule of when a command is sent again.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Final

import redis
from redis.commands.core import Script

#: The share of a pool's connections that is kept here at most, so that other commands always find one.
_KEPT_SHARE: Final = 4


class ScriptCalls:
    """Calls scripts. Safe to use from any thread."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._pool = client.connection_pool
        self._most = self._pool.max_connections // _KEPT_SHARE
        self._idle: list[Any] = []
        self._process = os.getpid()

    def run(self, script: Script, keys: Sequence[str], args: Sequence[str | bytes | float]) -> Any:  # noqa: ANN401
        """Run a script; answers what it answers.

        Raises:
            redis.RedisError: As redis-py's client raises it.
        """
        sent = (packed("EVALSHA", script.sha, len(keys), *keys, *args),)
        return self._send_script(script, sent)[0]

    def run_each(
        self, script: Script, calls: Sequence[tuple[Sequence[str], Sequence[str | bytes | float]]]
    ) -> list[Any]:
        """Run a script with several keys and arguments, in one round trip; answers in order.

        Raises:
            redis.RedisError: As :meth:`run`, where one of them failed.
        """
        sent = [packed("EVALSHA", script.sha, len(keys), *keys, *args) for keys, args in calls]
        return self._send_script(script, sent)

    def _send_script(self, script: Script, sent: Sequence[bytes]) -> list[Any]:
        try:
            return self._send(sent)
        except redis.exceptions.NoScriptError:
            # Then none of them has run.
            self._client.script_load(script.script)
            return self._send(sent)

    def ask_each(self, commands: Sequence[Sequence[str | bytes | float]]) -> list[Any]:
        """Send several commands in one round trip; answers in order.

        Raises:
            redis.RedisError: As redis-py's client raises it, where one of them failed.
        """
        return self._send([packed(*command) for command in commands])

    def _send(self, sent: Sequence[bytes]) -> list[Any]:
        connection = self._take()
        try:
            answers: list[Any] = connection.retry.call_with_retry(
                lambda: _ask(connection, sent), lambda _: connection.disconnect()
            )
        except redis.ResponseError:
            self._give_back(connection)
            raise
        except redis.ConnectionError:
            self._pool.release(connection)
            self._let_go()
            raise
        except BaseException:
            self._pool.release(connection)
            raise
        self._give_back(connection)
        return answers

    def _let_go(self) -> None:
        """Close what is idle: the server is away, also at the other end of these, and nobody may use them for long."""
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.disconnect()
            self._pool.release(connection)
        self._pool.disconnect(inuse_connections=False)

    def _take(self) -> Any:  # noqa: ANN401 - its class is the pool's affair
        if self._process != os.getpid():
            # After a fork the connections are the first process' own.
            self._idle, self._process = [], os.getpid()
        try:
            return self._idle.pop()
        except IndexError:
            return self._pool.get_connection()

    def _give_back(self, connection: Any) -> None:  # noqa: ANN401 - see _take
        if len(self._idle) < self._most and not connection.should_reconnect():
            self._idle.append(connection)
        else:
            self._pool.release(connection)


def packed(*parts: str | bytes | float) -> bytes:
    """A command, as it goes over the wire (RESP)."""
    texts = [part if isinstance(part, bytes) else str(part).encode() for part in parts]
    return b"*%d\r\n%b" % (len(texts), b"".join([b"$%d\r\n%b\r\n" % (len(text), text) for text in texts]))


def _ask(connection: Any, sent: Sequence[bytes]) -> list[Any]:  # noqa: ANN401 - see _take
    """Send commands, and read the answers of all of them before the first that is an error is raised."""
    connection.send_packed_command((b"".join(sent),))
    answers: list[Any] = []
    errors: list[redis.ResponseError] = []
    for _ in sent:
        try:
            answers.append(connection.read_response())
        except redis.ResponseError as error:
            errors.append(error)
    if errors:
        raise errors[0]
    return answers
