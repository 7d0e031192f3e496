"""The same calls of a Gradio app by a client of one's own: ``bare.py KIND URL JOBS SECONDS``; answers JSON.

KIND: ``requests`` (requests and sseclient, a thread each), ``gradio_client`` (as it comes), ``gradio_client_wide`` (with
as many threads as jobs). Run by an interpreter that has the client.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from typing import Any


def by_requests(url: str, jobs: int, seconds: float) -> Callable[[], list[str]]:
    """What most people write."""
    import requests
    import sseclient

    def call(number: int) -> None:
        with requests.Session() as session:
            posted = session.post(f"{url}/gradio_api/call/together", json={"data": [f"job {number}", seconds]})
            stream = session.get(f"{url}/gradio_api/call/together/{posted.json()['event_id']}", stream=True)
            for event in sseclient.SSEClient(stream.iter_content(None)).events():
                if event.event == "complete":
                    done.append(json.loads(event.data)[0])
                    return

    def run() -> list[str]:
        threads = [threading.Thread(target=call, args=(number,)) for number in range(jobs)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return done

    done: list[str] = []
    return run


def by_gradio_client(url: str, jobs: int, seconds: float, **options: Any) -> Callable[[], list[str]]:  # noqa: ANN401
    """Gradio's own client, one for all jobs."""
    from gradio_client import Client

    client = Client(url, verbose=False, **options)

    def run() -> list[str]:
        running = [client.submit(f"job {number}", seconds, api_name="/together") for number in range(jobs)]
        return [job.result() for job in running]

    return run


def main() -> None:
    """Measure one wave."""
    kind, url, jobs, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    if kind == "requests":
        run = by_requests(url, jobs, seconds)
    elif kind == "gradio_client_wide":
        run = by_gradio_client(url, jobs, seconds, max_workers=jobs)
    else:
        run = by_gradio_client(url, jobs, seconds)
    spent, began = time.process_time(), time.monotonic()
    done = run()
    wall = time.monotonic() - began
    print(json.dumps({"wall": wall, "cpu": time.process_time() - spent, "done": len(done)}))


if __name__ == "__main__":
    main()
