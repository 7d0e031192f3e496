"""Examples of request bodies, by the name of their schema."""

from __future__ import annotations

from typing import Any, Final

Json = dict[str, Any]

_SUBMISSIONS: Final[Json] = {
    "small": {
        "summary": "An image, from whoever has it first",
        "value": {"model": "flux-schnell", "input": {"prompt": "a lighthouse at dusk"}},
    },
    "full": {
        "summary": "An image from one provider, with everything said",
        "value": {
            "model": "flux-dev",
            "provider": "blackforestlabs-flux1-dev",
            "input": {"prompt": "a lighthouse at dusk", "aspect_ratio": "16:9", "seed": 7, "num_inference_steps": 28},
            "priority": "high",
            "metadata": {"user": "discord-1234"},
            "webhook": {"url": "https://hooks.example.com/darkroom", "events": ["job.started", "job.succeeded"]},
            "cache": "allow",
            "embed_recipe": False,
            "deadline_seconds": 600,
            "retention_seconds": 86400,
        },
    },
    "hedge": {
        "summary": "An image soon: whoever is slow is raced by the next one",
        "value": {"model": "flux-schnell", "input": {"prompt": "a lighthouse at dusk"}, "strategy": "hedge"},
    },
    "scripted": {
        "summary": "No upstream at all: what shall happen is in the job",
        "value": {"model": "echo", "input": {"script": ["queue 3s", "progress 5", "preview", "image"]}},
    },
}


BODY_EXAMPLES: Final[dict[str, Json]] = {
    "Submission": _SUBMISSIONS,
    "WebhookTest": {"test": {"summary": "Try a receiver", "value": {"url": "https://hooks.example.com/darkroom"}}},
    "BatchSubmission": {
        "list": {
            "summary": "Two jobs",
            "value": {
                "jobs": [
                    {"model": "flux-schnell", "input": {"prompt": "a lighthouse at dusk"}},
                    {"model": "flux-dev", "input": {"prompt": "a lighthouse at dawn"}},
                ]
            },
        },
        "matrix": {
            "summary": "Four jobs: two models with two seeds each",
            "value": {
                "template": {"model": "flux-dev", "input": {"prompt": "a lighthouse at dusk"}},
                "matrix": {"model": ["flux-dev", "flux-schnell"], "input.seed": [1, 2]},
            },
        },
    },
    "QueueChange": {
        "pause": {"summary": "Hold everything back", "value": {"paused": True, "reason": "a new machine"}},
        "resume": {"summary": "Go on", "value": {"paused": False}},
    },
    "ProviderChange": {
        "drain": {
            "summary": "Send it nothing for now",
            "value": {"state": "draining", "reason": "its owner rebuilds it"},
        },
        "limit": {"summary": "At most two jobs there at once", "value": {"limit": 2}},
        "back": {"summary": "As its configuration says", "value": {"state": "enabled", "limit": None}},
    },
    "LinkWish": {"day": {"summary": "For a day", "value": {"expires_seconds": 86_400}}},
    "NewKey": {
        "small": {"summary": "A key that may do everything", "value": {"name": "me"}},
        "bot": {
            "summary": "A key for a bot that shall not take everything",
            "value": {"name": "discord-bot", "scopes": ["submit", "read"], "limits": {"running": 4, "queued": 200}},
        },
    },
    "KeyChange": {
        "limits": {
            "summary": "More at once, and as many waiting as everybody",
            "value": {"limits": {"running": 8, "queued": None}},
        },
        "scopes": {"summary": "Only look", "value": {"name": "dashboard", "scopes": ["read"]}},
    },
    "KeyRotation": {
        "day": {"summary": "The old one works for a day", "value": {}},
        "now": {"summary": "The old one ends now", "value": {"overlap_seconds": 0}},
    },
    "Upload": {
        "picture": {
            "summary": "A picture that is kept for an hour",
            "value": {"purpose": "vision", "retention_seconds": 3600},
        }
    },
    "Rerun": {
        "same": {"summary": "The same once more", "value": {}},
        "other": {"summary": "With another seed, and the default size", "value": {"input": {"seed": 8, "width": None}}},
    },
}
