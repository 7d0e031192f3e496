"""What the unmodified ``mcp`` package makes of tasks, with the extension for them: it asks for a task until that has ended.

Usage: ``python mcp_tasks.py`` with MCP_URL, MCP_KEY, and in ENDLESS the id of a task that would take long. Runs with the
packages of ``requirements/client-mcp-2.txt``.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from typing import Any, Literal

import httpx2
import mcp
from mcp.client.extension import ClaimContext, ClientExtension, ResultClaim
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, Request, RequestParams, Result
from pydantic import ConfigDict, Field


class Made(Result):
    """A call that was answered with a task."""

    result_type: Literal["task"] = Field(alias="resultType")
    task_id: str = Field(alias="taskId")


class State(Result):
    """How a task is."""

    model_config = ConfigDict(extra="allow")
    status: str


class Named(RequestParams):
    """Which task."""

    task_id: str = Field(alias="taskId", serialization_alias="taskId")


class GetTask(Request[Named, Literal["tasks/get"]]):
    """The request for its state."""

    method: Literal["tasks/get"] = "tasks/get"
    name_param = "taskId"


class CancelTask(Request[Named, Literal["tasks/cancel"]]):
    """The request for its end."""

    method: Literal["tasks/cancel"] = "tasks/cancel"
    name_param = "taskId"


class Tasks(ClientExtension):
    """The extension; ``seen`` has the states that were seen."""

    identifier = "io.modelcontextprotocol/tasks"

    def __init__(self) -> None:
        self.seen: list[str] = []

    def claims(self) -> Sequence[ResultClaim[Any]]:
        """What it takes in place of a tool's result."""
        return [ResultClaim(result_type="task", model=Made, resolve=self._resolve)]

    async def _resolve(self, made: Made, context: ClaimContext) -> CallToolResult:
        while True:
            state = await self.state(context.session, made.task_id)
            self.seen.append(state.status)
            if state.status != "working":
                return CallToolResult.model_validate((state.model_extra or {})["result"])
            await asyncio.sleep(0.2)

    async def state(self, session: Any, task_id: str) -> State:
        """How a task is now."""
        found: State = await session.send_request(GetTask(params=Named(taskId=task_id)), State)
        return found

    async def cancel(self, session: Any, task_id: str) -> str:
        """End a task, and wait until it has ended."""
        await session.send_request(CancelTask(params=Named(taskId=task_id)), Result)
        while (state := await self.state(session, task_id)).status == "working":
            await asyncio.sleep(0.2)
        return state.status


async def main() -> None:
    """Make a picture by a task, and end another task."""
    extension = Tasks()
    headers = {"Authorization": f"Bearer {os.environ['MCP_KEY']}"}
    async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
        server = streamable_http_client(os.environ["MCP_URL"], http_client=http)
        async with mcp.Client(server, extensions=[extension]) as client:
            arguments = {"prompt": "tasks", "model": "flux-schnell", "steps": 1, "width": 64, "height": 64}
            result = await client.call_tool("generate_image", arguments)
            ended = await extension.cancel(client.session, os.environ["ENDLESS"])
    print(json.dumps({"seen": extension.seen, "ended": ended, **result.model_dump(by_alias=True, mode="json")}))


if __name__ == "__main__":
    asyncio.run(main())
