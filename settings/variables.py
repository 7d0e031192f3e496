"""The environment variables, each with its default and its meaning. Their names are a contract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable: its default as text, and what it means."""

    name: str
    default: str
    meaning: str


_LIMIT: Final = " `none` removes the limit; a key can have its own."
_OWN: Final = " A provider can have its own (`limits`)."

VARIABLES: Final = (
    Variable("DARKROOM_BIND", "127.0.0.1:8000", "Address of the HTTP API, as host:port."),
    Variable("DARKROOM_REDIS_URL", "", "URL of Redis or Valkey, 6.2 or newer. Empty: an embedded server is started."),
    Variable("DARKROOM_DATA_DIR", ".darkroom", "Folder for artifacts, secrets and the data of the embedded server."),
    Variable(
        "DARKROOM_CONFIG",
        "",
        "A TOML file with providers and models, read again when it changes. Empty: providers.toml in the data directory,"
        " if there is one.",
    ),
    Variable("DARKROOM_PUBLIC_URL", "", "Address that clients use, for links. Empty: taken from each request."),
    Variable(
        "DARKROOM_DIALECTS",
        "all",
        "APIs of other services that their clients find here: all, none, or names with commas between, as openai"
        " ([which there are](compatibility.md)).",
    ),
    Variable(
        "DARKROOM_HUB_URL", "https://huggingface.co", "Address of the Hugging Face Hub. Empty: the Hub is not asked."
    ),
    Variable("DARKROOM_FLOWER_BIND", "127.0.0.1:5555", "Address of the Flower dashboard, as host:port."),
    Variable("DARKROOM_WORKER_CONCURRENCY", "256", "Jobs that one worker process runs at once."),
    Variable(
        "DARKROOM_SECRET_KEY_FILE",
        "",
        "File with 32 random bytes in base64. Empty: secret.key in the data directory, created if missing."
        " More lines: older keys, which the first one has replaced.",
    ),
    Variable(
        "DARKROOM_LEASE_SECONDS", "15", "Seconds without a heartbeat until a worker's jobs go to another attempt."
    ),
    Variable(
        "DARKROOM_EMBED_RECIPE",
        "on",
        "on or off: whether image files contain how they were made (prompt, parameters, provider). A job can say otherwise.",
    ),
    Variable(
        "DARKROOM_REQUEST_SECONDS",
        "30",
        "Seconds a client may take to send the headers, and the body unless it arrives at 16 KB/s or more.",
    ),
    Variable(
        "DARKROOM_SWEEP_SECONDS",
        "3600",
        "Seconds between sweeps for orphaned files. A file found orphaned twice in a row is deleted.",
    ),
    Variable(
        "DARKROOM_FILE_RETENTION_SECONDS", "86400", "Seconds an uploaded file is kept. An upload can say otherwise."
    ),
    Variable("DARKROOM_FILE_BYTES", "1073741824", "Total bytes of the uploaded files of one API key."),
    Variable(
        "DARKROOM_TOMBSTONE_DAYS",
        "30",
        "Days for which a deleted job is answered with 410 and not 404, at about 50 bytes of Redis' memory each. 0: none.",
    ),
    Variable("DARKROOM_LOG_FORMAT", "", "json or console. Empty: console on a terminal, else json."),
    Variable("DARKROOM_LOG_LEVEL", "info", "debug, info or warning. Secrets are hidden at every level."),
    Variable(
        "DARKROOM_LIMIT_SUBMITS_PER_MINUTE",
        "6000",
        f"Jobs that one key may submit per minute, in all processes together.{_LIMIT}",
    ),
    Variable(
        "DARKROOM_LIMIT_READS_PER_MINUTE",
        "60000",
        f"Other requests of one key per minute. Each web process counts its own.{_LIMIT}",
    ),
    Variable(
        "DARKROOM_LIMIT_INPUT_BYTES_PER_DAY",
        "10737418240",
        f"Bytes of one key's submissions and uploaded files per 24 hours.{_LIMIT}",
    ),
    Variable("DARKROOM_LIMIT_STREAMS", "500", f"Open event streams of one key, in all processes together.{_LIMIT}"),
    Variable("DARKROOM_LIMIT_QUEUED", "10000", f"Queued jobs of one key.{_LIMIT}"),
    Variable("DARKROOM_LIMIT_RUNNING", "1000", f"Running jobs of one key.{_LIMIT}"),
    Variable("DARKROOM_LIMIT_USER_QUEUED", "1000", f"Queued jobs of one end user (`metadata.user`).{_LIMIT}"),
    Variable("DARKROOM_LIMIT_USER_RUNNING", "100", f"Running jobs of one end user.{_LIMIT}"),
    Variable("DARKROOM_OUTPUTS", "64", f"Outputs of one job that are kept: of more the first ones.{_OWN}"),
    Variable("DARKROOM_OUTPUT_IMAGE_BYTES", "67108864", f"Bytes of an image of a result.{_OWN}"),
    Variable(
        "DARKROOM_OUTPUT_IMAGE_PIXELS",
        "67108864",
        "Pixels of an image of a result; a larger one is made smaller. More than 89000000 are not decoded; that many"
        f" take 360 MB of memory.{_OWN}",
    ),
    Variable("DARKROOM_OUTPUT_FILE_BYTES", "536870912", f"Bytes of any other file of a result.{_OWN}"),
    Variable("DARKROOM_OUTPUT_JOB_BYTES", "2147483648", f"Bytes of all files of a result together.{_OWN}"),
    Variable(
        "DARKROOM_OUTPUT_INLINE_BYTES",
        "262144",
        f"Bytes of a job's texts and JSON in its record, together; a longer one becomes a file.{_OWN}",
    ),
    Variable("DARKROOM_TEST_MODE", "", "For tests of Darkroom itself: on allows DARKROOM_TEST_FAILPOINTS."),
    Variable(
        "DARKROOM_TEST_FAILPOINTS", "", "For tests of Darkroom itself: points at which a process crashes or hangs."
    ),
)


def reference() -> str:
    """docs/reference/settings.md: every variable, from :data:`VARIABLES`."""
    rows = [f"| `{v.name}` | {f'`{v.default}`' if v.default else ''} | {v.meaning} |" for v in VARIABLES]
    return "\n".join(
        [
            "# Settings",
            "",
            "Environment variables of every process. Made by `./run docs`; do not edit.",
            "",
            "| variable | default | meaning |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )
