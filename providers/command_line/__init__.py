"""``python -m providers``: try a provider without any service."""
