"""Values of the examples in the OpenAPI document: one small story, so that the examples of all resources go together."""

from __future__ import annotations

from typing import Final

SERVER: Final = "http://127.0.0.1:8000"

JOB: Final = "job_01M7WPZNWEP4CHRCXW42VP97XB"
BATCH: Final = "batch_01M7WPZKE3J5R1Q8C6T9VXB4DN"
FILE: Final = "file_01M7WPZ8Q0V5D3H2K7XA6R9TCE"
KEY: Final = "key_01M7WPZC5T9V2H4N8Q1R6Y3XJD"
DELIVERY: Final = "msg_01M7WPZR3Q8Z6T4JYB2D9XK5NV"

JOB_URL: Final = f"{SERVER}/v1/jobs/{JOB}"
BATCH_URL: Final = f"{SERVER}/v1/batches/{BATCH}"
FILE_URL: Final = f"{SERVER}/v1/files/{FILE}"

CREATED_AT: Final = "2026-11-20T14:50:18.000Z"
STARTED_AT: Final = "2026-11-20T14:50:18.040Z"
FINISHED_AT: Final = "2026-11-20T14:50:21.200Z"
EXPIRES_AT: Final = "2026-11-21T14:50:21.200Z"

PROVIDER: Final = "blackforestlabs-flux1-schnell"
MODEL: Final = "black-forest-labs-flux-1-schnell"
SPACE: Final = "black-forest-labs/FLUX.1-schnell"
COMMIT: Final = "5b2f9e1c" * 5
SHA256: Final = "5b2f9e1c" * 8
INPUT: Final = {"prompt": "a lighthouse at dusk", "seed": 7, "width": 768, "height": 768, "num_inference_steps": 2}
