"""Access: API keys, rate limits, limits of open event streams, the audit log."""
