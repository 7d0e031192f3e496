"""Webhooks: notices of events, their deliveries and retries, the outbox, signing secrets."""
