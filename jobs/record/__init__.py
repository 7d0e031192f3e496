"""The record of jobs in Redis: its keys, its scripts, its identity, and the store."""
