"""Runs jobs (``celery -A worker.celery worker``) and repairs, probes and delivers (``python -m worker.scheduler``)."""
