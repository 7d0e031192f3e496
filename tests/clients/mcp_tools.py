"""What the unmodified ``mcp`` package makes of the tools: one JSON object for each case that is named.

Usage: ``python mcp_tools.py MODE CASE...`` with MCP_URL and MCP_KEY. The mode is ``auto`` (the newest revision that both
know), ``legacy``, or one that begins with ``stdio`` (through the command in MCP_COMMAND, in the folder MCP_FOLDER). Runs with the packages of
``requirements/client-mcp-1.txt`` and ``client-mcp-2.txt``: the second has another API, and its cases are the same.
"""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import mcp

Found = dict[str, Any]
_IS_NEW: Final = hasattr(mcp, "Client")
#: Few steps: the app takes its time for each.
_QUICK: Final = {"model": "flux-schnell", "steps": 1, "width": 64, "height": 64}


class Host:
    """A program with a connection, by either version of the package."""

    def __init__(self, client: Any, began: Any) -> None:
        self.client = client
        self.began = began
        self.notes: list[Found] = []
        self.noted = asyncio.Event()

    async def call(self, name: str, **arguments: object) -> Found:
        """The result of a tool, and what was reported before."""

        async def note(progress: float, total: float | None, message: str | None) -> None:
            self.notes.append({"progress": progress, "total": total, "message": message})
            self.noted.set()

        self.notes = []
        try:
            found = await self.client.call_tool(name, arguments, progress_callback=note)
        except Exception as error:  # noqa: BLE001 - what a host shows is what is tested
            return _error(error)
        return {**found.model_dump(by_alias=True, mode="json", exclude_none=True), "notes": self.notes}


def _error(error: BaseException) -> Found:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    found = getattr(error, "error", None)
    return {"class": type(error).__name__, "code": getattr(found, "code", None), "message": str(error)}


@asynccontextmanager
async def connected(mode: str, key: str) -> AsyncIterator[Host]:
    """A connection as a host makes it."""
    url, headers = os.environ["MCP_URL"], {"Authorization": f"Bearer {key}"}
    command = shlex.split(os.environ.get("MCP_COMMAND", ""))
    if _IS_NEW:
        import httpx2
        from mcp.client.stdio import StdioServerParameters
        from mcp.client.streamable_http import streamable_http_client

        async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
            server: Any = streamable_http_client(url, http_client=http)
            if mode.startswith("stdio"):
                server = StdioServerParameters(command=command[0], args=command[1:], **_stdio(url, key))
            kind = "legacy" if mode == "legacy" else "auto"
            async with mcp.Client(server, mode=kind) as client:
                yield Host(client, client)
        return
    from mcp.client.stdio import StdioServerParameters, stdio_client
    from mcp.client.streamable_http import streamablehttp_client

    if mode.startswith("stdio"):
        server = stdio_client(StdioServerParameters(command=command[0], args=command[1:], **_stdio(url, key)))
    else:
        server = streamablehttp_client(url, headers=headers)
    async with server as streams, mcp.ClientSession(streams[0], streams[1]) as session:
        yield Host(session, await session.initialize())


def _stdio(url: str, key: str) -> Found:
    environ = {**os.environ, "DARKROOM_URL": url.removesuffix("/mcp"), "DARKROOM_API_KEY": key}
    return {"env": environ, "cwd": os.environ["MCP_FOLDER"]}


async def hello(host: Host) -> Found:
    """Who is there, and which tools."""
    tools = (await host.client.list_tools()).tools
    began = host.began
    info = getattr(began, "server_info", None) or began.serverInfo
    version = getattr(began, "protocol_version", None) or began.protocolVersion
    return {"server": info.name, "version": version, "tools": [tool.name for tool in tools]}


async def generate(host: Host) -> Found:
    """A picture, with progress."""
    return await host.call("generate_image", prompt=f"generate {sys.argv[1]}", **{**_QUICK, "steps": 4, "seed": 7})


async def edit(host: Host) -> Found:
    """A picture from a picture in the message."""
    return await host.call("edit_image", model="retouch", image=os.environ["PICTURE"])


async def edit_file(host: Host) -> Found:
    """A picture from one that was uploaded."""
    return await host.call("edit_image", model="retouch", image=os.environ["FILE_ID"])


async def describe(host: Host) -> Found:
    """What is on a picture."""
    return await host.call("describe_image", model="describe", image=os.environ["PICTURE"], question="What is it?")


async def wait(host: Host) -> Found:
    """The result of a job that another call has made."""
    return await host.call("get_job", job_id=os.environ["WAITING"])


async def cancel(host: Host) -> Found:
    """The end of a job that would take long."""
    return await host.call("cancel_job", job_id=os.environ["ENDLESS"])


async def models(host: Host) -> Found:
    """What there is."""
    return await host.call("list_models")


async def failed(host: Host) -> Found:
    """A job that fails in the app."""
    return await host.call("generate_image", prompt=f"crash {sys.argv[1]}", **_QUICK)


async def wrong(host: Host) -> Found:
    """An argument that there is not."""
    return await host.call("generate_image", prompt="wrong", size="64x64")


async def no_tool(host: Host) -> Found:
    """A tool that there is not."""
    return await host.call("rm", path="/")


async def aborted(host: Host) -> Found:
    """A picture that the user no longer wants, once something was reported of it."""
    asked = asyncio.create_task(host.call("generate_image", prompt=f"aborted {sys.argv[1]}", **_QUICK))
    host.noted.clear()
    await host.noted.wait()
    asked.cancel()
    await asyncio.wait([asked])
    return {"canceled": asked.cancelled()}


async def interrupted(mode: str) -> list[Found]:
    """A picture whose server dies; a host connects and asks again."""
    found: list[Found] = []
    while "content" not in (found or [{}])[-1] and len(found) < 60:
        try:
            async with connected(mode, os.environ["MCP_KEY"]) as host:
                found.append(await host.call("generate_image", prompt=f"interrupted {mode}", **_QUICK))
        except BaseException as error:  # noqa: BLE001 - the connection may be lost in any of its parts
            found.append(_error(error))
            await asyncio.sleep(0.5)
    return [found[0], found[-1]]


_CASES: Final[dict[str, Callable[[Host], Awaitable[Any]]]] = {
    case.__name__: case
    for case in (
        hello, generate, edit, edit_file, describe, wait, cancel, models, failed, wrong, no_tool, aborted,
    )
}  # fmt: skip


async def no_key(mode: str) -> Found:
    """A connection without a key."""
    try:
        async with connected(mode, "none") as host:
            return {"class": None, "tools": await hello(host)}
    except BaseException as error:  # noqa: BLE001 - what a host shows is what is tested
        return _error(error)


async def main() -> None:
    """Run the cases, one after the other."""
    mode, *names = sys.argv[1:]
    found: Found = {}
    async with connected(mode, os.environ["MCP_KEY"]) as host:
        for name in names:
            if name in _CASES:
                found[name] = await _CASES[name](host)
    for case in (no_key, interrupted):
        if case.__name__ in names:
            found[case.__name__] = await case(mode)
    print(json.dumps(found))


if __name__ == "__main__":
    asyncio.run(main())
