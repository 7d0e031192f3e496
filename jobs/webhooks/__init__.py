"""Webhooks: what is sent, when it is tried again, the outbox, signing secrets."""
