"""Who may do how much: API keys, rate limits, open event streams, the audit log."""
