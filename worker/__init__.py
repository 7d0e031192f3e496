"""Runs jobs (``python -m worker``) and repairs, probes and delivers (``python -m worker.scheduler``)."""
