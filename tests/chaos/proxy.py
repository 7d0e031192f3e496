"""A TCP proxy on the loopback interface that fails as networks do: cut, silent, refusing, slow, deaf to answers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from dataclasses import dataclass, field
from typing import Final, Self

_CHUNK: Final = 64 << 10
#: Close with a reset instead of a polite end.
_RESET: Final = struct.pack("ii", 1, 0)


@dataclass(slots=True, eq=False)
class _Link:
    """One connection through the proxy."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    #: Nothing passes any more, and nobody is told: what a half-open connection is.
    frozen: asyncio.Event = field(default_factory=asyncio.Event)

    def reset(self) -> None:
        for writer in (self.client, self.server):
            raw = writer.get_extra_info("socket")
            with contextlib.suppress(OSError):
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()


class Proxy:
    """Listens on a port of its own and passes everything on to another, until told to fail.

    Use it in a ``with`` statement. All methods may be called from any thread.

    Args:
        target: Port of 127.0.0.1 to pass on to.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=f"proxy-{target}", daemon=True)
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._latency = 0.0
        self._refusing = False
        self._listening = threading.Event()
        # Set while bytes may pass, towards the server and back.
        self._up, self._down = asyncio.Event(), asyncio.Event()
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._listening.wait(10), "the proxy does not listen"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    # -- failing ---------------------------------------------------------------

    def cut(self) -> None:
        """Reset every connection; new ones work."""
        self._loop.call_soon_threadsafe(self._cut)

    def freeze(self) -> None:
        """Let nothing pass on the connections that are open now, and tell nobody; new ones work."""
        self._loop.call_soon_threadsafe(self._freeze)

    def split(self) -> None:
        """Let nothing pass on any connection, old or new, until :meth:`heal`."""
        self._loop.call_soon_threadsafe(self._gate, False, False)

    def deafen(self) -> None:
        """Let requests through and hold the answers back, until :meth:`heal`."""
        self._loop.call_soon_threadsafe(self._gate, True, False)

    def refuse(self) -> None:
        """Reset every connection, and every new one, until :meth:`heal`."""
        self._refusing = True
        self.cut()

    def slow(self, seconds: float) -> None:
        """Hold every piece back for so long, until :meth:`heal`."""
        self._latency = seconds

    def heal(self) -> None:
        """Pass everything on again; what was held back goes first."""
        self._refusing = False
        self._latency = 0.0
        self._loop.call_soon_threadsafe(self._gate, True, True)

    # -- passing on ------------------------------------------------------------

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._gate(True, True)
        self._listening.set()
        self._loop.run_forever()
        server.close()
        self._cut()
        for task in self._tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*self._tasks, return_exceptions=True))
        # A connection that is aborted is closed only in the loop's next rounds.
        self._loop.run_until_complete(asyncio.sleep(0.05))
        self._loop.close()

    def _gate(self, up: bool, down: bool) -> None:  # noqa: FBT001 - two directions, set together
        for event, opened in ((self._up, up), (self._down, down)):
            (event.set if opened else event.clear)()

    def _cut(self) -> None:
        for link in self._links:
            link.reset()

    def _freeze(self) -> None:
        for link in self._links:
            link.frozen.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._pass(reader, writer)
        except asyncio.CancelledError:
            return  # the proxy ends; asyncio's server would report it as an error
        finally:
            self._tasks.discard(task)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self._refusing:
                raise ConnectionRefusedError
            answers, server = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            _Link(writer, writer).reset()
            return
        link = _Link(writer, server)
        self._links.add(link)
        pumps = [
            asyncio.ensure_future(self._pump(link, reader, server, self._up)),
            asyncio.ensure_future(self._pump(link, answers, writer, self._down)),
        ]
        try:
            await asyncio.wait(pumps)
        finally:
            for pump in pumps:
                pump.cancel()
            self._links.discard(link)
            writer.transport.abort()
            server.transport.abort()

    async def _pump(
        self, link: _Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gate: asyncio.Event
    ) -> None:
        try:
            while piece := await reader.read(_CHUNK):
                if self._latency:
                    await asyncio.sleep(self._latency)
                await gate.wait()
                if link.frozen.is_set():
                    await asyncio.Event().wait()
                writer.write(piece)
                await writer.drain()
            await gate.wait()
            writer.write_eof()
        except OSError:
            link.reset()
