"""Attempts: claim a job, run it on a provider, write its events, store its outputs. No Celery here."""
