"""Runs jobs. ``worker.attempts.runner`` holds the life of one job and knows no Celery; ``worker.tasks`` is what Celery calls."""
