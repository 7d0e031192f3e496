"""What a job is: its nouns, states, events, and the record that decides.

Only the nouns are re-exported, so that importing this package loads neither
Redis nor Celery.
"""

from jobs.model import Attempt, Failure, Job, Output, Preview, Priority, Progress, Status, Upstream, Webhook

__all__ = ["Attempt", "Failure", "Job", "Output", "Preview", "Priority", "Progress", "Status", "Upstream", "Webhook"]
